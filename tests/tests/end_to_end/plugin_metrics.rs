//! What plugins count for themselves stands with the server's own metrics, in Rust and in C, and goes on when the
//! library is replaced.

use std::fs;

use tests::{ADMIN, Admin, Client, Setup, compile_c, compile_c_with};

#[track_caller]
fn tell(client: &mut Client, order: &str) -> String {
    client.send(order);
    client.text()
}

#[test]
fn a_plugin_in_rust_has_counters_gauges_and_histograms() {
    let (server, admin) = Admin::start(&["probe"]);
    let mut client = Client::connect(&server, "/probe");
    for _ in 0..3 {
        assert_eq!(tell(&mut client, "metric count shop berlin"), "counted");
    }
    assert_eq!(tell(&mut client, "metric count shop \"Röm\\"), "counted");
    assert_eq!(tell(&mut client, "metric gauge 2.5 -"), "set");
    for size in ["0.5", "7", "99"] {
        assert_eq!(
            tell(&mut client, &format!("metric observe {size} -")),
            "observed"
        );
    }
    let own = "route=\"/probe\",plugin=\"probe\"";
    for (name, value) in [
        (
            format!("detent_plugin_probe_counted_total{{{own},shop=\"berlin\"}}"),
            3.0,
        ),
        (
            format!("detent_plugin_probe_counted_total{{{own},shop=\"\\\"Röm\\\\\"}}"),
            1.0,
        ),
        (format!("detent_plugin_probe_level{{{own}}}"), 2.5),
        (format!("detent_plugin_probe_sizes_count{{{own}}}"), 3.0),
        (format!("detent_plugin_probe_sizes_sum{{{own}}}"), 106.5),
        (
            format!("detent_plugin_probe_sizes_bucket{{{own},le=\"10\"}}"),
            2.0,
        ),
    ] {
        assert_eq!(
            admin.metric(&name),
            Some(value),
            "{name}\n{}",
            admin.get("/metrics").1
        );
    }
    // The same numbers in the status, for who has no Prometheus.
    let status = admin.json("/status.json");
    let of = &status["routes"][0]["own_metrics"];
    assert_eq!(of[0]["name"], "counted", "{of}");
    assert_eq!(of[0]["rows"][1]["value"], 3.0, "{of}");
}

#[test]
fn what_cannot_stand_or_is_too_much_is_refused_with_a_reason() {
    let (server, _) = Admin::start(&["probe"]);
    let mut client = Client::connect(&server, "/probe");
    for (order, answer) in [
        (
            "metric count route x",
            "metric counted: `route` is no name for a label of a plugin",
        ),
        (
            "metric declare Upper -",
            "metric Upper: a name is a letter a-z",
        ),
    ] {
        let told = tell(&mut client, order);
        assert!(told.contains(answer), "{order}: {told}");
    }
    let long = "x".repeat(129);
    let told = tell(&mut client, &format!("metric count shop {long}"));
    assert_eq!(told, "a value of a label has more than 128 bytes");
    // One that declares more and more, or makes a label of everything, fills its own room, and no more.
    for order in ["metric series 1001 -", "metric many 63 -"] {
        let told = tell(&mut client, order);
        assert_eq!(told, "the route has as many metrics or series as it may");
    }
    let (_, text) = Admin::of(&server).get("/metrics");
    assert_eq!(
        text.matches("detent_plugin_probe_series_total{").count(),
        1000
    );
}

#[test]
fn a_plugin_in_c_counts_and_goes_on_when_it_is_replaced() {
    let setup = Setup::new().configuration(ADMIN);
    let library = compile_c("counting", &setup.plugins_folder());
    let server = setup.start();
    let admin = Admin::of(&server);
    let mut client = Client::connect(&server, "/counting");
    let mut echo = |text: &str| assert_eq!(tell(&mut client, text), text);
    echo("one");
    echo("three");
    let own = "route=\"/counting\",plugin=\"counting\"";
    let said = format!("detent_plugin_counting_said_total{{{own},kind=\"text\"}}");
    let level = format!("detent_plugin_counting_level{{{own}}}");
    let sizes = format!("detent_plugin_counting_sizes_bucket{{{own},le=\"4\"}}");
    assert_eq!(
        admin.metric(&said),
        Some(2.0),
        "{}",
        admin.get("/metrics").1
    );
    assert_eq!(admin.metric(&level), Some(5.0));
    assert_eq!(admin.metric(&sizes), Some(1.0));
    // The same with what a debugger wants: other bytes.
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/c/counting.c");
    let other = server.folder().join("other.so");
    compile_c_with(source.as_ref(), &other, &["-g"]);
    let name = library
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    server.put_plugin(name, &fs::read(&other).expect("it was compiled"));
    let line = server.reload();
    assert!(line.contains("code of route /counting"), "{line}");
    echo("four");
    assert_eq!(admin.metric(&said), Some(3.0));
    assert_eq!(admin.metric(&level), Some(4.0));
    assert_eq!(admin.metric(&sizes), Some(2.0));
}

/// Such a server would only waste its time.
#[test]
fn without_an_admin_listener_a_plugin_counts_all_the_same() {
    let server = Setup::new().plugins(&["probe"]).start();
    let mut client = Client::connect(&server, "/probe");
    assert_eq!(tell(&mut client, "metric count shop berlin"), "counted");
}
