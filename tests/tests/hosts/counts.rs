//! Hosts know of each other: who is there, how many clients each has, and who is not there any more.

use std::time::Duration;

use tests::{Admin, Client, Redis, Server, Setup, becomes_true, wait_until};

use crate::{ROUTE, hosts, join, kept};

/// Clients of the route on each host as one of them knows it, its own first.
fn clients(server: &Server) -> Vec<u64> {
    let status = Admin::of(server).json("/status.json");
    let mut routes = status["routes"].as_array().expect("routes").iter();
    let route = routes
        .find(|route| route["path"] == ROUTE)
        .expect("it is served");
    let hosts = route["engine"]["hosts"].as_array().expect("hosts");
    hosts
        .iter()
        .map(|host| host["clients"].as_u64().expect("a number"))
        .collect()
}

/// Whether it knows of these, in whatever order, behind its own.
fn knows(server: &Server, own: u64, others: &[u64]) -> bool {
    let mut clients = clients(server);
    clients[1..].sort_unstable();
    clients[0] == own && clients[1..] == *others
}

#[track_caller]
pub(crate) fn wait_until_known(server: &Server, own: u64, others: &[u64]) {
    let is_known = becomes_true(tests::DEADLINE, || knows(server, own, others));
    assert!(is_known, "{:?}, not {own} and {others:?}", clients(server));
}

pub(crate) fn connect(server: &Server, count: usize) -> Vec<Client> {
    (0..count)
        .map(|_| Client::connect(server, &format!("{ROUTE}?silent")))
        .collect()
}

#[test]
fn each_host_knows_how_many_clients_the_others_have() {
    let redis = Redis::start();
    let [mut one, two, three] = hosts(&redis);
    let _of_one = connect(&one, 1);
    let mut of_two = connect(&two, 2);
    let _of_three = connect(&three, 3);
    wait_until_known(&one, 1, &[2, 3]);
    wait_until_known(&two, 2, &[1, 3]);
    wait_until_known(&three, 3, &[1, 2]);
    let admin = Admin::of(&one);
    for (name, value) in [("hosts", 3.0), ("clients_elsewhere", 5.0)] {
        let name = format!("detent_engine_{name}{{route=\"{ROUTE}\"}}");
        assert_eq!(admin.metric(&name), Some(value), "{name}");
    }
    of_two.pop().expect("there are two").close(1000, "");
    wait_until_known(&one, 1, &[1, 3]);
    // Orderly: nobody waits until Redis forgets it.
    let start = std::time::Instant::now();
    one.stop();
    wait_until_known(&two, 1, &[3]);
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    let left = redis.ask("KEYS detent:host*");
    assert_eq!(
        left.matches("detent:host:").count(),
        2 * 3,
        "two routes and a word of each: {left}"
    );
}

#[test]
fn a_host_that_was_killed_is_gone_within_fifteen_seconds() {
    let redis = Redis::start();
    let [one, two] = hosts(&redis);
    let _of_one = connect(&one, 1);
    let _of_two = connect(&two, 2);
    wait_until_known(&one, 1, &[2]);
    two.kill();
    let is_gone = becomes_true(Duration::from_secs(15), || knows(&one, 1, &[]));
    assert!(is_gone, "{:?}", clients(&one));
}

#[test]
fn what_is_known_is_forgotten_while_redis_is_away_and_comes_back_with_it() {
    let redis = Redis::start();
    let [one, two] = hosts(&redis);
    let of_one = connect(&one, 1);
    let _of_two = connect(&two, 2);
    wait_until_known(&one, 1, &[2]);
    redis.freeze();
    assert!(
        knows(&one, 1, &[2]),
        "what was known last counts for a while"
    );
    drop(of_one);
    // Its own it counts by itself.
    wait_until_known(&one, 0, &[]);
    redis.thaw();
    wait_until_known(&one, 0, &[2]);
    wait_until_known(&two, 2, &[0]);
}

#[test]
fn a_redis_that_has_lost_everything_is_told_again() {
    let redis = Redis::start();
    let [one, two] = hosts(&redis);
    let _of_one = connect(&one, 1);
    let _of_two = connect(&two, 2);
    wait_until_known(&one, 1, &[2]);
    redis.ask("FLUSHALL");
    wait_until("it is written again", || {
        redis.ask("SCARD detent:hosts") == ":2\n"
    });
    wait_until_known(&one, 1, &[2]);
    wait_until_known(&two, 2, &[1]);
}

