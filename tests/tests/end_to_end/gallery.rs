//! A gallery of bad plugins, and what the others notice of each: nothing. While one misbehaves, bystanders on its own route
//! and on two others speak and are answered, each answer the one to its question and in order; none is closed, newcomers are
//! let in, and the log names who it was. What fails in single callbacks stands in `faults`, what blocks in `stuck`, what
//! ends the process in `crashes`.
//!
//! How long they waited is printed (`cargo test -p tests --test end_to_end gallery -- --nocapture --test-threads 1`) and judged
//! by nobody, since the machine that tests run on may be busy.

use std::time::{Duration, Instant};

use tests::{Client, Message, Raw, Server, Setup, compile_c, handshake, wait_until};

const ROUND_TRIPS: usize = 200;

/// A server with all the bad plugins, and two good ones.
fn start() -> Server {
    let setup = Setup::new().plugins(&["echo", "chat", "faulty", "rogue"]);
    compile_c("garbage", &setup.plugins_folder());
    setup.start()
}

/// Those who are there before anything happens.
struct Bystanders {
    echo: Client,
    speaker: Client,
    listener: Client,
    /// On the bad plugin's own route, and what it sends there.
    neighbour: Client,
    question: &'static str,
    answer: &'static str,
    count: usize,
}

impl Bystanders {
    /// With a neighbour on `path`, whose plugin answers the question so.
    fn arrive(server: &Server, path: &str, question: &'static str, answer: &'static str) -> Self {
        Bystanders {
            echo: Client::connect(server, "/echo"),
            speaker: Client::connect(server, "/chat"),
            listener: Client::connect(server, "/chat"),
            neighbour: Client::connect(server, path),
            question,
            answer,
            count: 0,
        }
    }

