//! Every call that the host offers, made by a plugin that does what it is told.

use tests::{Client, Raw, Server, Setup, TEXT, frame};

fn probe() -> Server {
    Setup::new().plugins(&["probe", "chat"]).start()
}

#[track_caller]
fn ask(client: &mut Client, command: &str) -> String {
    client.send(command);
    client.text()
}

#[test]
fn a_topic_is_heard_by_its_members_only() {
    let server = probe();
    let [mut first, mut second, mut third] = [(); 3].map(|()| Client::connect(&server, "/probe"));
    assert_eq!(ask(&mut first, "members news"), "0");
    first.send("join news");
    assert_eq!(ask(&mut first, "members news"), "1");
    second.send("join news");
    assert_eq!(ask(&mut second, "members news"), "2");
    third.send("publish news one");
    third.send("broadcast for all");
    assert_eq!(first.text(), "one");
    assert_eq!(second.text(), "one");
    for client in [&mut first, &mut second, &mut third] {
        assert_eq!(client.text(), "for all");
    }
    first.send("publish-except-me news two");
    assert_eq!(second.text(), "two");
    second.send("leave news");
    assert_eq!(ask(&mut second, "members news"), "1");
    first.send("publish news three");
    assert_eq!(first.text(), "three", "and not its own second");
    assert_eq!(ask(&mut second, "id"), "2", "and not the third");
}

#[test]
fn joining_twice_is_joining_once() {
    let server = probe();
    let mut client = Client::connect(&server, "/probe");
    client.send("join news");
    client.send("join news");
    assert_eq!(ask(&mut client, "members news"), "1");
    assert_eq!(ask(&mut client, "publish news once"), "once");
    client.send("leave news");
    client.send("leave news");
    assert_eq!(ask(&mut client, "members news"), "0");
}

#[test]
fn who_leaves_the_server_leaves_its_topics() {
    let server = probe();
    let mut stays = Client::connect(&server, "/probe");
    let mut leaves = Client::connect(&server, "/probe");
    leaves.send("join news");
    assert_eq!(ask(&mut leaves, "members news"), "1");
    leaves.close(1000, "");
    assert_eq!(stays.text(), "client 2 has left");
    assert_eq!(ask(&mut stays, "members news"), "0");
    assert_eq!(ask(&mut stays, "clients"), "1");
}

#[test]
fn a_broadcast_stays_on_its_route() {
    let server = probe();
    let mut elsewhere = Client::connect(&server, "/chat");
    let mut first = Client::connect(&server, "/probe");
    let mut second = Client::connect(&server, "/probe");
    first.send("broadcast-except 3 not for the second");
    first.send("broadcast-binary bytes");
    assert_eq!(first.text(), "not for the second");
    assert_eq!(first.binary(), b"bytes");
    assert_eq!(second.binary(), b"bytes");
    elsewhere.send("mine");
    assert_eq!(elsewhere.text(), "Client 1: mine");
}

#[test]
fn others_are_reached_by_their_number_on_the_own_route_only() {
    let server = probe();
    let mut first = Client::connect(&server, "/probe");
    let mut second = Client::connect(&server, "/probe");
    let _elsewhere = Client::connect(&server, "/chat");
    assert_eq!(ask(&mut first, "send-to 2 for the second"), "Queued");
    assert_eq!(second.text(), "for the second");
    assert_eq!(ask(&mut first, "send-to 3 to the chat"), "Gone");
    assert_eq!(ask(&mut first, "send-to 999 to nobody"), "Gone");
    assert_eq!(ask(&mut first, "send-to 0 to nobody"), "Gone");
    first.send("close-other 2 off with you");
    assert_eq!(second.closed(), (4000, "off with you".to_owned()));
    assert_eq!(first.text(), "client 2 has left");
    assert_eq!(ask(&mut first, "send-to 2 too late"), "Gone");
}

#[test]
fn a_plugin_closes_after_what_it_sent() {
    let server = probe();
    let mut raw = Raw::upgrade(&server, "/probe");
    // What follows the close is not for the plugin any more.
    let commands = ["burst 3", "close 3001 enough", "burst 3"];
    raw.write(
        commands
            .map(|command| frame(TEXT, command.as_bytes()))
            .concat(),
    );
    for number in ["0", "1", "2"] {
        assert_eq!(raw.frame(), (TEXT, number.as_bytes().to_vec()));
    }
    assert_eq!(raw.close_frame(), (3001, "enough".to_owned()));
    raw.write(frame(tests::CLOSE, &3001_u16.to_be_bytes()));
    assert_eq!(raw.rest(), b"");
    server.wait_for_log(&["closed 1: 3001 by Plugin after 2 messages: enough"]);
}

