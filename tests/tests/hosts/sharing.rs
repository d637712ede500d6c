//! What is said on one host is heard on all: once, in one order, and behind it what its speaker says next.

use std::thread;

use tests::{Client, Redis};

use crate::{ROUTE, host, host_at, hosts, join, kept, post};

#[test]
fn what_is_said_on_one_host_is_heard_on_all_in_one_order() {
    let redis = Redis::start();
    let hosts: [_; 3] = hosts(&redis);
    let mut listeners: Vec<_> = hosts.iter().map(|host| join(host, "").0).collect();
    thread::scope(|scope| {
        for (speaker, host) in hosts.iter().enumerate() {
            scope.spawn(move || {
                let mut client = Client::connect(host, &format!("{ROUTE}?silent"));
                for number in 0..200 {
                    client.send(&format!("say {speaker}-{number}"));
                }
                client.close(1000, "");
            });
        }
    });
    let mut heard = listeners.iter_mut();
    let mut all = heard
        .by_ref()
        .map(|client| (0..600).map(|_| kept(client)).collect::<Vec<_>>());
    let first = all.next().expect("there are three");
    for other in all {
        assert_eq!(other, first);
    }
    for speaker in 0..3 {
        let of = format!("{speaker}-");
        let numbers = first.iter().filter_map(|(_, said)| said.strip_prefix(&of));
        let numbers: Vec<_> = numbers
            .map(|number| number.parse::<u32>().expect("a number"))
            .collect();
        assert_eq!(
            numbers,
            (0..200).collect::<Vec<_>>(),
            "in its speaker's order"
        );
    }
}

#[test]
fn what_is_said_on_a_route_that_is_not_shared_stays_where_it_is() {
    let redis = Redis::start();
    let [one, other] = hosts(&redis);
    let mut here = Client::connect(&one, "/alone?silent");
    let mut there = Client::connect(&other, "/alone");
    assert!(there.text().starts_with("fresh "));
    here.send("say here alone");
    here.send("echo said");
    assert_eq!(here.text(), "said");
    let mut speaker = Client::connect(&other, "/alone?silent");
    speaker.send("say there");
    assert_eq!(kept(&mut there).1, "there");
    assert_eq!(redis.ask("EXISTS detent:/alone"), ":0\n");
}

#[test]
fn who_is_left_out_is_left_out_and_everyone_elsewhere_is_not() {
    let redis = Redis::start();
    let [one, other] = hosts(&redis);
    // The first client of each host has the same number there.
    let (mut speaker, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    speaker.send("but not to me");
    assert_eq!(there.text(), "not to me");
    speaker.send("say to all");
    assert_eq!(kept(&mut speaker).1, "to all");
}

/// Cause: an answer goes past the hub, and past Redis, and would come long before what was said before it.
#[test]
fn what_a_callback_says_to_its_client_comes_behind_what_it_has_published() {
    let redis = Redis::start();
    let [one, other] = hosts(&redis);
    let (mut speaker, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    for number in 0..100 {
        speaker.send(&format!("tell {number}"));
        assert_eq!(speaker.text(), number.to_string());
        let told = speaker.text();
        let parts: Vec<_> = told.split(' ').collect();
        assert_eq!((parts[0], parts[1].len(), parts[2]), ("told", 24, "1"));
        assert_eq!(there.text(), number.to_string());
    }
    // Two messages, of which the first is not waited for.
    speaker.send("say behind");
    speaker.send("echo before");
    let first = speaker.text();
    assert!(first.ends_with(" behind"), "{first}");
    assert_eq!(speaker.text(), "before");
}

#[test]
fn a_request_publishes_to_all_hosts_and_is_answered_with_the_position_there() {
    let redis = Redis::start();
    let [one, other] = hosts(&redis);
    let mut listeners: Vec<_> = [&one, &other]
        .map(|host| Client::connect(host, "/push?envelope=1"))
        .into();
    let (status, head, answer) = post(&one, "/push", "hello");
    assert_eq!(status, 200, "{head}{answer}");
    let (_, position) = answer
        .split_once("\"position\":\"")
        .expect("where it stands");
    let position = &position[..24];
    for listener in &mut listeners {
        // What each is told first says from where on it hears.
        let text = loop {
            let text = listener.text();
            if text.contains("hello") {
                break text;
            }
        };
        assert!(text.contains(position), "{text}: not at {position}");
    }
}

#[test]
fn what_is_broadcast_and_not_kept_is_heard_everywhere_and_read_by_no_newcomer() {
    let redis = Redis::start();
    let [one, other] = hosts(&redis);
    let (mut here, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    here.send("cast before anything is kept");
    for client in [&mut here, &mut there] {
        assert_eq!(client.text(), "before anything is kept");
    }
    here.send("say kept");
    for client in [&mut here, &mut there] {
        assert_eq!(kept(client).1, "kept");
    }
    // From here on everything on the topic is kept, whoever says it, on every host.
    there.send("cast kept too");
    for client in [&mut here, &mut there] {
        assert_eq!(client.text(), "kept too");
    }
    let newcomer = host(&redis);
    for server in [&one, &other, &newcomer] {
        let (mut reader, ..) = join(server, "last=9");
        assert_eq!(kept(&mut reader).1, "kept");
        assert_eq!(reader.text(), "kept too");
    }
}

#[test]
fn large_messages_are_heard_everywhere() {
    let redis = Redis::start();
    let one = host(&redis);
    // All of it at once is more than a client that reads late, as on a busy machine, is let leave unread.
    let other = host_at(&redis.url(), "[client]\nbacklog = \"64MiB\"");
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    speaker.send("flood 0 100 60000");
    for number in 0..100_u32 {
        let (_, said) = kept(&mut there);
        assert_eq!(
            (said.len(), said.ends_with(&number.to_string())),
            (60_000, true)
        );
    }
}
