//! What is kept: who was away gets it, once and in order, while others speak on; and what cannot be had is told.

use std::fs;
use std::thread;

use tests::{Client, Over, Server, Setup};

pub(crate) const ROUTE: &str = "/annals";

fn start() -> Server {
    Setup::new().plugins(&["annals"]).start()
}

/// A client that says from where on it wants to hear, and how that went: `fresh POSITION` and its like.
#[track_caller]
pub(crate) fn join(server: &Server, query: &str) -> (Client, String, String) {
    let mut client = Client::connect(server, &format!("{ROUTE}?{query}"));
    let told = client.text();
    let (how, position) = told.split_once(' ').expect("how, and from where");
    (client, how.to_owned(), position.to_owned())
}

/// The next message that was kept: its position and what it says.
#[track_caller]
pub(crate) fn kept(client: &mut Client) -> (String, String) {
    let text = client.text();
    let (position, said) = text.split_once(' ').expect("a position comes first");
    assert_eq!(position.len(), 24, "{text}");
    (position.to_owned(), said.to_owned())
}

#[test]
fn who_comes_back_gets_what_it_has_missed_once_and_in_order() {
    let server = start();
    let (mut speaker, how, _) = join(&server, "");
    assert_eq!(how, "fresh");
    speaker.send("say one");
    let (first, said) = kept(&mut speaker);
    assert_eq!(said, "one");
    for text in ["two", "three"] {
        speaker.send(&format!("say {text}"));
        kept(&mut speaker);
    }
    let (mut back, how, from) = join(&server, &format!("since={first}"));
    assert_eq!((how.as_str(), &from), ("recovered", &first));
    let (mut new, how, _) = join(&server, "last=1");
    assert_eq!(how, "fresh");
    speaker.send("say four");
    let texts = |client: &mut Client, count| -> Vec<String> {
        (0..count).map(|_| kept(client).1).collect()
    };
    assert_eq!(texts(&mut back, 3), ["two", "three", "four"]);
    assert_eq!(texts(&mut new, 2), ["three", "four"]);
    speaker.send("tell five");
    assert!(speaker.text().ends_with("four"));
    let mut told = [speaker.text(), speaker.text()];
    told.sort();
    assert!(told[0] == "five" && told[1].ends_with(" 3"), "{told:?}");
}

#[test]
fn who_has_heard_nothing_comes_back_with_the_position_that_it_was_told() {
    let server = start();
    let (client, _, position) = join(&server, "");
    client.close(1000, "");
    let (mut speaker, ..) = join(&server, "");
    speaker.send("say meanwhile");
    kept(&mut speaker);
    let (mut back, how, _) = join(&server, &format!("since={position}"));
    assert_eq!(how, "recovered");
    assert_eq!(kept(&mut back).1, "meanwhile");
}

#[test]
fn a_position_of_a_server_before_or_of_no_form_is_a_gap_and_gets_what_it_cannot_have() {
    let server = start();
    let (mut speaker, ..) = join(&server, "");
    speaker.send("say one");
    let (position, _) = kept(&mut speaker);
    drop(server);
    let server = start();
    let (mut speaker, ..) = join(&server, "");
    speaker.send("say two");
    kept(&mut speaker);
    for wrong in [
        position.as_str(),
        "",
        "nonsense",
        "%00",
        "0000000000-0000000000000",
    ] {
        let (mut back, how, _) = join(&server, &format!("since={wrong}&or_last=9"));
        assert_eq!(how, "gap", "{wrong}");
        assert_eq!(kept(&mut back).1, "two");
        let (_, how, _) = join(&server, &format!("since={wrong}"));
        assert_eq!(how, "gap", "{wrong}");
    }
}

/// Cause: a plugin was told that its client hears a topic more than it may, from wherever it had asked for; it never heard it.
#[test]
fn a_plugin_is_told_where_its_client_hears_as_many_topics_as_it_may() {
    const TOPICS_MAX: usize = 1024;
    let server = start();
    let (mut full, ..) = join(&server, "");
    full.send(&format!("hear {TOPICS_MAX}"));
    let refused = "the server did not do it: the client is a member of as many topics as it may be";
    let (heard, why) = (TOPICS_MAX - 1, full.text());
    assert!(why.starts_with(&format!("{heard} {refused}")), "{why}");
    server.wait_for_log(&["is a member of 1024 topics", "it joins no further ones"]);
    full.send("say live");
    assert_eq!(kept(&mut full).1, "live");
}

#[test]
fn what_is_kept_can_be_read_without_joining() {
    let server = start();
    let (mut speaker, _, start) = join(&server, "");
    let mut reader = Client::connect(&server, &format!("{ROUTE}?silent"));
    for text in ["one", "two"] {
        speaker.send(&format!("say {text}"));
        kept(&mut speaker);
    }
    reader.send(&format!("read {start}"));
    let answer = reader.text();
    let parts: Vec<_> = answer.splitn(3, ' ').collect();
    assert_eq!(parts[0], "Recovered");
    assert!(
        parts[2].contains(" one,") && parts[2].ends_with(" two"),
        "{answer}"
    );
    reader.send(&format!("read {}", parts[1]));
    assert_eq!(reader.text(), format!("Recovered {} ", parts[1]));
}

