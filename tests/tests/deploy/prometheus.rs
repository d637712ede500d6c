//! Prometheus with the configuration, the alert rules and the dashboard of `scripts/deploy`: it understands them, it
//! reads what the server says, and every metric that they name is one that the server has.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use tests::deploy::{Prometheus, Text, server};
use tests::{Admin, Client, wait_until};

#[track_caller]
fn promtool(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("promtool");
    let output = command.args(arguments).current_dir(folder).output();
    output.expect("promtool runs")
}

#[track_caller]
fn assert_well(output: &Output) {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
}

#[test]
fn rules_and_configuration_are_understood_and_say_what_they_should() {
    let folder = TempDir::new().expect("a temporary folder");
    Text::of("prometheus/rules.yml").write(&folder.path().join("rules.yml"));
    let cases = folder.path().join("cases.yml");
    fs::write(cases, include_str!("prometheus-rules.yml")).expect("it can be written");
    let rules = folder.path().join("rules.yml").display().to_string();
    let text =
        Text::of("prometheus/prometheus.yml").put("/etc/prometheus/detent-rules.yml", &rules);
    text.write(&folder.path().join("prometheus.yml"));
    for arguments in [
        ["check", "rules", "rules.yml"],
        ["test", "rules", "cases.yml"],
        ["check", "config", "prometheus.yml"],
    ] {
        assert_well(&promtool(folder.path(), &arguments));
    }
}

#[test]
fn promtool_has_nothing_against_the_metrics() {
    let server = server();
    let _client = Client::connect(&server, "/chat");
    let (_, text) = Admin::of(&server).get("/metrics");
    fs::write(server.folder().join("metrics"), text).expect("it can be written");
    let mut command = Command::new("sh");
    let output = command
        .args(["-c", "promtool check metrics <metrics"])
        .current_dir(server.folder())
        .output()
        .expect("a shell runs");
    assert_well(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.is_empty(), "{said}");
}

#[test]
fn prometheus_reads_the_server_and_every_query_has_an_answer() {
    let server = server();
    let mut clients = [
        Client::connect(&server, "/chat"),
        Client::connect(&server, "/chat"),
    ];
    clients[0].send("hi");
    for client in &mut clients {
        assert_eq!(client.text(), "Client 1: hi");
    }
    Client::connect(&server, "/echo").close(1000, "");
    let admin = Admin::of(&server);
    // What there is to tell of a reload is there from the first one on.
    server.reload();
    let prometheus = Prometheus::start(admin.0);
    let number = |query: &str| {
        let answer = prometheus.query(query);
        let value = answer["data"]["result"][0]["value"][1].as_str();
        value.and_then(|value| value.parse::<f64>().ok())
    };
    wait_until("it has read the server", || {
        number("up{job=\"detent\"}") == Some(1.0)
    });
    assert_eq!(number("detent_ready"), Some(1.0));
    assert_eq!(number("sum(detent_clients{route=\"/chat\"})"), Some(2.0));
    let (_, text) = admin.get("/metrics");
    let dashboard = queries_of_the_dashboard();
    for (query, is_shown) in dashboard.into_iter().map(|query| (query, true)).chain(
        expressions_of_the_rules()
            .into_iter()
            .map(|query| (query, false)),
    ) {
        let query = query
            .replace("$__rate_interval", "1m")
            .replace("$instance", ".*");
        let answer = prometheus.query(&query);
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        // An alert has nothing to say of a server that is well, and nothing is kept on any route of this one.
        if is_shown && !is_of_journals(&query) {
            wait_until(&format!("a graph has something to show: {query}"), || {
                let answer = prometheus.query(&query);
                answer["data"]["result"]
                    .as_array()
                    .is_some_and(|rows| !rows.is_empty())
            });
        }
        for name in names(&query) {
            let is_there = text.contains(&format!("# TYPE {name} "));
            let is_of_prometheus = name == "up";
            assert!(
                is_there || is_of_prometheus,
                "{query}: the server has no {name}"
            );
        }
    }
}

fn queries_of_the_dashboard() -> Vec<String> {
    let text = Text::of("grafana/detent.json");
    let board: Value = serde_json::from_str(text.as_str()).expect("it is JSON");
    let panels = board["panels"].as_array().expect("a list");
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("a list"));
    let queries: Vec<_> = targets
        .map(|target| target["expr"].as_str().expect("a text").to_owned())
        .collect();
    assert!(queries.len() > 30, "{queries:?}");
    queries
}

fn expressions_of_the_rules() -> Vec<String> {
    let text = Text::of("prometheus/rules.yml");
    let lines = text.as_str().lines();
    let found = lines.filter_map(|line| line.trim().strip_prefix("expr: "));
    found.map(str::to_owned).collect()
}

/// Of what only a route with a journal has.
fn is_of_journals(query: &str) -> bool {
    let of_a_route = ["topics", "messages", "bytes", "position", "let_go"];
    let is_of = |name: &&str| query.contains(&format!("detent_journal_{name}"));
    of_a_route.iter().any(is_of)
}

/// The metrics of a query, by the family that they belong to.
fn names(query: &str) -> Vec<String> {
    let is_of_a_name = |one: char| one.is_ascii_alphanumeric() || one == '_';
    let words = query.split(|one| !is_of_a_name(one));
    let metrics = words.filter(|word| {
        *word == "up" || word.starts_with("detent_") || word.starts_with("process_")
    });
    let family = |word: &str| {
        let of = ["_seconds_bucket", "_seconds_sum", "_seconds_count"].iter();
        let found = of.filter_map(|suffix| word.strip_suffix(suffix)).next();
        found.map_or_else(|| word.to_owned(), |rest| format!("{rest}_seconds"))
    };
    metrics.map(family).collect()
}
