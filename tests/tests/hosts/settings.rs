//! What is wrong with the settings of several hosts, or with Redis, is told: by the check, and in the log.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use tests::{Admin, Client, Redis, Server, Setup, wait_until};

use crate::{ROUTE, host, host_at, join, kept, settings};

#[track_caller]
fn problems(text: &str) -> String {
    let setup = Setup::new().plugins(&["annals", "push"]);
    problems_of(setup.configuration(text))
}

/// What the check finds.
#[track_caller]
pub(crate) fn problems_of(setup: Setup) -> String {
    let run = setup.arguments(&["--check"]).run();
    run.assert_code(2);
    run.stderr
}

#[test]
fn a_shared_route_needs_redis_and_an_address_that_is_one() {
    let route = format!("[[route]]\npath = \"{ROUTE}\"\nplugin = \"annals\"\nshared = true\n");
    let told = problems(&route);
    assert!(
        told.contains(":4:10: `shared`: other hosts are reached by Redis"),
        "{told}"
    );
    for url in [
        "http://:secret@127.0.0.1",
        "rediss://:secret@127.0.0.1/#insecure",
        "redis://:secret@127.0.0.1/x",
    ] {
        let told = problems(&format!("[redis]\nurl = \"{url}\"\n{route}"));
        assert!(told.contains(":2:7: `url`: what stands here "), "{told}");
        assert!(!told.contains("secret"), "{told}");
    }
    let alone = "[[route]]\npath = \"/a\"\nplugin = \"annals\"\nwhen_away = \"local\"\n";
    let told = problems(alone);
    assert!(
        told.contains(":4:13: `when_away`: has no effect without `shared = true`"),
        "{told}"
    );
    let told = problems(&alone.replace("local", "never"));
    assert!(told.contains("neither \"wait\" nor \"local\""), "{told}");
    let told = problems("[redis]\nwait = \"1s\"\n");
    assert!(
        told.contains("`wait`: has no effect without `url`"),
        "{told}"
    );
}

#[test]
fn a_password_that_is_wrong_is_found_by_the_check_and_told_by_a_start() {
    let redis = Redis::on_free_port(&["--appendonly", "no", "--requirepass", "right"]);
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", redis.port());
    for (password, why) in [
        ("wrong", "the user or the password is wrong"),
        ("", "NOAUTH"),
    ] {
        let url = match password {
            "" => redis.url(),
            password => url(password),
        };
        let told = problems(&settings(&url, ""));
        assert!(
            told.contains("redis.url redis://127.0.0.1:") && told.contains(why),
            "{told}"
        );
        assert!(!told.contains(":wrong"), "{told}");
        let server = host_at(&url, "");
        server.wait_for_log(&[ROUTE, "is away: it refuses: ", why]);
        assert_eq!(
            server.count_log(&[":wrong"]),
            0,
            "no password stands in the log"
        );
    }
    let server = host_at(&url("right"), "");
    server.wait_for_log(&[ROUTE, "is shared with other hosts"]);
}

#[test]
fn a_redis_that_is_too_old_is_found_and_one_that_is_not_there_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    let asked = String::from_utf8_lossy(&bytes[..count]).into_owned();
                    let told = "redis_version:6.2.14\r\n";
                    for command in asked.split('*').skip(1) {
                        let answer =
                            match command.contains("INFO\r\n") && !command.contains("SETINFO") {
                                true => format!("${}\r\n{told}\r\n", told.len()),
                                false => "+OK\r\n".to_owned(),
                            };
                        if stream.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    let told = problems(&settings(&format!("redis://{address}"), ""));
    assert!(
        told.contains("it is version 6.2.14: Redis 7 or later is needed"),
        "{told}"
    );
    let redis = Redis::on_free_port(&["--appendonly", "no"]);
    let url = redis.url();
    drop(redis);
    let told = problems(&settings(&url, ""));
    assert!(
        told.contains("it cannot be reached (Connection refused"),
        "{told}"
    );
}

#[test]
fn a_full_redis_and_a_replica_are_told_in_its_own_words() {
    let redis = Redis::start();
    let one = host(&redis);
    redis.ask("CONFIG SET maxmemory 1");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    speaker.send("say too much");
    one.wait_for_log(&[ROUTE, "is away: it refuses: OOM"]);
    redis.ask("CONFIG SET maxmemory 0");
    let two = host(&redis);
    let (mut there, ..) = join(&two, "last=1");
    assert_eq!(kept(&mut there).1, "too much");
    let replica = Redis::on_free_port(&["--appendonly", "no", "--replicaof", "127.0.0.1 1"]);
    let other = host_at(&replica.url(), "");
    other.wait_for_log(&[ROUTE, "is away: it is a replica: name its master"]);
}