    /// All of them speak and are answered, newcomers too; says how long they waited.
    #[expect(clippy::print_stdout, reason = "for whoever wants the figures")]
    #[track_caller]
    fn go_on(&mut self, server: &Server, when: &str) {
        let (mut echo, mut chat, mut neighbour) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUND_TRIPS {
            self.count += 1;
            let text = format!("question {}", self.count);
            echo.push(timed(|| {
                self.echo.send(&text);
                assert_eq!(self.echo.text(), text);
            }));
            chat.push(timed(|| {
                self.speaker.send(&text);
                let said = format!(": {text}");
                assert!(self.listener.text().ends_with(&said));
                assert!(self.speaker.text().ends_with(&said));
            }));
            neighbour.push(timed(|| {
                self.neighbour.send(self.question);
                assert_eq!(heard(&mut self.neighbour), self.answer);
            }));
        }
        let mut newcomer = Client::connect(server, "/echo");
        newcomer.send("new here");
        assert_eq!(newcomer.text(), "new here");
        println!(
            "{when}: echo {}, chat {}, neighbour {}",
            figures(echo),
            figures(chat),
            figures(neighbour)
        );
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}

/// Median, and of a hundred all but the slowest.
fn figures(mut waits: Vec<Duration>) -> String {
    waits.sort();
    let at = |part: usize| waits[waits.len() * part / 100].as_micros();
    format!("{} us (p99 {})", at(50), at(99))
}

/// The next word of a bad plugin's route that is an answer.
fn heard(client: &mut Client) -> String {
    match client.receive() {
        Message::Text(text) => text.as_str().to_owned(),
        other => panic!("{other:?}"),
    }
}

fn order(client: &mut Client, order: &str) -> String {
    client.send(order);
    heard(client)
}

/// The bad plugin is `rogue`, which is told `orders`, one client for each, while others look on.
#[track_caller]
fn hang(exhibit: &str, orders: &[(&str, &str)]) -> (Server, Bystanders, Vec<Client>) {
    let server = start();
    let mut bystanders = Bystanders::arrive(&server, "/rogue", "hello", "hello");
    bystanders.go_on(&server, &format!("before {exhibit}"));
    let mut rogues = Vec::new();
    for (what, answer) in orders {
        let mut rogue = Client::connect(&server, "/rogue");
        assert_eq!(order(&mut rogue, what), *answer);
        rogues.push(rogue);
    }
    bystanders.go_on(&server, &format!("during {exhibit}"));
    (server, bystanders, rogues)
}

#[test]
fn panics_in_every_callback_again_and_again() {
    let server = start();
    let mut bystanders = Bystanders::arrive(&server, "/faulty", "nothing", "done");
    bystanders.go_on(&server, "before panics");
    for callback in ["upgrade", "open", "request"] {
        let path = format!("/faulty?{callback}=panic");
        let mut raw = Raw::connect(&server);
        if callback == "request" {
            raw.write(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        } else {
            raw.write(handshake(&path, &[]));
        }
        server.wait_for_log(&["ERROR", &format!("on_{callback} panicked: told to panic")]);
    }
    for (say, named) in [("panic", "on_message"), ("close: panic", "on_close")] {
        let mut client = Client::connect(&server, "/faulty");
        client.send(say);
        if named == "on_close" {
            assert_eq!(client.text(), "done");
            client.close(1000, "");
        }
        server.wait_for_log(&["ERROR", &format!("{named} panicked: told to panic")]);
    }
    let mut client = Client::connect(&server, "/faulty");
    client.send("error: panic");
    assert_eq!(client.text(), "done");
    client.send("fail");
    server.wait_for_log(&["ERROR", "on_error panicked: told to panic"]);
    bystanders.go_on(&server, "during panics");
}

#[test]
fn a_panic_while_a_session_is_dropped() {
    let (server, _bystanders, mut rogues) = hang(
        "a panic in drop",
        &[("panic-in-drop", "panics in its drop")],
    );
    rogues.remove(0).close(1000, "");
    server.wait_for_log(&["ERROR", "/rogue", "told to panic in the session's drop"]);
    let mut newcomer = Client::connect(&server, "/rogue");
    assert_eq!(order(&mut newcomer, "hello"), "hello");
}

#[test]
fn callbacks_that_block_for_ever() {
    let server = start();
    let mut bystanders = Bystanders::arrive(&server, "/faulty", "nothing", "done");
    bystanders.go_on(&server, "before a block");
    let mut stuck = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(&server, "/faulty");
        client.send("block 3600000");
        stuck.push(client);
    }
    wait_until("each of them blocks", || {
        server.count_log(&["plugin::faulty: blocks for"]) == 20
    });
    bystanders.go_on(&server, "during a block");
    server.wait_for_log(&[
        "WARN",
        "plugin faulty on /faulty has been in on_message for 5 s",
    ]);
    drop(stuck);
    server.kill();
}

/// Four threads that never end: the plugin's own, which no callback runs.
#[test]
fn a_flood_of_the_hub_by_threads_that_never_end() {
    let (mut server, bystanders, rogues) = hang("a flood", &[("flood 4", "4 flood")]);
    drop((bystanders, rogues));
    server.stop();
    server.assert_logged(1, &["server::life::stop: stopped"]);
}

#[test]
fn memory_that_is_never_given_back() {
    let (server, _bystanders, _rogues) = hang("a leak", &[("leak 200", "200 MiB leaked")]);
    assert!(server.resident_kib() > 200 * 1024, "it has leaked");
}

#[test]
fn calls_about_a_client_that_has_gone() {
    let (server, mut bystanders, rogues) = hang("ghosts", &[("haunt", "haunts"); 4]);
    drop(rogues);
    bystanders.go_on(&server, "during ghosts");
    wait_until("each ghost has ended", || {
        server.count_log(&["plugin::rogue: haunted ", ": 0 calls reached it"]) == 4
    });
}

#[test]
fn threads_that_end_while_the_host_lives_and_call_it_as_they_end() {
    let (server, _bystanders, _rogues) = hang("brief threads", &[("threads 500", "500 ended")]);
    assert_eq!(server.count_log(&["ERROR"]), 0, "{}", server.log());
}

/// More than 1,024 timers of a route are refused; those of its clients have a bound of their own.
#[test]
fn ten_thousand_timers() {
    let orders = [
        ("timers 10000", "1024 set"),
        ("client-timers 10000", "10000 set"),
    ];
    let (mut server, bystanders, rogues) = hang("10,000 timers", &orders);
    drop((bystanders, rogues));
    server.stop();
}

#[test]
fn what_the_abi_forbids() {
    let server = start();
    let mut bystanders = Bystanders::arrive(&server, "/garbage", "anything", "fine");
    bystanders.go_on(&server, "before garbage");
    for _ in 0..20 {
        let mut client = Client::connect(&server, "/garbage");
        client.send("calls");
        assert!(client.text().contains("invalid: -1"));
    }
    bystanders.go_on(&server, "during garbage");
}
