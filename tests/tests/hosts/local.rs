//! With `when_away = "local"` those on a host hear each other while Redis is away, the others hear it when that is back,
//! and nobody hears anything twice.

use tests::{Admin, Client, Redis, Server, Setup, wait_until};

use crate::{ROUTE, host_at, join, kept, post, settings};

const LOCAL: &str = "when_away = \"local\"\n";

/// Loses nothing by being killed.
const DURABLE: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];

fn hosts(redis: &Redis) -> [Server; 2] {
    std::array::from_fn(|_| host_at(&redis.url(), LOCAL))
}

fn speaker(server: &Server) -> Client {
    Client::connect(server, &format!("{ROUTE}?silent"))
}

fn metric(server: &Server, name: &str) -> f64 {
    let name = format!("detent_engine_{name}{{route=\"{ROUTE}\"}}");
    Admin::of(server)
        .metric(&name)
        .expect("the route is shared")
}

/// Redis goes, and every host has noticed.
#[track_caller]
fn kill(redis: &mut Redis, hosts: &[Server]) {
    redis.kill();
    for host in hosts {
        wait_until("it is noticed", || metric(host, "up") == 0.0);
    }
}

#[track_caller]
fn start_again(redis: &mut Redis, hosts: &[Server]) {
    redis.start_again();
    for host in hosts {
        let is_back = || metric(host, "up") == 1.0 && metric(host, "waiting") == 0.0;
        wait_until("all that was said meanwhile is in the stream", is_back);
    }
}

#[track_caller]
fn say(speaker: &mut Client, text: &str, listener: &mut Client) -> String {
    speaker.send(&format!("say {text}"));
    let (position, said) = kept(listener);
    assert_eq!(said, text);
    position
}

/// One route of a host waits for Redis, and the other does not, whatever holds for all.
#[test]
fn a_route_says_for_itself_what_becomes_of_what_is_said_while_redis_is_away() {
    let mut redis = Redis::with(DURABLE);
    for (of_all, of_route) in [("wait", "local"), ("local", "wait")] {
        let more = format!("when_away = \"{of_all}\"\n");
        let own = format!(
            "[[route]]\npath = \"/own\"\nplugin = \"annals\"\nshared = true\nwhen_away = \"{of_route}\"\n"
        );
        let text = format!("{}{own}", settings(&redis.url(), &more));
        let setup = Setup::new().plugins(&["annals", "push"]);
        let server = setup.configuration(&text).start();
        server.wait_for_log(&["/own", "is shared with other hosts"]);
        redis.kill();
        for (route, what) in [(ROUTE, of_all), ("/own", of_route)] {
            let (then, heard) = match what {
                "wait" => ("what is said waits", 0.0),
                _ => ("what is said is heard here", 1.0),
            };
            server.wait_for_log(&[&format!("route {route}: "), "is away: ", then]);
            let mut client = Client::connect(&server, &format!("{route}?silent"));
            client.send("say hello");
            let admin = Admin::of(&server);
            let [waiting, alone] = ["waiting", "alone_total"]
                .map(|name| format!("detent_engine_{name}{{route=\"{route}\"}}"));
            wait_until("it waits for Redis, and is heard here or not", || {
                admin.metric(&waiting) == Some(1.0) && admin.metric(&alone) == Some(heard)
            });
        }
        // To change it is for a restart.
        let changed = text.replace(
            &format!("shared = true\nwhen_away = \"{of_route}\""),
            "shared = true",
        );
        server.reload_with(&changed);
        server.wait_for_log(&["these need a restart: ", "route /own: when_away"]);
        drop(server);
        redis.start_again();
    }
}