/// Cause: where nothing is shared nothing of it may run, nor where the last route is shared no more.
#[test]
fn where_nothing_is_shared_nobody_asks_who_is_there() {
    let redis = Redis::start();
    let alone = "[[route]]\npath = \"/annals\"\nplugin = \"annals\"\n";
    let with_redis = format!("[redis]\nurl = \"{}\"\n{alone}", redis.url());
    let setup = Setup::new().plugins(&["annals"]);
    let server = setup.configuration(&with_redis).start();
    let has_thread = |server: &Server| {
        server
            .thread_names()
            .iter()
            .any(|name| name == "engine-hosts")
    };
    assert!(!has_thread(&server));
    let shared = "[[route]]\npath = \"/more\"\nplugin = \"annals\"\nshared = true\n";
    server.reload_with(&format!("{with_redis}{shared}"));
    wait_until("it tells others", || {
        redis.ask("SCARD detent:hosts") == ":1\n"
    });
    assert!(has_thread(&server));
    server.reload_with(&with_redis);
    wait_until("it is over", || !has_thread(&server));
    assert_eq!(redis.ask("KEYS detent:host*"), "*0\n");
}

/// Cause: what others write there is nobody's word, and must not end the look.
#[test]
fn what_stands_there_and_is_no_word_of_a_host_is_passed_over() {
    let redis = Redis::start();
    redis.ask("SADD detent:hosts nonsense 0000000a 0000000b 0000000c");
    redis.ask("SET detent:host:0000000a nonsense");
    redis.ask(
        r#"SET detent:host:0000000b '{"machine":"m","routes":{"/annals":{"clients":7,"list":1,"list_bytes":9}}}'"#,
    );
    redis.ask("SADD detent:host:0000000c a-set");
    let [one] = hosts(&redis);
    let _of_one = connect(&one, 1);
    wait_until_known(&one, 1, &[7]);
}

/// Cause: hosts of two versions share a route while one after the other is upgraded, and what the later one says in a way
/// that the earlier one does not know must end nothing there.
#[test]
fn a_kind_of_entry_that_a_later_version_has_is_passed_over() {
    let redis = Redis::start();
    let [one, two] = hosts(&redis);
    let (mut there, ..) = join(&two, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    speaker.send("say before");
    assert_eq!(kept(&mut there).1, "before");
    // Its fields are no text, which is all that the tests read of an answer.
    let last =
        r#"EVAL "return redis.call('XREVRANGE', 'detent:/annals', '+', '-', 'COUNT', 1)[1][1]" 0"#;
    let last = redis.ask(last);
    let id = last.lines().find(|line| line.contains('-'));
    let id = id.expect("the entry's name");
    let (epoch, _) = id.split_once('-').expect("epoch and offset");
    // A version that is known, a kind that is not.
    let meta = format!("{}\\x01\\xfa\\x02{}", "\\x00".repeat(4), "\\x00".repeat(36));
    redis.ask(&format!("XADD detent:/annals {epoch}-* m \"{meta}\" p x"));
    speaker.send("say behind");
    assert_eq!(kept(&mut there).1, "behind");
    for server in [&one, &two] {
        server.wait_for_log(&[
            ROUTE,
            "is none of this version of Detent, and is passed over",
        ]);
        assert_eq!(server.count_log(&["gap: "]), 0, "{}", server.log());
    }
}

/// Cause: what Redis refuses is told once, though it is tried every second, and that it is over is told too.
#[test]
fn a_redis_that_takes_nothing_is_told_once_and_when_it_takes_again() {
    let redis = Redis::start();
    let [one, two] = hosts(&redis);
    let _of_two = connect(&two, 2);
    wait_until_known(&one, 0, &[2]);
    redis.ask("CONFIG SET maxmemory 1");
    one.wait_for_log(&["it refuses: OOM", "so hosts do not know of each other"]);
    let is_forgotten = becomes_true(tests::DEADLINE, || knows(&one, 0, &[]));
    assert!(is_forgotten, "nobody is renewed: {:?}", clients(&one));
    redis.ask("CONFIG SET maxmemory 0");
    one.wait_for_log(&["hosts know of each other again"]);
    wait_until_known(&one, 0, &[2]);
    let told = one.count_log(&["so hosts do not know of each other"]);
    assert_eq!(told, 1, "{}", one.log());
}