#[test]
fn a_close_code_that_may_not_be_sent_is_the_plugins_error() {
    let server = probe();
    for (id, code) in [(1, 999), (2, 1005), (3, 1006), (4, 1015), (5, 5000)] {
        let mut client = Client::connect(&server, "/probe");
        client.send(&format!("close {code} x"));
        assert_eq!(client.closed_in_the_end().0, 1011);
        server.wait_for_log(&[
            "WARN",
            &format!("client {id} on /probe: on_message failed: "),
            &format!("close code {code} may not be sent"),
        ]);
    }
    let mut client = Client::connect(&server, "/probe");
    client.send(&format!("close 1000 {}", "x".repeat(124)));
    let (code, _) = client.closed_in_the_end();
    assert_eq!(code, 1011, "a reason has at most 123 bytes");
    let mut client = Client::connect(&server, "/probe");
    let longest = "x".repeat(123);
    client.send(&format!("close 1000 {longest}"));
    assert_eq!(client.closed_in_the_end(), (1000, longest));
}

#[test]
fn a_topic_has_from_1_to_255_bytes() {
    let server = probe();
    let mut client = Client::connect(&server, "/probe");
    let longest = "t".repeat(255);
    client.send(&format!("join {longest}"));
    assert_eq!(ask(&mut client, &format!("members {longest}")), "1");
    client.send(&format!("join {longest}t"));
    assert_eq!(client.closed().0, 1011);
    let mut client = Client::connect(&server, "/probe");
    client.send("join");
    assert_eq!(client.closed_in_the_end().0, 1011);
}

#[test]
fn a_flush_sends_before_the_callback_returns() {
    let server = probe();
    let mut client = Client::connect(&server, "/probe");
    // It returns long after the test has ended.
    client.send("flush-then-sleep 3600000");
    assert_eq!(client.text(), "before");
    server.kill();
}

#[test]
fn a_burst_of_its_own_messages_arrives_whole_and_in_order() {
    let server = probe();
    let mut client = Client::connect(&server, "/probe");
    client.send("burst 20000");
    for number in 0..20_000 {
        assert_eq!(client.text(), number.to_string());
    }
}

#[test]
fn timers_fire_once_again_and_again_or_not_at_all() {
    let server = probe();
    let mut client = Client::connect(&server, "/probe");
    client.send("join timers");
    client.send("timer 1");
    assert_eq!(client.text(), "timer Timer(1)");
    // Had the second timer not been cancelled, it would come before the third.
    client.send("cancelled-timer 20");
    client.send("timer 40");
    assert_eq!(client.text(), "timer Timer(3)");
    client.send("interval 5");
    for _ in 0..5 {
        assert_eq!(client.text(), "timer Timer(4)");
    }
}

#[test]
fn a_thread_of_the_plugins_own_speaks_until_the_server_stops() {
    let mut server = probe();
    let mut client = Client::connect(&server, "/probe");
    client.send("thread 1");
    for number in 1..=50 {
        assert_eq!(client.text(), format!("spoken {number}"));
    }
    server.stop();
    assert_eq!(client.closed_in_the_end().0, 1001);
    server.assert_logged(1, &["plugin::probe: the probe has gone"]);
}

#[test]
fn a_session_is_each_clients_own() {
    let server = probe();
    let mut first = Client::connect(&server, "/probe");
    let mut second = Client::connect(&server, "/probe");
    for expected in 1..=3 {
        assert_eq!(ask(&mut first, "messages"), expected.to_string());
    }
    assert_eq!(ask(&mut second, "messages"), "1");
}

#[test]
fn options_and_path_reach_the_plugin() {
    let setup = Setup::new().plugins(&["probe"]);
    let server = setup.arguments(&["--set", "probe.text=two words"]).start();
    let mut client = Client::connect(&server, "/probe");
    assert_eq!(ask(&mut client, "option"), "Some(\"two words\")");
    assert_eq!(ask(&mut client, "path"), "/probe");
}
