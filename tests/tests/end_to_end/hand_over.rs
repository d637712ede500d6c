//! A plugin's code is replaced under its connected clients: nobody is dropped, nothing is lost,
//! doubled or reordered.

use std::fs;
use std::thread;

use tests::{Client, NumberedChat, Over, Server, Setup, variant, wait_until};

const FILE: &str = "libvariant.so";

fn start(words: &str, arguments: &[&str]) -> Server {
    let setup = Setup::new().file(FILE, &variant(words));
    setup.arguments(arguments).start()
}

/// Puts a version in place of the last one, and waits until it is at work.
#[track_caller]
fn replace(server: &Server, words: &str) -> String {
    server.put_plugin(FILE, &variant(words));
    server.reload()
}

#[track_caller]
fn ask(client: &mut Client, text: &str) -> String {
    client.send(text);
    client.text()
}

/// Sends numbered messages until told to stop; each answer has to be the next one of exactly one
/// version.
fn chat(client: Client, user: &str, is_over: &Over) -> NumberedChat {
    let mut chat = NumberedChat::new(client);
    let mut resumed_before = 0;
    while !is_over.is_said() {
        // Several in flight, so that a replacement finds messages on their way.
        for answer in chat.exchange(4) {
            assert_eq!(answer.user, user);
            assert_eq!(
                answer.version,
                format!("v{}", answer.resumed),
                "each version has taken the session over once"
            );
            assert!(
                answer.resumed >= resumed_before,
                "no way back to older code"
            );
            resumed_before = answer.resumed;
        }
    }
    chat
}

#[test]
fn clients_chat_across_a_hundred_replacements() {
    const CLIENTS: usize = 8;
    const REPLACEMENTS: usize = 100;
    let server = start("v0", &[]);
    let is_over = Over::default();
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|number| {
            let user = [("X-User", &*format!("u{number}"))];
            Client::connect_with(&server, "/variant", &user).expect("the route is there")
        })
        .collect();
    let mut total = 0;
    thread::scope(|scope| {
        let end = is_over.when_dropped();
        let chatting: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(number, client)| {
                let is_over = &is_over;
                scope.spawn(move || chat(client, &format!("u{number}"), is_over))
            })
            .collect();
        for number in 1..=REPLACEMENTS {
            let line = replace(&server, &format!("v{number}"));
            assert!(line.contains("code of route /variant"), "{line}");
        }
        drop(end);
        let ended: Vec<_> = chatting
            .into_iter()
            .map(|one| one.join().expect("it chats"))
            .collect();
        total += ended.iter().map(|chat| chat.count).sum::<u64>();
        // The state has counted every message of every client over all versions.
        let mut first = ended.into_iter().next().expect("there are clients");
        let answer = ask(&mut first.client, "last");
        let expected = format!(
            "v{REPLACEMENTS} {} {} {REPLACEMENTS} u0 last",
            first.count + 1,
            total + 1
        );
        assert_eq!(answer, expected);
    });
    let paused = format!("{CLIENTS} clients, paused for");
    server.assert_logged(REPLACEMENTS, &["replaced by", &paused]);
    server.wait_for_log(&[&format!("(replacement {REPLACEMENTS})")]);
    assert_eq!(
        server.count_log(&["WARN"]) + server.count_log(&["ERROR"]),
        0,
        "{}",
        server.log()
    );
    wait_until("on_close came once for each", || {
        server.count_log(&[": closed "]) == CLIENTS
    });
    print_pauses(&server, total);
}

#[allow(clippy::print_stdout)] // a measurement, for who runs it with --nocapture
fn print_pauses(server: &Server, messages: u64) {
    let log = server.log();
    let pause = |line: &str| {
        line.split_once("paused for ")?
            .1
            .split_once(" ms")?
            .0
            .parse()
            .ok()
    };
    let mut pauses: Vec<f64> = log.lines().filter_map(pause).collect();
    pauses.sort_by(f64::total_cmp);
    let (median, longest) = (pauses[pauses.len() / 2], pauses[pauses.len() - 1]);
    println!(
        "{} replacements during {messages} messages: pause {median:.1} ms (median), {longest:.1} ms (longest)",
        pauses.len()
    );
}

#[test]
fn the_file_may_be_copied_over_or_moved_over() {
    let server = start("v0", &[]);
    let mut client = Client::connect(&server, "/variant");
    assert_eq!(ask(&mut client, "a"), "v0 1 1 0  a");
    fs::write(server.plugin_file(FILE), variant("v1")).expect("it can be written");
    assert!(server.reload().contains("code of route /variant"));
    assert_eq!(ask(&mut client, "b"), "v1 2 2 1  b");
    server.put_plugin(FILE, &variant("v2"));
    assert!(server.reload().contains("code of route /variant"));
    assert_eq!(ask(&mut client, "c"), "v2 3 3 2  c");
}

