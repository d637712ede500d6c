//! A plugin reaches clients of all hosts: it counts and lists them, tells one of them something, closes one. And the board's
//! numbers are nobody else's.

use std::collections::HashSet;

use tests::{Admin, Client, Redis, Server, Setup, becomes_true, wait_until};

const ROUTES: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n\
    [[route]]\npath = \"/probe\"\nplugin = \"probe\"\nshared = true\n\
    [[route]]\npath = \"/chat\"\nplugin = \"chat\"\nshared = true\n\
    [[route]]\npath = \"/alone\"\nplugin = \"chat\"\n";

fn host_with(redis: &Redis, more: &str) -> Server {
    let text = format!("[redis]\nurl = \"{}\"\n{more}{ROUTES}", redis.url());
    let setup = Setup::new().plugins(&["probe", "chat"]);
    setup.configuration(&text).start()
}

pub(crate) fn host(redis: &Redis) -> Server {
    host_with(redis, "")
}

#[track_caller]
pub(crate) fn ask(client: &mut Client, text: &str) -> String {
    client.send(text);
    client.text()
}

#[track_caller]
fn ask_until(client: &mut Client, text: &str, wanted: &str) {
    let mut last = String::new();
    let is_so = becomes_true(tests::DEADLINE, || {
        last = ask(client, text);
        last == wanted
    });
    assert!(is_so, "{text}: {last}, not {wanted}");
}

pub(crate) fn probe(server: &Server) -> Client {
    Client::connect(server, "/probe")
}

#[test]
fn a_plugin_counts_and_lists_the_clients_of_all_hosts() {
    let redis = Redis::start();
    let [one, two, three] = std::array::from_fn(|_| host(&redis));
    let (mut ann, mut bob) = (probe(&one), probe(&two));
    let (mut cat, mut also_bob) = (probe(&three), probe(&three));
    for (client, name) in [(&mut ann, "ann"), (&mut bob, "bob"), (&mut also_bob, "bob")] {
        assert_eq!(ask(client, &format!("label {name}")), "labelled");
    }
    assert_eq!(ask(&mut ann, "everywhere shared"), "true");
    let ids =
        [&mut ann, &mut bob, &mut cat, &mut also_bob].map(|client| ask(client, "everywhere id"));
    let [of_ann, of_bob, of_cat, of_also_bob] = &ids;
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 4);
    let list = |entries: &[(&String, &str)]| {
        let mut listed: Vec<_> = entries
            .iter()
            .map(|(id, name)| format!("{id}={name}"))
            .collect();
        listed.sort();
        format!("[{}]", listed.join(" "))
    };
    ask_until(&mut ann, "everywhere count", "4");
    let all = list(&[
        (of_ann, "ann"),
        (of_bob, "bob"),
        (of_cat, ""),
        (of_also_bob, "bob"),
    ]);
    for client in [&mut ann, &mut bob, &mut cat] {
        ask_until(client, "everywhere list", &all);
    }
    let bobs = list(&[(of_bob, "bob"), (of_also_bob, "bob")]);
    assert_eq!(ask(&mut ann, "everywhere list bob"), bobs);
    assert_eq!(
        ask(&mut ann, "clients"),
        "1",
        "its own are counted as before"
    );
    // A label that changes is read anew.
    assert_eq!(ask(&mut cat, "label bob"), "labelled");
    let bobs = list(&[(of_bob, "bob"), (of_also_bob, "bob"), (of_cat, "bob")]);
    ask_until(&mut ann, "everywhere list bob", &bobs);
}

#[test]
fn a_client_of_another_host_is_told_and_closed_behind_what_was_said_to_all() {
    let redis = Redis::start();
    let [one, two] = std::array::from_fn(|_| host(&redis));
    let (mut ann, mut bob) = (probe(&one), probe(&two));
    // Somebody with the same number on the speaker's own host, who is to hear nothing of it.
    let of_bob = ask(&mut bob, "everywhere id");
    assert!(of_bob.ends_with("-1") && ask(&mut ann, "id") == "1");
    for number in 0..50 {
        ann.send(&format!("everywhere send {of_bob} {number}"));
        assert_eq!(ann.text(), "Queued");
    }
    for number in 0..50 {
        assert_eq!(bob.text(), number.to_string());
    }
    ann.send(&format!("everywhere send-binary {of_bob} bytes"));
    assert_eq!(
        (ann.text(), bob.binary()),
        ("Queued".to_owned(), b"bytes".to_vec())
    );
    ann.send(&format!("everywhere between {of_bob}"));
    let heard = [bob.text(), bob.text(), bob.text()];
    assert_eq!(heard, ["before", "between", "behind"]);
    let heard = [ann.text(), ann.text(), ann.text()];
    assert_eq!(
        heard,
        ["before", "behind", "Queued"],
        "its answer waits for what it has said"
    );
    ann.send(&format!("everywhere close {of_bob} 4000 away with you"));
    assert_eq!(bob.closed(), (4000, "away with you".to_owned()));
    two.wait_for_log(&["closed 1: 4000 by Plugin"]);
    let mut heard = [ann.text(), ann.text()];
    heard.sort();
    assert_eq!(heard, ["Queued", "client 1 has left"]);
    // It has gone, and its host has not: that one counts what reaches nobody.
    for told in ["send", "close"] {
        let command = format!("everywhere {told} {of_bob} 4000 hi");
        assert_eq!(ask(&mut ann, &command), "Queued");
    }
    wait_until("it is counted", || undelivered(&two) == (2.0, 2));
    assert_eq!(undelivered(&one), (0.0, 0));
    assert_eq!(
        ask(&mut ann, "everywhere close 00000001-1 1006 x"),
        "that close code may not be sent, or its reason is over 123 bytes"
    );
}

