//! Redis is away: that is told, who speaks waits for a bounded time, and when it is back everything goes on in order.

use std::time::{Duration, Instant};

use tests::{Admin, Client, Redis, Setup, variant, wait_until};

use crate::{ROUTE, host, host_at, hosts, join, kept, post};

/// Its state as whoever runs a host sees it: why Redis is away, or nothing.
fn away(server: &tests::Server) -> Option<String> {
    let status = Admin::of(server).json("/status.json");
    let mut routes = status["routes"].as_array().expect("routes").iter();
    let route = routes
        .find(|route| route["path"] == ROUTE)
        .expect("it is served");
    route["engine"]["away"].as_str().map(str::to_owned)
}

#[test]
fn what_is_said_while_redis_stands_still_is_heard_when_it_goes_on() {
    let redis = Redis::start();
    let [one, other] = hosts(&redis);
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    speaker.send("say before");
    assert_eq!(kept(&mut there).1, "before");
    redis.freeze();
    for number in 0..50 {
        speaker.send(&format!("say {number}"));
    }
    for server in [&one, &other] {
        server.wait_for_log(&["is away: it has not answered within"]);
        wait_until("the status tells", || away(server).is_some());
    }
    redis.thaw();
    for number in 0..50 {
        assert_eq!(kept(&mut there).1, number.to_string());
    }
    for server in [&one, &other] {
        wait_until("the status tells", || away(server).is_none());
    }
    speaker.send("say behind");
    assert_eq!(kept(&mut there).1, "behind", "and nothing twice");
}

/// Cause: whoever runs the server has to know of it before the users call: within a second, on a machine that is not busy.
#[test]
fn a_redis_that_stands_still_is_noticed_though_nobody_speaks() {
    let redis = Redis::start();
    let one = host(&redis);
    redis.freeze();
    one.wait_for_log(&["is away: it has not answered within"]);
    redis.thaw();
    wait_until("it is back", || away(&one).is_none());
}

#[test]
fn what_nobody_can_hear_is_refused_after_the_time_that_is_waited() {
    let mut redis = Redis::start();
    let one = host_at(&redis.url(), "wait = \"300ms\"\n");
    assert_eq!(post(&one, "/push", "heard").0, 200);
    redis.kill();
    one.wait_for_log(&["/push", "is away: it cannot be reached"]);
    // It waits, in vain.
    let (status, head, body) = post(&one, "/push", "not heard");
    assert_eq!(status, 503, "{head}{body}");
    assert!(
        head.to_ascii_lowercase().contains("retry-after: "),
        "{head}"
    );
    // From now on nothing waits.
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(post(&one, "/push", "not heard").0, 503);
    }
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "nobody has waited each time"
    );
    let metric = |name: &str| Admin::of(&one).metric(name).unwrap_or_default();
    assert!(metric("detent_engine_refused_total{route=\"/push\"}") >= 20.0);
    assert!(metric("detent_engine_up{route=\"/push\"}") == 0.0);
    redis.start_again();
    wait_until("it is taken again", || {
        post(&one, "/push", "heard again").0 == 200
    });
}

/// Cause: what a client is told waits behind what its callback has published, and must not wait for ever.
#[test]
fn what_a_callback_says_behind_what_nobody_hears_goes_out_without_it() {
    let mut redis = Redis::start();
    let one = host_at(&redis.url(), "wait = \"1s\"\n");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    redis.kill();
    speaker.send("say into the void");
    speaker.send("echo and on");
    assert_eq!(speaker.text(), "and on");
    one.wait_for_log(&["messages have waited for Redis for too long"]);
}

#[test]
fn a_host_starts_without_redis_and_shares_when_that_comes() {
    let mut redis = Redis::start();
    let url = redis.url();
    redis.kill();
    let one = host_at(&url, "");
    one.wait_for_log(&[ROUTE, "is away: it cannot be reached"]);
    let (mut here, ..) = join(&one, "");
    redis.start_again();
    one.wait_for_log(&[ROUTE, "is shared with other hosts"]);
    let other = host(&redis);
    let mut speaker = Client::connect(&other, &format!("{ROUTE}?silent"));
    speaker.send("say here I am");
    assert_eq!(kept(&mut here).1, "here I am");
}

#[test]
fn a_stop_sends_what_was_said_last() {
    let redis = Redis::start();
    let [mut one, other] = hosts(&redis);
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    speaker.send("flood 0 200 10");
    speaker.close(1000, "");
    one.stop();
    for number in 0..200_u32 {
        assert_eq!(
            kept(&mut there)
                .1
                .trim_start_matches('0')
                .parse()
                .unwrap_or(0),
            number
        );
    }
}

/// Cause: the reload waited, with all clients of the route, for room behind what the new instance had said to many; and what
/// its clients were told from then on overtook what it had told them while it took them over.
#[test]
fn a_replacement_that_speaks_does_not_wait_for_redis_and_is_heard_first() {
    let redis = Redis::start();
    let text = format!(
        "[redis]\nurl = \"{}\"\nwait = \"25s\"\n[[route]]\npath = \"/variant\"\nplugin = \"variant\"\nshared = true\n",
        redis.url()
    );
    let setup = Setup::new().file("libvariant.so", &variant("old"));
    let server = setup.configuration(&text).start();
    server.wait_for_log(&["/variant", "is shared with other hosts"]);
    let mut client = Client::connect(&server, "/variant");
    client.send("one");
    assert_eq!(client.text(), "old 1 1 0  one");
    redis.freeze();
    server.put_plugin("libvariant.so", &variant("new tells-all"));
    server.reload();
    let given_up = server.count_log(&["have waited for Redis for too long"]);
    assert_eq!(given_up, 0, "the reload has waited for Redis");
    client.send("block 0");
    server.wait_for_log(&["blocks"]);
    redis.thaw();
    for said in ["new has come", "new has you", "new 2 2 1  block 0"] {
        assert_eq!(client.text(), said);
    }
}
