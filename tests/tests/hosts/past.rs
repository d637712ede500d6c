//! A position is the same place on every host: who comes back elsewhere gets what it has missed, once and in order.

use std::time::Duration;

use tests::{Client, Events, Passage, Redis, Setup};

use crate::{ROUTE, host, host_at, hosts, join, kept, post, settings};

#[test]
fn who_comes_back_on_another_host_gets_what_it_has_missed() {
    let redis = Redis::start();
    let [one, other] = hosts(&redis);
    let (mut speaker, how, position) = join(&one, "");
    assert_eq!(how, "fresh");
    for text in ["one", "two", "three"] {
        speaker.send(&format!("say {text}"));
    }
    let (first, _) = kept(&mut speaker);
    for (from, missed) in [
        (&position, &["one", "two", "three"][..]),
        (&first, &["two", "three"]),
    ] {
        let (mut back, how, _) = join(&other, &format!("since={from}"));
        assert_eq!(how, "recovered");
        for text in missed {
            assert_eq!(kept(&mut back).1, *text);
        }
    }
}

#[test]
fn a_host_that_starts_later_has_what_the_stream_holds() {
    let redis = Redis::start();
    let one = host(&redis);
    let (mut speaker, _, position) = join(&one, "");
    for number in 0..1000 {
        speaker.send(&format!("say {number}"));
        kept(&mut speaker);
    }
    let later = host(&redis);
    let (mut back, how, _) = join(&later, &format!("since={position}"));
    assert_eq!(how, "recovered");
    for number in 0..1000 {
        assert_eq!(kept(&mut back).1, number.to_string());
    }
    drop(one);
    // It has nobody but Redis to learn it from.
    let last = host(&redis);
    let (mut back, how, _) = join(&last, &format!("since={position}"));
    assert_eq!(
        (how.as_str(), kept(&mut back).1.as_str()),
        ("recovered", "0")
    );
}

#[test]
fn what_the_stream_does_not_hold_any_more_is_a_gap_to_a_host_that_starts_later() {
    let redis = Redis::start();
    let one = host_at(&redis.url(), "messages = 100\n");
    let (mut speaker, _, position) = join(&one, "");
    for number in 0..1000 {
        speaker.send(&format!("say {number}"));
        kept(&mut speaker);
    }
    let (_, how, _) = join(&one, &format!("since={position}"));
    assert_eq!(how, "recovered", "it has read all of it");
    let later = host(&redis);
    let (_, how, _) = join(&later, &format!("since={position}"));
    assert_eq!(how, "gap");
    let (mut back, _, _) = join(&later, "last=1");
    assert_eq!(kept(&mut back).1, "999");
}

/// Cause: a client may be faster than Redis: it comes with a position that the host has not read up to yet.
#[test]
fn who_is_ahead_of_a_host_waits_until_that_has_come_there() {
    let redis = Redis::on_free_port(&["--appendonly", "no"]);
    let passage = Passage::to(redis.port());
    let one = host(&redis);
    let other = host_at(&format!("redis://127.0.0.1:{}", passage.port()), "");
    passage.delay(Duration::from_millis(100));
    let (mut here, ..) = join(&one, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    for number in 0..10 {
        speaker.send(&format!("say {number}"));
        let (position, said) = kept(&mut here);
        assert_eq!(said, number.to_string());
        speaker.send(&format!("say behind {number}"));
        let (mut there, how, from) = join(&other, &format!("since={position}"));
        assert_eq!((how.as_str(), &from), ("recovered", &position));
        assert_eq!(kept(&mut there).1, format!("behind {number}"));
        kept(&mut here);
    }
    other.wait_for_log(&["joined: Later"]);
}

#[test]
fn a_position_that_nobody_ever_comes_to_is_a_gap() {
    let redis = Redis::start();
    let one = host(&redis);
    let (mut speaker, ..) = join(&one, "");
    speaker.send("say one");
    let (position, _) = kept(&mut speaker);
    // The same epoch, and an offset far ahead.
    let ahead = format!("{}zzzz", &position[..20]);
    let ahead = ahead.replacen("-0000000", "-0000001", 1);
    for wrong in [
        ahead.as_str(),
        "zzzzzzzzzz-0000000000001",
        "0000000001-0000000000001",
        "none",
    ] {
        let (mut back, how, _) = join(&one, &format!("since={wrong}&or_last=1"));
        assert_eq!(how, "gap", "{wrong}");
        assert_eq!(kept(&mut back).1, "one", "{wrong}");
    }
}

/// The same place for who listens by an event stream, which a browser opens anew with the last `id` it has seen.
#[test]
fn an_event_stream_goes_on_at_another_host() {
    let redis = Redis::start();
    let [one, other] = hosts(&redis);
    let mut listener = Events::open(&one, "/push", &[]);
    assert_eq!(post(&one, "/push", "heard").0, 200);
    assert_eq!(listener.text(), "heard");
    let id = listener.last_id().expect("what is kept has one").to_owned();
    drop(listener);
    assert_eq!(post(&one, "/push", "missed").0, 200);
    let line = format!("Last-Event-ID: {id}");
    let mut listener = Events::open(&other, "/push", &[&line]);
    assert_eq!(listener.text(), "missed");
}

/// Cause: a host's own journal counts by itself, and its file would say something else than the stream.
#[test]
fn a_journal_of_a_shared_route_is_in_no_file() {
    let text = settings("redis://127.0.0.1:1", "").replacen(
        "shared = true\n",
        "shared = true\n[route.journal]\nfile = \"a.journal\"\n",
        1,
    );
    let run = Setup::new()
        .configuration(&text)
        .arguments(&["--check"])
        .run();
    run.assert_code(2);
    assert!(run.stderr.contains("leave this away"), "{}", run.stderr);
}