/// What was for a client of this host that had gone, as its metrics and its status tell.
fn undelivered(server: &Server) -> (f64, u64) {
    let admin = Admin::of(server);
    let counted = admin.metric("detent_engine_undelivered_total{route=\"/probe\"}");
    let status = admin.json("/status.json");
    let mut routes = status["routes"].as_array().expect("routes").iter();
    let route = routes.find(|route| route["path"] == "/probe");
    let told = &route.expect("it is served")["engine"]["undelivered"];
    (
        counted.expect("the route is shared"),
        told.as_u64().expect("a number"),
    )
}

/// Cause: what was for a host that was never there was taken, and reached nobody.
#[test]
fn what_is_for_a_number_that_no_host_has_is_refused_at_once_and_a_newcomer_is_reached() {
    let redis = Redis::start();
    let one = host(&redis);
    let mut ann = probe(&one);
    for number in ["00000001-1", "fffffffe-7"] {
        for _ in 0..2 {
            assert_eq!(
                ask(&mut ann, &format!("everywhere send {number} hi")),
                "Gone"
            );
            let close = format!("everywhere close {number} 4000 x");
            assert_eq!(ask(&mut ann, &close), "Gone");
        }
    }
    // Each is told to by its number before the other host has looked who is there.
    let mut stay = Vec::new();
    for _ in 0..3 {
        let newcomer = host(&redis);
        let mut bob = probe(&newcomer);
        let of_bob = ask(&mut bob, "everywhere id");
        let told = ask(&mut ann, &format!("everywhere send {of_bob} hello"));
        assert_eq!((told.as_str(), bob.text().as_str()), ("Queued", "hello"));
        // Whoever goes is told to everybody.
        stay.push((bob, newcomer));
    }
}

/// Cause: a host that starts reads what is in the stream, and what was for a client of the run before is for nobody now.
#[test]
fn what_was_for_a_client_of_a_run_that_is_over_reaches_nobody() {
    let redis = Redis::start();
    let [one, mut two] = std::array::from_fn(|_| host(&redis));
    let (mut ann, mut bob) = (probe(&one), probe(&two));
    let of_bob = ask(&mut bob, "everywhere id");
    ask_until(&mut ann, "everywhere count", "2");
    two.stop();
    assert_eq!(bob.closed().0, 1001);
    assert_eq!(ann.text(), "client 1 has left");
    // First it may come back, then it has gone for ever.
    ask_until(&mut ann, &format!("everywhere send {of_bob} hi"), "Gone");
    assert_eq!(ask(&mut ann, "everywhere count"), "1");
    two.start_again();
    let mut carl = probe(&two);
    let of_carl = ask(&mut carl, "everywhere id");
    assert_ne!(of_carl, of_bob);
    assert!(of_carl.ends_with("-1"), "{of_carl}");
    assert_eq!(
        ask(&mut ann, &format!("everywhere send {of_carl} hello")),
        "Queued"
    );
    assert_eq!(carl.text(), "hello", "and nothing of before");
}

#[test]
fn what_is_for_another_host_waits_while_redis_is_away_and_is_refused_in_the_end() {
    let mut redis = Redis::start();
    let one = host_with(&redis, "wait = \"300ms\"\n");
    let two = host(&redis);
    let (mut ann, mut bob) = (probe(&one), probe(&two));
    let of_bob = ask(&mut bob, "everywhere id");
    redis.freeze();
    for number in 0..3 {
        ann.send(&format!("everywhere send {of_bob} {number}"));
    }
    redis.thaw();
    let away = "other hosts cannot be reached now: nothing was said";
    let mut queued = Vec::new();
    for number in 0..3 {
        let told = ann.text();
        assert!(told == "Queued" || told == away, "{told}");
        if told == "Queued" {
            queued.push(number.to_string());
        }
    }
    // What was given up may be heard all the same, in its order and once.
    ask_until(
        &mut ann,
        &format!("everywhere send {of_bob} over"),
        "Queued",
    );
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "over") {
        heard.push(bob.text());
    }
    let heard: Vec<_> = heard.iter().take_while(|text| *text != "over").collect();
    let in_order: Vec<_> = ["0", "1", "2"]
        .into_iter()
        .filter(|of| heard.iter().any(|text| text == of))
        .collect();
    assert_eq!(heard, in_order);
    redis.kill();
    ask_until(&mut ann, &format!("everywhere send {of_bob} hi"), away);
    // Its own clients are reached all the time.
    let of_ann = ask(&mut ann, "everywhere id");
    ann.send(&format!("everywhere send {of_ann} to myself"));
    assert_eq!([ann.text(), ann.text()], ["to myself", "Queued"]);
}