#[test]
fn a_file_that_has_not_changed_is_left_alone() {
    let server = start("v0", &[]);
    let mut client = Client::connect(&server, "/variant");
    // The same content in a new file.
    server.put_plugin(FILE, &variant("v0"));
    assert!(server.reload().contains("nothing has changed"));
    assert_eq!(ask(&mut client, "a"), "v0 1 1 0  a");
    server.assert_logged(1, &["created"]);
}

#[test]
fn a_plugin_without_memory_gets_its_clients_through_on_open() {
    let server = start("v0 saves-nothing", &[]);
    let user = [("X-User", "ann")];
    let mut client = Client::connect_with(&server, "/variant", &user).expect("admitted");
    assert_eq!(ask(&mut client, "a"), "v0 1 1 0 ann a");
    replace(&server, "v1 saves-nothing");
    assert_eq!(client.text(), "v1 has no memory of you");
    // The handshake is still there to be read, the counts are not.
    assert_eq!(ask(&mut client, "b"), "v1 1 1 0 ann b");
}

#[test]
fn topics_and_their_members_stay() {
    let server = start("v0", &[]);
    let mut member = Client::connect(&server, "/variant");
    let mut speaker = Client::connect(&server, "/variant");
    ask(&mut member, "join green");
    replace(&server, "v1");
    speaker.send("publish green");
    assert_eq!(member.text(), "published by v1");
}

/// `drop_session` comes for each session that `on_close` will not come for.
#[test]
fn the_sessions_of_the_old_code_are_freed() {
    let server = start("v0", &[]);
    let mut clients: Vec<Client> = (0..20)
        .map(|_| Client::connect(&server, "/variant"))
        .collect();
    for (number, client) in (1..).zip(&mut clients) {
        assert_eq!(ask(client, "a"), format!("v0 1 {number} 0  a"));
    }
    replace(&server, "v1");
    server.wait_for_log(&["dropped v0, 0 sessions left"]);
    for (number, client) in (21..).zip(&mut clients) {
        assert_eq!(ask(client, "b"), format!("v1 2 {number} 1  b"));
    }
}

#[test]
fn timers_and_threads_of_the_old_code_end() {
    let server = start(
        "v0",
        &["--set", "variant.ticks=true", "--set", "variant.timer_ms=1"],
    );
    let mut client = Client::connect(&server, "/variant");
    let threads = server.threads();
    for number in 1..=20 {
        replace(&server, &format!("v{number}"));
        server.wait_for_log(&[&format!("ticker of v{} has ended, gone: true", number - 1)]);
        server.wait_for_log(&[&format!("dropped v{}", number - 1)]);
    }
    // What comes before is in order: no version speaks after its successor.
    let mut latest = 0;
    loop {
        let text = client.text();
        let words: Vec<&str> = text.split(' ').collect();
        let version: u64 = words[1][1..].parse().expect("a number");
        assert!(version >= latest, "v{version} speaks after v{latest}");
        latest = version;
        if words[0] == "tick" && version == 20 {
            break;
        }
    }
    assert_eq!(server.count_log(&["was not taken"]), 0);
    wait_until("as many threads as before", || server.threads() == threads);
}

#[test]
fn one_who_is_being_answered_is_waited_for() {
    let server = start("v0", &[]);
    let mut client = Client::connect(&server, "/variant");
    let mut other = Client::connect(&server, "/variant");
    client.send("block 300");
    server.wait_for_log(&["blocks"]);
    replace(&server, "v1");
    assert_eq!(client.text(), "v0 1 1 0  block 300");
    assert_eq!(ask(&mut client, "a"), "v1 2 2 1  a");
    assert_eq!(ask(&mut other, "b"), "v1 1 3 1  b");
}

#[test]
fn every_route_that_the_library_serves_moves() {
    let server = Setup::new().plugins(&["chat"]).start();
    let mut client = Client::connect(&server, "/chat");
    assert_eq!(ask(&mut client, "one"), "Client 1: one");
    // Another build of the same plugin: bytes behind the end of an ELF file mean nothing.
    let mut library = fs::read(server.plugin_file("libchat.so")).expect("it is there");
    library.extend_from_slice(b"another build");
    server.put_plugin("libchat.so", &library);
    assert!(server.reload().contains("code of route /chat"));
    assert_eq!(
        ask(&mut client, "two"),
        "Client 1: two",
        "it kept its number"
    );
    let mut late = Client::connect(&server, "/chat");
    assert_eq!(
        ask(&mut late, "three"),
        "Client 2: three",
        "the board counts on"
    );
    assert_eq!(client.text(), "Client 2: three");
    // The log is written by a thread of its own, which may be behind.
    server.wait_for_log(&["Client 2 says: three"]);
    server.assert_logged(2, &["has connected"]);
}
