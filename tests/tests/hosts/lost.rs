//! Redis has lost something, or lets go what a host has not read: that is told to everybody, and nothing else is.

use tests::{Admin, Client, Passage, Redis, Server, Way, wait_until};

use crate::{ROUTE, host, host_at, hosts, join, kept};

/// Waits until a host has read what the other one has said.
#[track_caller]
fn say(speaker: &mut Client, text: &str, listeners: &mut [&mut Client]) -> String {
    speaker.send(&format!("say {text}"));
    let mut positions = listeners.iter_mut().map(|client| {
        let (position, said) = kept(client);
        assert_eq!(said, text);
        position
    });
    let first = positions.next().expect("somebody listens");
    positions.for_each(|other| assert_eq!(other, first));
    first
}

/// What the plugin of a host was told: from where to where, and why.
#[track_caller]
fn told(server: &Server, cause: &str) -> (String, String) {
    let line = server.wait_for_log(&["told of a gap: ", cause]);
    let (_, told) = line.split_once("told of a gap: ").expect("it is there");
    let [_, from, to] = told.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{line}");
    };
    assert_eq!(server.count_log(&["told of a gap: "]), 1, "once");
    (from.to_owned(), to.to_owned())
}

#[track_caller]
fn assert_told(server: &Server, client: &mut Client) {
    assert_eq!(
        client.closed(),
        (
            1013,
            "what other hosts have said is lost: come back".to_owned()
        )
    );
    server.wait_for_log(&[ROUTE, "gap: "]);
}