#[test]
fn those_on_a_host_hear_each_other_at_once_and_the_others_when_redis_is_back() {
    let mut redis = Redis::with(DURABLE);
    let hosts = hosts(&redis);
    let [one, other] = &hosts;
    let (mut here, ..) = join(one, "");
    let (mut there, ..) = join(other, "");
    let (mut speaks_here, mut speaks_there) = (speaker(one), speaker(other));
    let before = say(&mut speaks_here, "before", &mut here);
    assert_eq!(kept(&mut there), (before.clone(), "before".to_owned()));
    kill(&mut redis, &hosts);
    for number in 0..100 {
        for (speaker, listener, of) in [
            (&mut speaks_here, &mut here, "here"),
            (&mut speaks_there, &mut there, "there"),
        ] {
            let position = say(speaker, &format!("{of} {number}"), listener);
            assert_eq!(position, before, "the last that all hosts have");
        }
    }
    // With a position of before, from the other host: nothing of this one is known to it.
    let (mut moved, how, _) = join(one, &format!("since={before}"));
    assert_eq!(how, "recovered");
    say(&mut speaks_here, "here 100", &mut here);
    assert_eq!(kept(&mut moved).1, "here 100", "and nothing before it yet");
    start_again(&mut redis, &hosts);
    // Each hears what the other host's have said, in its order, and nothing of its own again.
    hear(&mut there, "here", 101);
    hear(&mut here, "there", 100);
    let after = say(&mut speaks_here, "after", &mut there);
    assert_eq!(kept(&mut here), (after.clone(), "after".to_owned()));
    // Who has moved hears all that was said before it came, and once what it has heard.
    let mut late: Vec<String> = Vec::new();
    loop {
        let (_, said) = kept(&mut moved);
        if said == "after" {
            break;
        }
        late.push(said);
    }
    let of = |from: &str| {
        let of = late.iter().filter(|said| said.starts_with(from));
        of.cloned().collect::<Vec<_>>()
    };
    let all = |from: &str| {
        (0..100)
            .map(|number| format!("{from}{number}"))
            .collect::<Vec<_>>()
    };
    assert_eq!((of("here "), of("there ")), (all("here "), all("there ")));
    // One order for everybody who comes from now on, each once, on both hosts.
    let orders = [one, other].map(|server| {
        let (mut back, how, _) = join(server, &format!("since={before}"));
        assert_eq!(how, "recovered");
        (0..202).map(|_| kept(&mut back)).collect::<Vec<_>>()
    });
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0].last(), Some(&(after, "after".to_owned())));
    let mut texts: Vec<_> = orders[0].iter().map(|(_, text)| text).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 202);
    for host in &hosts {
        assert_eq!(host.count_log(&["gap: "]), 0, "{}", host.log());
        assert!(metric(host, "alone_total") >= 100.0);
    }
}

/// What was said on another host, in its order.
#[track_caller]
fn hear(client: &mut Client, of: &str, count: usize) {
    for number in 0..count {
        assert_eq!(kept(client).1, format!("{of} {number}"));
    }
}

/// What a client is told stands behind what its callback has published, and does not wait for Redis.
#[test]
fn what_a_callback_says_comes_behind_what_it_has_published_and_at_once() {
    let mut redis = Redis::with(DURABLE);
    let hosts = hosts(&redis);
    let (mut here, ..) = join(&hosts[0], "");
    let mut speaker = speaker(&hosts[0]);
    kill(&mut redis, &hosts);
    for number in 0..50 {
        here.send(&format!("say {number}"));
        here.send(&format!("echo behind {number}"));
        let text = here.text();
        assert!(text.ends_with(&format!(" {number}")), "{text}");
        assert_eq!(here.text(), format!("behind {number}"));
    }
    // What is not kept is heard too, and by nobody again.
    speaker.send("cast not kept");
    assert_eq!(here.text(), "not kept");
    start_again(&mut redis, &hosts);
    speaker.send("say after");
    assert_eq!(kept(&mut here).1, "after");
}

/// What was sent when Redis stood still is in the stream, perhaps, and is heard here without waiting for that.
#[test]
fn what_was_under_way_is_heard_here_and_once() {
    let redis = Redis::with(DURABLE);
    let hosts = hosts(&redis);
    let [one, other] = &hosts;
    let (mut here, ..) = join(one, "");
    let (mut there, ..) = join(other, "");
    let mut speaker = speaker(one);
    say(&mut speaker, "before", &mut here);
    assert_eq!(kept(&mut there).1, "before");
    redis.freeze();
    for number in 0..50 {
        speaker.send(&format!("say {number}"));
    }
    // It stands still as yet.
    for number in 0..50 {
        assert_eq!(kept(&mut here).1, number.to_string());
    }
    redis.thaw();
    for number in 0..50 {
        assert_eq!(kept(&mut there).1, number.to_string());
    }
    for host in &hosts {
        wait_until("it is back", || {
            metric(host, "up") == 1.0 && metric(host, "waiting") == 0.0
        });
    }
    speaker.send("say after");
    for listener in [&mut here, &mut there] {
        assert_eq!(kept(listener).1, "after");
    }
}

#[test]
fn a_request_is_answered_without_a_position_and_one_that_is_to_be_durable_is_refused() {
    let mut redis = Redis::with(DURABLE);
    let hosts = hosts(&redis);
    let [one, other] = &hosts;
    let mut here = Client::connect(one, "/push");
    let mut there = Client::connect(other, "/push");
    kill(&mut redis, &hosts);
    let (status, head, answer) = post(one, "/push", "heard here");
    assert_eq!(status, 200, "{head}{answer}");
    assert!(!answer.contains("\"position\":\""), "{answer}");
    assert_eq!(here.text(), "heard here");
    let (status, head, answer) = post(one, "/push?durable", "to be kept");
    assert_eq!(status, 503, "{head}{answer}");
    assert!(answer.contains("nothing was said"), "{answer}");
    start_again(&mut redis, &hosts);
    let (status, _, answer) = post(one, "/push?durable", "kept");
    assert_eq!(status, 200);
    assert!(answer.contains("\"position\":\""), "{answer}");
    assert_eq!(here.text(), "kept");
    assert_eq!(there.text(), "heard here");
    assert_eq!(there.text(), "kept");
}

