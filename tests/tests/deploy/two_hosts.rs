//! Two hosts that share a route behind one balancer, with the texts of `scripts/deploy`: nobody is tied to a host, and who
//! loses one goes on at the other.

use rustix::process::Signal;
use serde_json::Value;
use tests::deploy::{Answer, Front, Program, Text, Visitor};
use tests::{Admin, Raw, Redis, Server, Setup};

fn host(redis: &Redis) -> Server {
    let text = format!(
        "[redis]\nurl = \"{}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[[route]]\npath = \"/push\"\nplugin = \"push\"\nshared = true\n",
        redis.url()
    );
    Setup::new().plugins(&["push"]).configuration(&text).start()
}

/// The recipe, put where it says that it belongs.
fn edit(program: Program, text: Text, other: &Server) -> Text {
    let text = match program {
        Program::Nginx => {
            let recipe = Text::of("nginx/two-hosts.conf");
            text.put(
                "proxy_pass http://127.0.0.1:25252;",
                "proxy_pass http://detent;",
            )
            .put(
                "map $http_upgrade",
                &format!("{}map $http_upgrade", recipe.as_str()),
            )
        }
        _ => {
            let recipe = Text::of("haproxy/two-hosts.cfg");
            text.put(
                "    server detent 127.0.0.1:25252",
                recipe.as_str().trim_end(),
            )
        }
    };
    text.put("10.0.0.2:25252", &other.address().to_string())
}

#[track_caller]
fn publish(server: &Server, text: &str) {
    let length = text.len();
    let request = format!(
        "POST /push HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}"
    );
    let (status, head, body) = Raw::answer(server, request);
    assert_eq!(status, 200, "{head}{body}");
}

/// The next message and its position.
#[track_caller]
fn heard(visitor: &mut Visitor) -> (String, String) {
    loop {
        let text = visitor.text();
        let envelope: Value = serde_json::from_str(&text).expect("JSON");
        assert!(envelope["gap"].is_null(), "{text}");
        if let (Some(id), Some(data)) = (envelope["id"].as_str(), envelope["data"].as_str()) {
            return (id.to_owned(), data.to_owned());
        }
    }
}

/// The next event of a stream that says `text`, and its position.
#[track_caller]
fn event(stream: &mut Answer, text: &str) -> String {
    let mut event = stream.until(&format!("data: {text}\n"));
    event += &stream.until("\n");
    let id = event.rsplit("id: ").next().expect("it has one");
    id.chars().take_while(|of| !of.is_whitespace()).collect()
}

/// Clients that a host has.
fn clients(server: &Server) -> u64 {
    let status = Admin::of(server).json("/status.json");
    let routes = status["routes"].as_array().expect("routes");
    let route = routes.iter().find(|route| route["path"] == "/push");
    route.expect("it is served")["clients"]
        .as_u64()
        .expect("a number")
}

fn who_loses_a_host_goes_on_at_the_other(program: Program) {
    let redis = Redis::start();
    let (mut one, other) = (host(&redis), host(&redis));
    let front = Front::start_with(program, &one, |text| edit(program, text, &other));
    let mut visitors: Vec<_> = (0..6)
        .map(|_| {
            front
                .visit("/push?envelope=1", &[])
                .expect("it is admitted")
        })
        .collect();
    let mut streams: Vec<_> = (0..4)
        .map(|_| front.ask("/push", "Accept: text/event-stream\r\n"))
        .collect();
    for stream in &mut streams {
        stream.until("\r\n\r\n");
    }
    publish(&one, "by one");
    publish(&other, "by the other");
    let mut positions = Vec::new();
    for visitor in &mut visitors {
        assert_eq!(heard(visitor).1, "by one");
        let (position, said) = heard(visitor);
        assert_eq!(said, "by the other");
        positions.push(position);
    }
    let mut ids = Vec::new();
    for stream in &mut streams {
        event(stream, "by one");
        ids.push(event(stream, "by the other"));
    }
    let counts = [&one, &other].map(clients);
    assert!(
        counts.iter().all(|count| *count > 0),
        "nobody is tied to one: {counts:?}"
    );
    one.signal(Signal::KILL);
    one.wait();
    publish(&other, "meanwhile");
    for position in &positions {
        // Whoever it was on: it comes back by the balancer, and gets what it has missed.
        let mut back = front.visit_when_open(&format!("/push?envelope=1&since={position}"));
        assert_eq!(heard(&mut back).1, "meanwhile");
    }
    for id in &ids {
        let lines = format!("Accept: text/event-stream\r\nLast-Event-ID: {id}\r\n");
        let mut back = front.ask("/push", &lines);
        assert!(back.until("\r\n\r\n").contains(" 200 "));
        event(&mut back, "meanwhile");
    }
}

#[cfg(feature = "nginx")]
#[test]
fn who_loses_a_host_behind_nginx_goes_on_at_the_other() {
    who_loses_a_host_goes_on_at_the_other(Program::Nginx);
}

#[cfg(feature = "haproxy")]
#[test]
fn who_loses_a_host_behind_haproxy_goes_on_at_the_other() {
    who_loses_a_host_goes_on_at_the_other(Program::HaProxy);
}