/// Cause: what a client has missed may be fifty times what may wait for it. It is neither closed for that, nor is anybody
/// else held up: nobody hears less in the room beside it.
#[test]
fn fifty_megabytes_are_missed_and_a_busy_room_beside_does_not_notice() {
    let settings = "
        [[route]]
        path = \"/annals\"
        plugin = \"annals\"
        [route.journal]
        messages = 10000
        bytes = \"64 MiB\"
        [[route]]
        path = \"/board\"
        plugin = \"chat\"
    ";
    let setup = Setup::new()
        .plugins(&["annals", "chat"])
        .configuration(settings);
    let server = setup.arguments(&["--max-backlog", "1MiB"]).start();
    let (mut speaker, _, start) = join(&server, "");
    let mut beside = Client::connect(&server, "/board");
    let is_over = Over::default();
    thread::scope(|scope| {
        let end = is_over.when_dropped();
        scope.spawn(|| {
            while !is_over.is_said() {
                beside.send("x");
                assert!(beside.text().ends_with(": x"));
            }
        });
        // No more at once than its backlog holds: it hears itself, and reads as slowly as the machine is busy.
        for first in (0..1000).step_by(10) {
            speaker.send(&format!("flood {first} 10 50000"));
            for _ in 0..10 {
                kept(&mut speaker);
            }
        }
        let (mut back, how, _) = join(&server, &format!("since={start}"));
        assert_eq!(how, "recovered");
        // It reads nothing yet, and is told something behind all of that.
        back.send("echo behind");
        speaker.send("say live");
        kept(&mut speaker);
        for number in 0..1000 {
            let (_, said) = kept(&mut back);
            assert_eq!(said.trim_start_matches('0').parse().unwrap_or(0), number);
        }
        let rest = [back.text(), back.text()];
        drop(end);
        // Which of the two comes first is not said; a position may begin with any letter.
        assert!(
            rest.iter().any(|text| text.ends_with(" live"))
                && rest.iter().any(|text| text == "behind"),
            "{rest:?}"
        );
    });
}

/// Cause: a client that comes back while everyone speaks has to find the one place at which what it has missed ends and
/// what is said begins.
#[test]
fn whoever_comes_and_goes_while_three_speak_hears_each_message_once_and_in_order() {
    come_and_go_while_three_speak(&start());
}

/// Three speak, and eight come and go again and again: each hears all of it once, in the order of one who stays.
#[track_caller]
pub(crate) fn come_and_go_while_three_speak(server: &Server) {
    let (mut oracle, _, start) = join(server, "");
    thread::scope(|scope| {
        for speaker in 0..3 {
            scope.spawn(move || {
                let mut client = Client::connect(server, &format!("{ROUTE}?silent"));
                for number in 0..200 {
                    client.send(&format!("say {speaker}-{number}"));
                }
                client.close(1000, "");
            });
        }
        let listeners: Vec<_> = (1..=8)
            .map(|step| {
                let start = &start;
                scope.spawn(move || {
                    let (mut position, mut heard) = (start.clone(), Vec::new());
                    while heard.len() < 600 {
                        let (mut client, how, _) = join(server, &format!("since={position}"));
                        assert_eq!(how, "recovered");
                        for _ in 0..(step * 7).min(600 - heard.len()) {
                            let (at, said) = kept(&mut client);
                            heard.push(said);
                            position = at;
                        }
                    }
                    heard
                })
            })
            .collect();
        let expected: Vec<_> = (0..600).map(|_| kept(&mut oracle).1).collect();
        for listener in listeners {
            assert_eq!(listener.join().expect("it has heard all"), expected);
        }
    });
}

#[test]
fn what_is_kept_lives_on_when_the_code_is_replaced() {
    let server = start();
    let (mut speaker, _, start) = join(&server, "");
    speaker.send("say before");
    kept(&mut speaker);
    // Another file by its bytes, the same code.
    let library = server.plugin_file("libannals.so");
    let mut bytes = fs::read(&library).expect("it is there");
    bytes.push(0);
    server.put_plugin("libannals.so", &bytes);
    let done = server.reload();
    assert!(done.contains("code of route /annals"), "{done}");
    speaker.send("say behind");
    kept(&mut speaker);
    let (mut back, how, _) = join(&server, &format!("since={start}"));
    assert_eq!(how, "recovered");
    assert_eq!(kept(&mut back).1, "before");
    assert_eq!(kept(&mut back).1, "behind");
}

/// Bounds may change while people are there: what is past them is let go at once, and told.
#[test]
fn lower_bounds_hold_at_a_reload_and_what_went_is_told() {
    let settings = |messages: u32| {
        format!(
            "[[route]]\npath = \"{ROUTE}\"\nplugin = \"annals\"\n[route.journal]\nmessages = {messages}\n"
        )
    };
    let setup = Setup::new().plugins(&["annals"]);
    let server = setup.configuration(&settings(10)).start();
    let (mut speaker, _, start) = join(&server, "");
    for text in ["one", "two", "three"] {
        speaker.send(&format!("say {text}"));
        kept(&mut speaker);
    }
    let done = server.reload_with(&settings(2));
    assert!(done.contains("route /annals"), "{done}");
    let (mut back, how, _) = join(&server, &format!("since={start}&or_last=9"));
    assert_eq!(how, "gap");
    assert_eq!([kept(&mut back).1, kept(&mut back).1], ["two", "three"]);
    let (mut new, how, _) = join(&server, "last=9");
    assert_eq!(how, "fresh");
    assert_eq!(kept(&mut new).1, "two");
}