/// Where those on a host hear each other while Redis is away, what is for one client elsewhere waits all the same, and comes in
/// its order and once.
#[test]
fn what_is_for_another_host_comes_when_redis_is_back_where_hosts_go_on_alone() {
    let mut redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let local = "when_away = \"local\"\n";
    let [one, two] = std::array::from_fn(|_| host_with(&redis, local));
    let (mut ann, mut bob) = (probe(&one), probe(&two));
    let (mut cat, mut dan) = (probe(&one), probe(&two));
    let ids = [&mut bob, &mut cat, &mut dan].map(|client| ask(client, "everywhere id"));
    let [of_bob, of_cat, of_dan] = &ids;
    ask_until(&mut ann, "everywhere count", "4");
    redis.kill();
    for host in [&one, &two] {
        host.wait_for_log(&["/probe", "is away: ", "what is said is heard here"]);
    }
    for number in 0..20 {
        let told = ask(&mut ann, &format!("everywhere send {of_bob} {number}"));
        assert_eq!(told, "Queued");
        // Who is on the same host waits for nothing.
        ann.send(&format!("everywhere send {of_cat} {number}"));
        assert_eq!(
            (ann.text(), cat.text()),
            ("Queued".to_owned(), number.to_string())
        );
    }
    // What is for all is heard here at once, and its order holds for who hears all of it later.
    ann.send(&format!("everywhere between {of_bob}"));
    let heard = [ann.text(), ann.text(), ann.text()];
    assert_eq!(heard, ["before", "behind", "Queued"]);
    assert_eq!([cat.text(), cat.text()], ["before", "behind"]);
    let told = ask(
        &mut ann,
        &format!("everywhere close {of_dan} 4000 away with you"),
    );
    assert_eq!(told, "Queued");
    redis.start_again();
    for number in 0..20 {
        assert_eq!(bob.text(), number.to_string());
    }
    let heard = [bob.text(), bob.text(), bob.text()];
    assert_eq!(heard, ["before", "between", "behind"]);
    assert_eq!([dan.text(), dan.text()], ["before", "behind"]);
    assert_eq!(dan.closed(), (4000, "away with you".to_owned()));
    assert_eq!(bob.text(), "client 2 has left");
    for client in [&mut ann, &mut cat] {
        assert_eq!(client.text(), "client 2 has left", "and nothing again");
    }
    let told = ask(
        &mut ann,
        &format!("everywhere send {of_bob} together again"),
    );
    assert_eq!(
        (told.as_str(), bob.text().as_str()),
        ("Queued", "together again")
    );
}

#[test]
fn numbers_on_the_board_are_unique_on_all_hosts_and_after_restarts() {
    let mut redis = Redis::start();
    let [one, mut two] = std::array::from_fn(|_| host(&redis));
    let mut reader = Client::connect(&one, "/chat");
    let mut names = HashSet::new();
    let mut speak = |server: &Server, reader: &mut Client| {
        let mut client = Client::connect(server, "/chat");
        client.send("hello");
        let line = reader.text();
        // What was said before it came may reach its host behind it.
        while client.text() != line {}
        let name = line
            .strip_prefix("Client ")
            .and_then(|of| of.strip_suffix(": hello"));
        let name = name.expect("who says it").to_owned();
        let (host, number) = name.split_once('-').expect("with its host's number");
        assert!(host.len() == 8 && number.parse::<u64>().is_ok(), "{name}");
        assert!(names.insert(name.clone()), "{name} was there before");
    };
    for _ in 0..3 {
        speak(&one, &mut reader);
        speak(&two, &mut reader);
    }
    two.stop();
    two.start_again();
    speak(&two, &mut reader);
    // Who comes while Redis is away has a number of its own too.
    redis.kill();
    let mut late = Client::connect(&two, "/chat");
    redis.start_again();
    wait_until("Redis is back", || {
        two.count_log(&["/chat", "is shared with other hosts"]) >= 2
    });
    late.send("late");
    let line = reader.text();
    while late.text() != line {}
    assert_eq!(line.matches('-').count(), 1, "{line}");
    // A board that is not shared counts as it always did.
    let mut alone = Client::connect(&one, "/alone");
    assert_eq!(ask(&mut alone, "hello"), "Client 1: hello");
}
