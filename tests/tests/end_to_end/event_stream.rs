//! Clients that listen by an event stream: like any other, one way.

use tests::{Client, Event, Events, Raw, Server, Setup};

const ACCEPT: &str = "Accept: text/event-stream\r\n";

fn get(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n")
}

fn route(plugin: &str, event_stream: bool) -> Setup {
    let setup = Setup::new().plugins(&[plugin]);
    setup.configuration(&format!(
        "[[route]]\npath = \"/{plugin}\"\nplugin = \"{plugin}\"\nevent_stream = {event_stream}\n"
    ))
}

#[test]
fn what_is_said_to_all_comes_as_events_in_the_same_order() {
    let server = Server::start();
    let mut events = Events::open(&server, "/push", &[]);
    let mut listener = Client::connect(&server, "/push");
    let mut insider = Client::connect(&server, "/push");
    let lines = "one\ntwo\r\nthree\rfour\n\nid: 6";
    insider.send(lines);
    insider.send_binary(&[0, 255, 13, 10]);
    insider.send("");
    assert_eq!(listener.text(), lines);
    assert_eq!(listener.binary(), [0, 255, 13, 10]);
    assert_eq!(listener.text(), "");
    assert_eq!(events.text(), "one\ntwo\nthree\nfour\n\nid: 6");
    let binary: Event = events.event().expect("the stream goes on");
    assert_eq!(
        (binary.name.as_str(), binary.data.as_str()),
        ("binary", "AP8NCg==")
    );
    assert_eq!(events.text(), "");
}

#[test]
fn who_listens_by_events_listens_to_its_topics_and_counts() {
    let server = Server::start();
    let mut news = Events::open(&server, "/push/news", &[]);
    let mut both = Events::open(&server, "/push?topic=news&topic=shop", &[]);
    // The head is answered before it has joined, and the page tells insiders who has.
    let page = get("/push", "Accept: text/html\r\n");
    tests::wait_until("both listen", || {
        let page = Raw::answer(&server, page.as_str()).2;
        page.contains("[\"news\",2]") && page.contains("[\"shop\",1]")
    });
    let publish = |path: &str, body: &str| {
        let length = body.len();
        let lines = format!("Content-Type: text/plain\r\nContent-Length: {length}\r\n");
        let post = get(path, &lines).replace("GET ", "POST ");
        tests::without_positions(&Raw::answer(&server, post + body).2)
    };
    assert_eq!(
        publish("/push/news", "first"),
        "{\"topic\":\"news\",\"clients\":2}\n"
    );
    assert_eq!(
        publish("/push/shop", "second"),
        "{\"topic\":\"shop\",\"clients\":1}\n"
    );
    publish("/push/news", "third");
    assert_eq!(
        (news.text(), news.text()),
        ("first".to_owned(), "third".to_owned())
    );
    for expected in ["first", "second", "third"] {
        assert_eq!(both.text(), expected);
    }
    drop(both);
    tests::wait_until("it has gone", || {
        publish("/push/shop", "x") == "{\"topic\":\"shop\",\"clients\":0}\n"
    });
}

#[test]
fn what_one_client_gets_alone_stands_among_what_all_get() {
    let server = Server::start();
    let mut events = Events::open(&server, "/push", &[]);
    let mut speakers: Vec<_> = (0..4).map(|_| Client::connect(&server, "/push")).collect();
    // Each leaves itself out, so that the runs are patched.
    for round in 0..50 {
        for (index, speaker) in speakers.iter_mut().enumerate() {
            speaker.send(&format!("{round} of {index}"));
        }
    }
    let mut next = [0; 4];
    for _ in 0..200 {
        let text = events.text();
        let (round, index) = text.split_once(" of ").expect("two numbers");
        let index: usize = index.parse().expect("a number");
        assert_eq!(round, next[index].to_string());
        next[index] += 1;
    }
}

