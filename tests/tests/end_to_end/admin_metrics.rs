//! What there is to tell of a server: for Prometheus, as JSON, and client by client.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use tests::{ADMIN, Admin, Client, Raw, Setup, handshake, wait_until};

#[test]
fn every_number_says_what_happened() {
    let (server, admin) = Admin::start(&["echo", "chat", "faulty"]);
    let mut echo = Client::connect(&server, "/echo");
    echo.send("hello");
    assert_eq!(echo.text(), "hello");
    let mut speaker = Client::connect(&server, "/chat");
    let mut listener = Client::connect(&server, "/chat");
    speaker.send("hi");
    for member in [&mut speaker, &mut listener] {
        assert_eq!(member.text(), "Client 1: hi");
    }
    let (status, ..) = Raw::answer(&server, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status, 404);
    listener.close(4001, "");
    for order in ["panic", "fail"] {
        let mut client = Client::connect(&server, "/faulty");
        client.send(order);
        assert_eq!(client.closed().0, 1011);
    }
    // Whoever has left is counted by a thread that has still to run.
    wait_until("all of them have left", || {
        admin.metric("detent_clients{route=\"/faulty\",kind=\"websocket\"}") == Some(0.0)
            && admin.metric("detent_clients{route=\"/chat\",kind=\"websocket\"}") == Some(1.0)
    });
    for (name, value) in [
        ("detent_ready", 1.0),
        ("detent_build_info{version=\"0.1.0\"}", 1.0),
        ("detent_clients{route=\"/echo\",kind=\"websocket\"}", 1.0),
        ("detent_opened_total", 5.0),
        ("detent_closed_total{by=\"peer\",code=\"other\"}", 1.0),
        ("detent_closed_total{by=\"server\",code=\"1011\"}", 2.0),
        (
            "detent_route_opened_total{route=\"/chat\",plugin=\"chat\"}",
            2.0,
        ),
        (
            "detent_route_closed_total{route=\"/chat\",plugin=\"chat\",by=\"peer\",code=\"other\"}",
            1.0,
        ),
        (
            "detent_route_closed_total{route=\"/faulty\",plugin=\"faulty\",by=\"server\",code=\"1011\"}",
            2.0,
        ),
        (
            "detent_route_dropped_messages_total{route=\"/chat\",plugin=\"chat\"}",
            0.0,
        ),
        ("detent_requests_total{status=\"101\"}", 5.0),
        ("detent_requests_total{status=\"404\"}", 1.0),
        ("detent_messages_total{way=\"answered\"}", 1.0),
        ("detent_messages_total{way=\"delivered\"}", 2.0),
        ("detent_message_bytes_total{way=\"answered\"}", 5.0),
        (
            "detent_route_in_service{route=\"/chat\",plugin=\"chat\"}",
            1.0,
        ),
        (
            "detent_callback_panics_total{route=\"/faulty\",plugin=\"faulty\"}",
            1.0,
        ),
        (
            "detent_callback_panics_total{route=\"/chat\",plugin=\"chat\"}",
            0.0,
        ),
        (
            "detent_callback_seconds_count{route=\"/echo\",plugin=\"echo\",callback=\"on_message\"}",
            1.0,
        ),
        ("detent_queue_bytes{route=\"/chat\",plugin=\"chat\"}", 0.0),
        ("detent_dropped_messages_total", 0.0),
        ("detent_library_loads_total", 3.0),
    ] {
        assert_eq!(
            admin.metric(name),
            Some(value),
            "{name}\n{}",
            admin.get("/metrics").1
        );
    }
    for name in [
        "detent_hub_turn_seconds_count",
        "detent_queue_wait_sampled_seconds_count{route=\"/chat\",plugin=\"chat\"}",
        "detent_hub_round_seconds_count{route=\"/chat\",plugin=\"chat\"}",
        "detent_hub_rounds_total",
        "process_resident_memory_bytes",
        "process_threads",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(
            admin.metric(name).is_some_and(|value| value > 0.0),
            "{name}"
        );
    }
    let (_, head, text) = admin.ask("GET", "/metrics", &[]);
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert_well_formed(&text);
}

