//! What is told of many: thousands of clients in `/clients`, and plugins that make a label of everything.
//!
//! A smaller form by default; with `DETENT_LONG=1` 10,000 clients.

use tests::{Admin, Client, Raw, Setup, need_open_files, wait_until};

fn clients() -> usize {
    match std::env::var_os("DETENT_LONG") {
        Some(_) => 10_000,
        None => 1_500,
    }
}

/// Of so many the listener tells how many there are and lists a thousand, slow ones first, and neither what it holds for that
/// nor what it answers grows with those that are not listed.
#[test]
fn of_thousands_of_clients_the_first_are_listed_and_all_are_found() {
    let count = clients();
    need_open_files(count as u64 + 500);
    let setup = Setup::new()
        .plugins(&["echo", "chat"])
        .arguments(&["--log-level", "warn"]);
    let settings = format!(
        "limits.connections = {}\n[client]\nbacklog = \"64 MiB\"\nmessage = \"1 MiB\"",
        count + 10
    );
    let (server, admin) = Admin::start_with(setup, &settings);
    let crowd: Vec<_> = (0..count).map(|_| Raw::upgrade(&server, "/echo")).collect();
    // The last to come is the only slow one.
    let mut speaker = Client::connect(&server, "/chat");
    let _slow = Raw::upgrade(&server, "/chat");
    let long = "x".repeat(1_000_000);
    for _ in 0..8 {
        speaker.send(&long);
        speaker.text();
    }
    wait_until("it is slow", || {
        admin.json("/clients?limit=1")["clients"][0]["is_slow"] == true
    });
    let before = server.peak_resident_kib();
    let (status, body) = admin.get("/clients");
    let grown = server.peak_resident_kib() - before;
    assert_eq!(status, 200);
    let list: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(list["found"], count + 2);
    let listed = list["clients"].as_array().expect("a list");
    assert_eq!(listed.len(), 1000);
    // Behind it the oldest, in their order.
    let numbers: Vec<_> = listed
        .iter()
        .filter_map(|of| of["client"].as_u64())
        .collect();
    assert_eq!(numbers[0], count as u64 + 2);
    assert!(numbers[1..].is_sorted() && numbers[1] == 1, "{numbers:?}");
    assert!(body.len() < 1 << 20, "{} bytes", body.len());
    // Thousand clients in text, the answer itself, and what the allocator keeps beside.
    assert!(grown < 8 << 10, "{grown} KiB more for one answer");
    // Each is to be had by what it is known by.
    let list = admin.json(&format!("/clients?client={count}"));
    assert_eq!(
        (&list["found"], &list["clients"][0]["client"]),
        (&1.into(), &count.into())
    );
    assert_eq!(
        admin.json("/clients?limit=0")["clients"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
    assert_eq!(
        admin.json("/clients?limit=99999")["clients"]
            .as_array()
            .map(Vec::len),
        Some(1000)
    );
    // And one order closes all of them.
    let (status, told) = admin.order("/kick?route=/echo");
    assert_eq!(
        (status, told),
        (
            200,
            format!("{{\"result\":\"{count} connections closed\"}}\n")
        )
    );
    for mut raw in crowd {
        assert_eq!(raw.close_frame().0, 1008);
    }
}

/// Ten routes whose plugin makes a label of everything: each fills its own room, and the text stays one that Prometheus takes.
#[test]
fn ten_thousand_labels_are_told_whole() {
    let routes: String = (0..10)
        .map(|at| format!("[[route]]\npath = \"/probe{at}\"\nplugin = \"probe\"\n"))
        .collect();
    let (server, admin) = Admin::start_with(Setup::new().plugins(&["probe"]), &routes);
    for at in 0..10 {
        let mut client = Client::connect(&server, &format!("/probe{at}"));
        client.send("metric series 1001 -");
        assert_eq!(
            client.text(),
            "the route has as many metrics or series as it may"
        );
        client.send("metric count shop a\"b\\c");
        assert_eq!(
            client.text(),
            "the route has as many metrics or series as it may"
        );
    }
    let (status, text) = admin.get("/metrics");
    assert_eq!(status, 200);
    assert_eq!(
        text.matches("\ndetent_plugin_probe_series_total{").count(),
        10_000
    );
    assert!(text.ends_with("# EOF\n") || text.ends_with('\n'));
    let status = admin.json("/status.json");
    let routes = status["routes"].as_array().expect("a list");
    assert_eq!(routes.len(), 10);
}