#[test]
fn the_head_keeps_whoever_passes_it_on_from_holding_it_back() {
    let server = Server::start();
    let events = Events::open(&server, "/push", &[]);
    let head = events.head().to_lowercase();
    for line in [
        "content-type: text/event-stream",
        "cache-control: no-store",
        "x-accel-buffering: no",
        "connection: close",
    ] {
        assert!(head.contains(line), "{head}");
    }
    assert!(!head.contains("content-length"), "{head}");
    // The same without the stream; the connection goes on to be used or not, as the client likes.
    let of_head = get("/push", ACCEPT).replace("GET ", "HEAD ");
    let (status, of_head, _) = Raw::answer(&server, of_head);
    let of_head = of_head.to_lowercase();
    assert_eq!(status, 200);
    assert!(
        of_head.contains("content-type: text/event-stream"),
        "{of_head}"
    );
    assert!(!of_head.contains("content-length"), "{of_head}");
    // HTTP/1.0 has no other way to end a body than its connection, and this one has neither.
    let old = format!("GET /push HTTP/1.0\r\nHost: localhost\r\n{ACCEPT}\r\n");
    let mut old = Events::send(&server, &old);
    Client::connect(&server, "/push").send("to all");
    assert_eq!(old.text(), "to all");
}

#[test]
fn only_who_asks_for_events_on_a_route_that_has_them_gets_them() {
    let server = Server::start();
    for (path, lines) in [
        ("/push", "Accept: */*\r\n"),
        (
            "/push",
            "Accept: application/xml, text/event-stream;q=0.5\r\n",
        ),
        ("/push", "Accept: text/event-stream;q=0\r\n"),
        ("/echo", ACCEPT),
    ] {
        let (status, ..) = Raw::answer(&server, get(path, lines));
        assert_eq!(status, 426, "{path} {lines}");
    }
    let with_body = get("/push", &format!("{ACCEPT}Content-Length: 1\r\n")) + "x";
    assert_eq!(Raw::answer(&server, with_body).0, 400);
    let server = route("push", false).start();
    assert_eq!(Raw::answer(&server, get("/push", ACCEPT)).0, 426);
}

#[test]
fn a_plugin_that_knows_nothing_of_it_has_such_clients_where_the_settings_say() {
    let server = route("chat", true).start();
    let mut events = Events::open(&server, "/chat", &[]);
    server.wait_for_log(&["Client 1 has connected"]);
    Client::connect(&server, "/chat").send("hello");
    assert_eq!(events.text(), "Client 2: hello");
    drop(events);
    server.wait_for_log(&["Client 1 has left (1005"]);
}

#[test]
fn a_plugin_admits_refuses_and_asks_what_a_client_is() {
    let server = route("probe", true).start();
    let mut events = Events::open(&server, "/probe?hello", &["Origin: http://localhost"]);
    assert!(
        events.head().to_lowercase().contains("x-probe: admitted"),
        "{}",
        events.head()
    );
    assert_eq!(events.text(), "hello");
    assert_eq!(events.text(), "EventStream Some(Own)");
    let (status, head, body) = Raw::answer(&server, get("/probe?refuse", ACCEPT));
    assert_eq!((status, body.as_str()), (401, "not you"), "{head}");
    let (status, ..) = Raw::answer(&server, get("/probe?gone", ACCEPT));
    assert_eq!(status, 204, "it is not to come back");
    let socket = tests::handshake("/probe?gone", &[]);
    assert_eq!(
        Raw::answer(&server, socket).0,
        500,
        "that means nothing to a WebSocket"
    );
}

#[test]
fn a_stream_ends_in_good_order_when_the_server_stops() {
    let mut server = Server::start();
    let mut events = Events::open(&server, "/push", &[]);
    let mut insider = Client::connect(&server, "/push");
    insider.send("last words");
    assert_eq!(events.text(), "last words");
    server.signal(rustix::process::Signal::TERM);
    let end = events.event().expect("the last event");
    assert_eq!(end.name, "close");
    assert!(end.data.starts_with("1001"), "{end:?}");
    assert_eq!(events.event(), None);
    assert_eq!(server.wait().code(), Some(0));
}