/// Each family has one head with its help and kind, and each sample is of the family that was named last.
#[track_caller]
fn assert_well_formed(text: &str) {
    let mut families = HashSet::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a name and help");
            assert!(families.insert(name) && !help.is_empty(), "{line}");
            family = name;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(rest.starts_with(&format!("{family} ")), "{line}");
        } else {
            let name = line.split(['{', ' ']).next().expect("a name");
            let of = ["_bucket", "_sum", "_count"].iter();
            let of = of.fold(name, |name, suffix| match name.strip_suffix(suffix) {
                Some(rest) if rest == family => rest,
                _ => name,
            });
            assert_eq!(of, family, "{line}");
        }
    }
    assert!(families.len() > 30, "{text}");
}

/// Who has left has said what it said, and nobody's words are told twice.
#[test]
fn what_is_said_is_told_by_route_whether_its_clients_are_there_or_not() {
    let (server, admin) = Admin::start(&["echo", "chat"]);
    let of = |path: &str, what: &str, way: &str| {
        let plugin = path.trim_start_matches('/');
        let labels = format!("route=\"{path}\",plugin=\"{plugin}\",way=\"{way}\"");
        admin.metric(&format!("detent_route_{what}_total{{{labels}}}"))
    };
    let mut stays = Client::connect(&server, "/echo");
    for round in 1..=3_u32 {
        let mut goes = Client::connect(&server, "/echo");
        for client in [&mut stays, &mut goes] {
            client.send("hello");
            assert_eq!(client.text(), "hello");
        }
        let said = Some(f64::from(2 * round));
        assert_eq!(of("/echo", "messages", "in"), said);
        goes.close(1000, "");
        wait_until("it has left", || {
            admin.json("/clients?route=/echo")["found"] == 1
        });
        for way in ["in", "answered"] {
            wait_until("it is counted again", || {
                of("/echo", "messages", way) == said
            });
            assert_eq!(
                of("/echo", "message_bytes", way),
                said.map(|count| 5.0 * count)
            );
        }
    }
    let mut room = [(); 3].map(|()| Client::connect(&server, "/chat"));
    room[0].send("hi");
    room.iter_mut()
        .for_each(|member| assert_eq!(member.text(), "Client 1: hi"));
    assert_eq!(of("/chat", "messages", "delivered"), Some(3.0));
    assert_eq!(
        of("/chat", "message_bytes", "delivered"),
        Some(3.0 * 14.0),
        "frames"
    );
    assert_eq!(of("/chat", "messages", "in"), Some(1.0));
    assert_eq!(of("/echo", "messages", "delivered"), Some(0.0));
}

#[test]
fn a_journal_tells_what_it_holds_and_what_it_has_let_go() {
    let setup = Setup::new().plugins(&["annals", "echo"]);
    let settings =
        "[[route]]\npath = \"/annals\"\nplugin = \"annals\"\n[route.journal]\nmessages = 2";
    let (server, admin) = Admin::start_with(setup, settings);
    let of = |name: &str| {
        admin.metric(&format!(
            "detent_journal_{name}{{route=\"/annals\",plugin=\"annals\"}}"
        ))
    };
    assert_eq!(of("messages"), None, "nothing was ever kept");
    let mut client = Client::connect(&server, "/annals");
    assert!(client.text().starts_with("fresh "));
    for number in 1..=3 {
        client.send(&format!("say news {number}"));
        assert!(client.text().ends_with(&format!(" news {number}")));
    }
    for (name, value) in [
        ("topics", 1.0),
        ("messages", 2.0),
        ("position", 3.0),
        ("let_go_total", 1.0),
    ] {
        wait_until(name, || of(name) == Some(value));
    }
    let bytes = of("bytes").expect("it is told");
    assert!((128.0..512.0).contains(&bytes), "{bytes}");
    assert_eq!(admin.metric("detent_journal_kept_total"), Some(3.0));
    let routes = &admin.json("/status.json")["routes"];
    let journal = |path: &str| {
        let mut routes = routes.as_array().expect("a list").iter();
        routes
            .find(|route| route["path"] == path)
            .expect("it is there")["journal"]
            .clone()
    };
    assert_eq!(journal("/annals")["messages"], 2);
    assert_eq!(journal("/echo"), Value::Null);
}

