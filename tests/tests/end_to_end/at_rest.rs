//! Where nothing happens nothing runs: a client at rest costs memory and no processor, so that as many may be here as there
//! is memory for, and a server that waits for a slow one sleeps until it has read.
//!
//! Cause: of the changes that scripts/mutants makes these survived: the hub that does not lie down, and the drain thread that
//! waits for no time.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use tests::{Client, Raw, Server, Setup, TEXT, frame, wait_until};

/// For so long it is looked on.
const WHILE: Duration = Duration::from_secs(1);
/// Beside a load of 60 on two processors a thread that goes round and round has 30 ms of a second.
const MOST: Duration = Duration::from_millis(10);

/// Nobody does anything from now on, and no thread of these names has a turn worth speaking of.
#[track_caller]
fn assert_at_rest(server: &Server, names: &[&str]) {
    wait_until("all that was said is done with", || {
        server.all_threads_sleep()
    });
    let before = server.times_of_threads();
    for name in names {
        let is_there = before.keys().any(|(_, of)| of.starts_with(name));
        assert!(is_there, "no thread {name}: {before:?}");
    }
    // It is measured what is done in that time, and nothing is waited for.
    thread::sleep(WHILE);
    let after = server.times_of_threads();
    let spent: BTreeMap<_, _> = after
        .iter()
        .filter(|((_, name), _)| names.iter().any(|of| name.starts_with(of)))
        .filter_map(|(thread, time)| Some((thread, *time - *before.get(thread)?)))
        .filter(|(_, spent)| *spent > MOST)
        .collect();
    assert!(spent.is_empty(), "in {WHILE:?}: {spent:?}");
}

#[test]
fn clients_that_say_nothing_cost_nothing() {
    let setup = Setup::new().plugins(&["echo", "chat", "push"]);
    let server = setup.start();
    let mut speaker = Client::connect(&server, "/chat");
    let mut others: Vec<Client> = (0..3).map(|_| Client::connect(&server, "/chat")).collect();
    let mut echo = Client::connect(&server, "/echo");
    echo.send("here");
    assert_eq!(echo.text(), "here");
    // A busy room, in which the hub waits for more, and then none.
    for number in 0..200 {
        speaker.send(&format!("{number}"));
    }
    for other in &mut others {
        while !other.text().contains("199") {}
    }
    assert_at_rest(&server, &["hub", "drain", "client-", "accept", "log"]);
}

#[test]
fn one_whose_socket_is_full_is_waited_for_asleep() {
    let text = "client.write_timeout = \"5min\"\n";
    let server = Setup::new().plugins(&["echo"]).configuration(text).start();
    let mut full = Raw::upgrade(&server, "/echo");
    let message = frame(TEXT, &[b'm'; 60_000]);
    // It takes nothing of its echo, and is read no further.
    full.0
        .set_write_timeout(Some(Duration::from_millis(200)))
        .expect("a valid timeout");
    let mut taken = 0;
    wait_until("it is read no further", || {
        while std::io::Write::write_all(&mut full.0, &message).is_ok() {
            taken += 1;
        }
        server.all_threads_sleep() && server.has_unread_bytes(&full)
    });
    assert!(taken > 0);
    assert_at_rest(&server, &["hub", "drain", "client-"]);
}