#[test]
fn what_waits_for_redis_is_bounded_and_what_is_more_is_refused_at_once() {
    let mut redis = Redis::with(DURABLE);
    let more = format!("{LOCAL}[limits]\nbody = \"1 MiB\"\n");
    let hosts = [(); 2].map(|()| host_at(&redis.url(), &more));
    let mut here = Client::connect(&hosts[0], "/push");
    kill(&mut redis, &hosts);
    let large = "x".repeat(500_000);
    let mut taken = 0;
    while post(&hosts[0], "/push", &large).0 == 200 {
        taken += 1;
        assert_eq!(here.text().len(), large.len());
        assert!(taken < 100, "nothing is refused");
    }
    assert!((8..=33).contains(&taken), "{taken}");
    let (status, head, answer) = post(&hosts[0], "/push", &large);
    assert_eq!(status, 503, "{answer}");
    assert!(
        head.to_ascii_lowercase().contains("retry-after: "),
        "{head}"
    );
    start_again(&mut redis, &hosts);
    // An epoch and another one for the start anew, and one for each that was taken.
    let is_all = || redis.ask("XLEN detent:/push") == format!(":{}\n", taken + 2);
    wait_until("all of it is in the stream", is_all);
    let mut there = Client::connect(&hosts[1], "/push");
    wait_until("there is room again", || {
        post(&hosts[0], "/push", "small").0 == 200
    });
    assert_eq!(there.text(), "small");
}

/// Redis comes back with nothing: what waits goes into the next epoch, and nobody who has missed nothing is told of a gap.
#[test]
fn what_waits_is_put_into_a_redis_that_has_lost_everything() {
    let mut redis = Redis::start();
    let hosts = hosts(&redis);
    let [one, other] = &hosts;
    let (mut here, ..) = join(one, "");
    let (mut there, ..) = join(other, "");
    let mut speaker = speaker(one);
    say(&mut speaker, "before", &mut here);
    assert_eq!(kept(&mut there).1, "before");
    kill(&mut redis, &hosts);
    say(&mut speaker, "meanwhile", &mut here);
    start_again(&mut redis, &hosts);
    let meanwhile = kept(&mut there);
    assert_eq!(meanwhile.1, "meanwhile");
    speaker.send("say after");
    for listener in [&mut here, &mut there] {
        assert_eq!(kept(listener).1, "after");
    }
    for server in &hosts {
        assert_eq!(server.count_log(&["gap: "]), 0, "{}", server.log());
        let (mut back, how, _) = join(server, &format!("since={}", meanwhile.0));
        assert_eq!(
            (how.as_str(), kept(&mut back).1.as_str()),
            ("recovered", "after")
        );
    }
}

/// As the page says it: nobody else has it.
#[test]
fn what_waits_on_a_host_that_is_killed_is_lost_for_the_others() {
    let mut redis = Redis::with(DURABLE);
    let mut hosts = hosts(&redis);
    let (mut there, ..) = join(&hosts[1], "");
    let mut lonely = speaker(&hosts[0]);
    kill(&mut redis, &hosts);
    let (mut here, ..) = join(&hosts[0], "");
    say(&mut lonely, "lost", &mut here);
    hosts[0].signal(rustix::process::Signal::KILL);
    hosts[0].wait();
    hosts[0].start_again();
    start_again(&mut redis, &hosts);
    let mut speaker = speaker(&hosts[0]);
    speaker.send("say after");
    assert_eq!(kept(&mut there).1, "after");
}

/// A host that starts while Redis is away serves its own until then.
#[test]
fn a_host_that_starts_alone_goes_together_when_redis_comes() {
    let mut redis = Redis::with(DURABLE);
    redis.kill();
    let one = host_at(&redis.url(), LOCAL);
    one.wait_for_log(&[
        ROUTE,
        "is away: ",
        "what is said is heard here, and elsewhere when it is back",
    ]);
    let (mut here, ..) = join(&one, "");
    let mut speaker = speaker(&one);
    speaker.send("say alone");
    let text = here.text();
    assert!(text.ends_with(" alone"), "{text}");
    redis.start_again();
    one.wait_for_log(&[ROUTE, "what is said goes to all hosts again"]);
    let other = host_at(&redis.url(), LOCAL);
    wait_until("it is in the stream", || metric(&one, "waiting") == 0.0);
    let (mut there, ..) = join(&other, "last=9");
    assert_eq!(kept(&mut there).1, "alone");
    say(&mut speaker, "together", &mut there);
    assert_eq!(kept(&mut here).1, "together");
}