/// Nobody who cannot see them pays for times.
#[test]
fn a_listener_that_a_reload_opens_counts_from_then_on() {
    let server = Setup::new().plugins(&["echo"]).configuration("").start();
    let mut client = Client::connect(&server, "/echo");
    let mut say = || {
        client.send("x");
        assert_eq!(client.text(), "x");
    };
    say();
    let line = server.reload_with(ADMIN);
    let admin = Admin::told(&line);
    let name =
        "detent_callback_seconds_count{route=\"/echo\",plugin=\"echo\",callback=\"on_message\"}";
    assert_eq!(admin.metric(name), None);
    say();
    assert_eq!(admin.metric(name), Some(1.0));
}

#[test]
fn the_status_says_the_same_as_json() {
    let (server, admin) = Admin::start(&["echo", "chat"]);
    let mut client = Client::connect(&server, "/echo");
    client.send("hello");
    assert_eq!(client.text(), "hello");
    let status = admin.json("/status.json");
    assert_eq!(status["state"], "ready");
    assert_eq!(status["connections"]["clients"], 1);
    assert_eq!(status["counts"]["messages_in"], 1);
    assert_eq!(
        status["counts"]["statuses"],
        serde_json::json!([["101", 1]])
    );
    assert_eq!(status["log_level"], "info");
    assert!(
        status["capacity"]["connections"]
            .as_u64()
            .is_some_and(|most| most > 0)
    );
    assert!(
        status["process"]["resident_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 0)
    );
    let route = |path: &str| {
        let routes = status["routes"].as_array().expect("a list");
        let found = routes.iter().find(|route| route["path"] == path);
        found.unwrap_or_else(|| panic!("{routes:#?}")).clone()
    };
    let echo = route("/echo");
    assert_eq!(echo["clients"], 1);
    assert_eq!(echo["is_in_service"], true);
    let callbacks = echo["callbacks"].as_array().expect("a list");
    assert!(
        callbacks
            .iter()
            .any(|of| of["name"] == "on_message" && of["count"] == 1),
        "{callbacks:?}"
    );
    assert_eq!(route("/chat")["clients"], 0);
    assert_eq!(status["reloads"]["last"], Value::Null);
    server.reload();
    let status = admin.json("/status.json");
    assert_eq!(status["reloads"]["last"]["outcome"], "nothing has changed");
    assert_eq!(status["reloads"]["last"]["is_done"], true);
    server.reload_with("nonsense = 1\n[admin]\nlisten = \"127.0.0.1:0\"\n");
    let last = admin.json("/status.json")["reloads"]["last"].clone();
    assert_eq!(last["is_done"], false);
    assert!(
        last["outcome"]
            .as_str()
            .is_some_and(|text| text.contains("nonsense")),
        "{last}"
    );
    assert_eq!(
        admin.metric("detent_reloads_total{result=\"refused\"}"),
        Some(1.0)
    );
    assert_eq!(admin.metric("detent_last_reload_successful"), Some(0.0));
}

#[test]
fn each_client_is_listed_with_what_is_its_own() {
    let setup = Setup::new().plugins(&["echo", "chat"]);
    let (server, admin) = Admin::start_with(setup, "limits.connections = 2");
    // Whoever had the place before has said something too.
    let mut before = Client::connect(&server, "/echo");
    before.send("before");
    before.text();
    before.close(1000, "");
    let of = [("X-Forwarded-For", "203.0.113.7")];
    let mut client = Client::connect_with(&server, "/echo", &of).expect("it is admitted");
    client.send("hello");
    assert_eq!(client.text(), "hello");
    wait_until("the one before has gone", || {
        admin.json("/clients")["found"] == 1
    });
    let mut other = Client::connect(&server, "/chat");
    other.send("hi");
    other.text();
    let list = admin.json("/clients");
    assert_eq!(list["found"], 2);
    let one = |query: &str| {
        let list = admin.json(&format!("/clients?{query}"));
        assert_eq!(list["found"], 1, "{query}: {list}");
        list["clients"][0].clone()
    };
    let echo = one("route=/echo");
    assert_eq!(echo["address"], "203.0.113.7");
    assert_eq!(echo["kind"], "websocket");
    assert_eq!(echo["messages_in"], 1);
    assert_eq!(echo["bytes_in"], 5);
    // Its 101, and one frame of two bytes and five.
    assert!(
        echo["bytes_out"]
            .as_u64()
            .is_some_and(|bytes| (100..1000).contains(&bytes)),
        "{echo}"
    );
    assert_eq!(echo["is_slow"], false);
    assert!(echo["age_seconds"].as_f64().is_some_and(|age| age < 600.0));
    let number = &echo["client"];
    assert_eq!(one("address=203.0.113.7")["client"], *number);
    assert_eq!(one(&format!("client={number}"))["client"], *number);
    assert_eq!(one("address=127.0.0.1")["route"], "/chat");
    assert_eq!(
        admin.json("/clients?limit=1")["clients"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(admin.json("/clients?route=/nowhere")["found"], 0);
}

#[test]
fn who_is_slow_comes_first_and_who_is_in_a_long_callback_is_named() {
    let setup = Setup::new().plugins(&["chat", "faulty"]);
    let settings = "[client]\nbacklog = \"64 MiB\"\nmessage = \"1 MiB\"";
    let (server, admin) = Admin::start_with(setup, settings);
    let mut first = Client::connect(&server, "/chat");
    // It reads nothing, and is said so much that its socket is full.
    let _slow = Raw::upgrade(&server, "/chat");
    let long = "x".repeat(1_000_000);
    for _ in 0..8 {
        first.send(&long);
        first.text();
    }
    wait_until("it is slow", || {
        admin.json("/clients")["clients"][0]["is_slow"] == true
    });
    let list = admin.json("/clients?route=/chat");
    assert_eq!(list["found"], 2);
    assert_eq!(list["clients"][0]["client"], 2);
    let backlog = list["clients"][0]["backlog_bytes"]
        .as_u64()
        .expect("a number");
    assert!(backlog > 1_000_000, "{list}");
    let metric = |name: &str| admin.metric(&format!("{name}{{route=\"/chat\",plugin=\"chat\"}}"));
    assert_eq!(metric("detent_slow_clients"), Some(1.0));
    assert_eq!(metric("detent_backlog_bytes"), Some(backlog as f64));
    let mut blocked = Client::connect(&server, "/faulty");
    blocked.send("block 7000");
    let name = "detent_long_callbacks_running{route=\"/faulty\",plugin=\"faulty\"}";
    wait_until("it is reported", || admin.metric(name) == Some(1.0));
    let list = admin.json("/clients?route=/faulty");
    assert_eq!(list["clients"][0]["callback"][0], "on_message");
    wait_until("it is over", || admin.metric(name) == Some(0.0));
    assert_eq!(
        admin.metric("detent_long_callbacks_total{route=\"/faulty\",plugin=\"faulty\"}"),
        Some(1.0)
    );
}

#[test]
fn who_has_not_asked_for_a_route_is_counted_as_such() {
    let (server, admin) = Admin::start(&["echo"]);
    let mut raw = Raw::connect(&server);
    raw.write("GET /ec");
    let name = "detent_clients{route=\"\",kind=\"plain\"}";
    wait_until("it is counted", || admin.metric(name) == Some(1.0));
    let list = admin.json("/clients");
    assert_eq!(list["clients"][0]["kind"], "plain");
    assert_eq!(list["clients"][0]["route"], Value::Null);
    drop(raw);
    let mut raw = Raw::connect(&server);
    raw.write(handshake("/echo", &[]));
    raw.head();
    wait_until("it is on the route", || admin.metric(name) == Some(0.0));
    raw.0
        .set_read_timeout(Some(Duration::from_secs(1)))
        .expect("a live socket");
}