#[test]
fn what_a_route_shares_is_told_to_whoever_runs_the_server() {
    let redis = Redis::start();
    let one = host(&redis);
    let mut speaker = Client::connect(&one, ROUTE);
    speaker.text();
    speaker.send("say one");
    speaker.text();
    let admin = Admin::of(&one);
    let status = admin.json("/status.json");
    let mut routes = status["routes"].as_array().expect("routes").iter();
    let route = routes
        .clone()
        .find(|route| route["path"] == ROUTE)
        .expect("it is served");
    let engine = &route["engine"];
    assert_eq!(engine["away"], serde_json::Value::Null);
    assert_eq!(engine["address"], redis.url());
    assert_eq!(
        (&engine["returned"], &engine["waiting"]),
        (&1.into(), &0.into())
    );
    let alone = routes
        .find(|route| route["path"] == "/alone")
        .expect("it is served");
    assert_eq!(alone["engine"], serde_json::Value::Null);
    for (name, value) in [
        ("up", 1.0),
        ("returned_total", 1.0),
        ("waiting", 0.0),
        ("gaps_total", 0.0),
    ] {
        let name = format!("detent_engine_{name}{{route=\"{ROUTE}\"}}");
        assert_eq!(admin.metric(&name), Some(value), "{name}");
    }
    let threads = one.thread_names();
    assert_eq!(
        threads.iter().filter(|name| *name == "engine").count(),
        2,
        "{threads:?}"
    );
}

#[test]
fn without_redis_there_is_no_thread_for_it_and_a_reload_says_that_it_needs_a_restart() {
    let text = "[[route]]\npath = \"/annals\"\nplugin = \"annals\"\n";
    let server = Setup::new()
        .plugins(&["annals"])
        .configuration(text)
        .start();
    let threads = server.thread_names();
    assert!(
        !threads.iter().any(|name| name.starts_with("engine")),
        "{threads:?}"
    );
    let redis = Redis::start();
    let shared = format!("[redis]\nurl = \"{}\"\n{text}shared = true\n", redis.url());
    server.reload_with(&shared);
    let line = server.wait_for_log(&["these need a restart: "]);
    assert!(
        line.contains("redis.url") && line.contains("route /annals: shared"),
        "{line}"
    );
    assert_eq!(redis.ask("EXISTS detent:/annals"), ":0\n");
    reload_adds_a_shared_route(&redis);
}

#[track_caller]
fn reload_adds_a_shared_route(redis: &Redis) {
    let one: Server = host(redis);
    let more = "[[route]]\npath = \"/more\"\nplugin = \"annals\"\nshared = true\n";
    one.reload_with(&format!("{}{more}", settings(&redis.url(), "")));
    one.wait_for_log(&["/more", "is shared with other hosts"]);
    assert_eq!(redis.ask("EXISTS detent:/more"), ":1\n");
    one.reload_with(&settings(&redis.url(), ""));
    wait_until("its threads have ended", || {
        one.thread_names()
            .iter()
            .filter(|name| *name == "engine")
            .count()
            == 2
    });
}

/// The page says which commands the user of Redis needs, and on which keys.
#[test]
fn a_user_who_may_do_what_the_page_says_is_enough() {
    let redis = Redis::on_free_port(&["--appendonly", "no"]);
    let page = include_str!("../../../server/TWO_HOSTS.md");
    let told = page
        .lines()
        .find(|line| line.starts_with("The user of Redis needs "));
    let (commands, keys) = told
        .and_then(|line| line.split_once(", on keys "))
        .expect("it says so");
    assert!(keys.contains("redis.prefix"));
    let commands = commands.split('`').skip(1).step_by(2);
    let may: Vec<_> = commands
        .map(|name| format!("+{}", name.to_lowercase()))
        .collect();
    let user = format!(
        "ACL SETUSER host on >secret ~detent:* resetchannels -@all {}",
        may.join(" ")
    );
    assert_eq!(redis.ask(&user), "+OK\n");
    let url = format!("redis://host:secret@127.0.0.1:{}", redis.port());
    let [one, other] = [host_at(&url, ""), host_at(&url, "")];
    let (mut listener, ..) = join(&other, "");
    let mut speaker = Client::connect(&one, &format!("{ROUTE}?silent"));
    speaker.send("say all may hear");
    assert_eq!(kept(&mut listener).1, "all may hear");
    // Where all of it goes, that is looked for and an epoch is begun.
    redis.ask("FLUSHALL");
    wait_until("one of the hosts begins an epoch", || {
        [&one, &other]
            .iter()
            .any(|host| host.count_log(&["goes on in another epoch"]) > 0)
    });
    for server in [&one, &other] {
        assert_eq!(server.count_log(&["it refuses"]), 0, "{}", server.log());
    }
}