/// Cause: nothing is lost where Redis has written everything down, and so nobody is to be told of a gap.
#[test]
fn a_restart_that_loses_nothing_is_no_gap() {
    let mut redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let [one, other] = hosts(&redis);
    let (mut here, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    let before = say(&mut speaker, "before", &mut [&mut here, &mut there]);
    redis.kill();
    redis.start_again();
    let after = say(&mut speaker, "after", &mut [&mut here, &mut there]);
    assert_ne!(before[..10], after[..10], "it counts in another epoch");
    let newcomer = host(&redis);
    for server in [&one, &other, &newcomer] {
        let (mut back, how, _) = join(server, &format!("since={before}"));
        assert_eq!(
            (how.as_str(), kept(&mut back).1.as_str()),
            ("recovered", "after")
        );
        let (_, how, _) = join(server, &format!("since={after}"));
        assert_eq!(how, "recovered");
    }
    for server in [&one, &other] {
        // Neither clients nor plugins.
        assert_eq!(server.count_log(&["gap: "]), 0, "{}", server.log());
    }
}

#[test]
fn what_is_lost_with_an_empty_redis_is_told_to_everybody() {
    let redis = Redis::start();
    let [one, other] = hosts(&redis);
    let (mut here, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&one, "/annals?silent");
    let before = say(&mut speaker, "before", &mut [&mut here, &mut there]);
    redis.ask("FLUSHALL");
    // Each has read all that there was, and so nothing is missing: it goes on in another epoch.
    one.wait_for_log(&["goes on in another epoch"]);
    let after = say(&mut speaker, "after", &mut [&mut here, &mut there]);
    assert_ne!(before[..10], after[..10]);
    for server in [&one, &other] {
        let (mut back, how, _) = join(server, &format!("since={before}"));
        assert_eq!(
            (how.as_str(), kept(&mut back).1.as_str()),
            ("recovered", "after")
        );
    }
    // It knows nothing of what was before, and says so.
    let newcomer = host(&redis);
    let (_, how, _) = join(&newcomer, &format!("since={before}"));
    assert_eq!(how, "gap");
    let (_, how, _) = join(&newcomer, &format!("since={after}"));
    assert_eq!(how, "recovered");
}

/// Cause: a failover loses what the replica had not got, though hosts have heard it; what is said then must not take its
/// place in silence.
#[test]
fn what_a_failover_loses_is_told_to_everybody() {
    let master = Redis::on_free_port(&["--appendonly", "no"]);
    let port = master.port().to_string();
    let replica = Redis::on_free_port(&[
        "--appendonly",
        "no",
        "--replicaof",
        &format!("127.0.0.1 {port}"),
    ]);
    let passage = Passage::to(master.port());
    let url = format!("redis://127.0.0.1:{}", passage.port());
    let [one, other] = [host_at(&url, ""), host_at(&url, "")];
    let (mut here, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    let safe = say(&mut speaker, "safe", &mut [&mut here, &mut there]);
    wait_until("the replica has it", || {
        replica.ask("XLEN detent:/annals") == master.ask("XLEN detent:/annals")
    });
    replica.ask("REPLICAOF NO ONE");
    let lost = say(&mut speaker, "lost", &mut [&mut here, &mut there]);
    passage.lead_to(Some(replica.port()));
    for (server, client) in [(&one, &mut here), (&other, &mut there)] {
        assert_told(server, client);
    }
    for server in [&one, &other] {
        server.wait_for_log(&[ROUTE, "gap: "]);
        for wrong in [&lost, &safe] {
            let (_, how, _) = join(server, &format!("since={wrong}"));
            assert_eq!(how, "gap");
        }
        let (from, to) = told(server, "Lost");
        assert_eq!(from, lost, "the last that was heard");
        let (_, how, _) = join(server, &format!("since={to}"));
        assert_eq!(how, "recovered", "behind it nothing is missing");
    }
    let (mut here, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&other, &format!("{ROUTE}?silent"));
    say(&mut speaker, "goes on", &mut [&mut here, &mut there]);
}

/// Cause: a client was on its way when Redis lost what only the host had read that it came from. Its place is one of before,
/// which the other host has too and sees nothing missing behind; nobody else can tell that client that something is.
#[test]
fn who_comes_with_a_place_of_before_to_a_host_that_has_not_read_what_is_lost_is_told() {
    let mut redis = Redis::on_free_port(&["--appendonly", "no"]);
    let passage = Passage::to(redis.port());
    let one = host(&redis);
    let other = host_at(&format!("redis://127.0.0.1:{}", passage.port()), "");
    let (mut here, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    let safe = say(&mut speaker, "safe", &mut [&mut here, &mut there]);
    redis.ask("SAVE");
    passage.hold(Way::Back);
    let lost = say(&mut speaker, "lost", &mut [&mut here]);
    // It is there again as it was when it saved, and what was on its way to the other host never comes there.
    redis.kill();
    passage.cut();
    redis.start_again();
    passage.release();
    for (server, client) in [(&one, &mut here), (&other, &mut there)] {
        assert_told(server, client);
    }
    one.wait_for_log(&[ROUTE, "gap: Redis has lost what was said"]);
    other.wait_for_log(&[ROUTE, "gap: another host has heard what Redis has lost"]);
    let newcomer = host(&redis);
    for server in [&one, &other, &newcomer] {
        for before in [&safe, &lost] {
            let (_, how, _) = join(server, &format!("since={before}"));
            assert_eq!(how, "gap", "{}", server.log());
        }
    }
    let (mut here, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&other, &format!("{ROUTE}?silent"));
    let after = say(&mut speaker, "after", &mut [&mut here, &mut there]);
    for server in [&one, &other, &newcomer] {
        let (_, how, _) = join(server, &format!("since={after}"));
        assert_eq!(how, "recovered", "from here on nothing is missing");
    }
}

#[test]
fn what_is_let_go_while_a_host_is_cut_off_is_told_to_its_clients_and_to_nobody_else() {
    let redis = Redis::on_free_port(&["--appendonly", "no"]);
    let passage = Passage::to(redis.port());
    let one = host_at(&redis.url(), "messages = 100\n");
    let other = host_at(&format!("redis://127.0.0.1:{}", passage.port()), "");
    let (mut here, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    let before = say(&mut speaker, "before", &mut [&mut here, &mut there]);
    passage.lead_to(None);
    other.wait_for_log(&[ROUTE, "is away: "]);
    for number in 0..1000 {
        say(&mut speaker, &number.to_string(), &mut [&mut here]);
    }
    passage.lead_to(Some(redis.port()));
    assert_told(&other, &mut there);
    let (_, how, _) = join(&other, &format!("since={before}"));
    assert_eq!(how, "gap");
    let (_, how, _) = join(&one, &format!("since={before}"));
    assert_eq!(how, "recovered");
    let (mut there, ..) = join(&other, "");
    say(&mut speaker, "behind", &mut [&mut here, &mut there]);
    let (from, to) = told(&other, "Missed");
    assert_eq!(from, before, "the last that was heard");
    // What comes behind it on the one host comes behind it on the other.
    let [first, again] = [&other, &one].map(|server| {
        let (mut back, how, _) = join(server, &format!("since={to}"));
        assert_eq!(how, "recovered");
        kept(&mut back)
    });
    assert_eq!(first, again);
    assert_ne!(first.1, "0", "that one is missing");
    assert_eq!(one.count_log(&["told of a gap: "]), 0, "it has heard all");
}

/// Of an entry of a stream: two numbers.
fn id(text: &str) -> (u64, u64) {
    let numbers = text.trim().split_once('-');
    let numbers = numbers.and_then(|(epoch, offset)| epoch.parse().ok().zip(offset.parse().ok()));
    numbers.unwrap_or_else(|| panic!("no entry's id: {text:?}"))
}

/// The last entry that a host has read.
fn position(host: &Server) -> (u64, u64) {
    let status = Admin::of(host).json("/status.json");
    let routes = status["routes"].as_array().expect("routes");
    let route = routes.iter().find(|route| route["path"] == ROUTE);
    let position = &route.expect("it is served")["engine"]["position"];
    id(position.as_str().expect("a position"))
}

/// Cause: an entry of a later version, or of somebody's own hand, must not stop the stream.
#[test]
fn an_entry_that_no_host_knows_is_passed_over_and_told_once() {
    let redis = Redis::start();
    let [one, other] = hosts(&redis);
    let (mut here, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    say(&mut speaker, "before", &mut [&mut here, &mut there]);
    let mut last = String::new();
    for _ in 0..3 {
        last = redis.ask("XADD detent:/annals * from elsewhere");
    }
    let last = last.lines().last().expect("the entry's id");
    // A host that reads them one by one closes whoever has come back before the next.
    for host in [&one, &other] {
        wait_until("all of it was read", || position(host) >= id(last));
    }
    let text = "what other hosts have said is lost: come back";
    // Whoever has put it there has left the counting, which nobody can tell from a loss.
    for client in [&mut here, &mut there] {
        assert_eq!(client.closed(), (1013, text.to_owned()));
    }
    let (mut here, ..) = join(&one, "");
    let (mut there, ..) = join(&other, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    say(&mut speaker, "behind", &mut [&mut here, &mut there]);
}
