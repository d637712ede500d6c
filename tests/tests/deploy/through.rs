//! What has to work through every proxy: one function a behaviour, and the tests of a proxy made of them.

use tests::deploy::{Front, Program, VISITOR, Visitor, server, server_with};
use tests::{Client, Raw, Server};

/// Makes one test of each behaviour, for one proxy.
macro_rules! tests_through {
    ($program:expr, [$($(#[$only:meta])? $name:ident),* $(,)?]) => {
        $(
            $(#[$only])?
            #[test]
            fn $name() {
                crate::through::$name($program);
            }
        )*
    };
}
pub(crate) use tests_through;

#[track_caller]
fn visit(front: &Front, path: &str) -> Visitor {
    front
        .visit(path, &[])
        .unwrap_or_else(|refused| panic!("{path}: {refused:?}\n{}", front.log()))
}

/// A program on the server's machine.
#[track_caller]
fn insider(server: &Server) -> Client {
    let address = server.listener(", for insiders");
    Client::connect_to(address, "/push", &[]).expect("it is admitted")
}

pub(crate) fn echo_answers_text_and_binary(program: Program) {
    let server = server();
    let front = Front::start(program, &server);
    let mut visitor = visit(&front, "/echo");
    // As long as a message may be: many times a proxy's buffer.
    let long = "long ".repeat(13_000);
    for text in ["short", &long, ""] {
        visitor.send(text);
        assert_eq!(visitor.text(), text);
    }
    let bytes: Vec<u8> = (0..=255).cycle().take(40_000).collect();
    visitor.send_binary(&bytes);
    assert_eq!(visitor.binary(), bytes);
    assert_eq!(visitor.close(1000, "enough").0, 1000);
}

pub(crate) fn what_is_pushed_from_inside_reaches_visitors(program: Program) {
    let server = server();
    let front = Front::start(program, &server);
    let mut visitor = visit(&front, "/push");
    let mut inside = insider(&server);
    inside.send(r#"{"price": 5}"#);
    inside.send_binary(&[0, 255, 1]);
    assert_eq!(visitor.text(), r#"{"price": 5}"#);
    assert_eq!(visitor.binary(), [0, 255, 1]);
}

/// Each event at once, and not when a buffer is full; and the end of the stream when the server stops.
pub(crate) fn events_come_one_by_one(program: Program) {
    let mut server = server_with(&["--ping-interval", "100ms"]);
    let front = Front::start(program, &server);
    let mut events = front.ask("/push/news", "Accept: text/event-stream\r\n");
    let head = events.until("\r\n\r\n").to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    for number in 0..3 {
        // Who is silent is kept alive.
        events.until(":\n\n");
        let inside = server.listener(", for insiders");
        let mut script = Raw::connect_to(inside);
        script.write(format!(
            "POST /push/news HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n{number}"
        ));
        assert_eq!(script.response().0, 200);
        events.until(&format!("data: {number}\n\n"));
    }
    server.stop();
    events.until("event: close\ndata: 1001");
}

/// The answer when something is said, and not before; and without one when the time is over.
pub(crate) fn who_waits_is_answered_by_the_next_message(program: Program) {
    const ACCEPT: &str = "Accept: application/json\r\n";
    let server = server();
    let front = Front::start(program, &server);
    let inside = server.listener(", for insiders");
    let ask_inside = |request: String| {
        let mut raw = Raw::connect_to(inside);
        raw.write(request);
        raw.response().2
    };
    let mut nothing = front.ask("/push/news?wait=200ms", ACCEPT);
    let body = nothing.until("\"gap\":null}");
    assert!(body.contains("\"messages\":[]"), "{body}");
    let one_waits = || {
        let page = "GET /push HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n";
        ask_inside(page.to_owned()).contains("[\"news\",1]")
    };
    for text in ["one", "two"] {
        // Who was answered before is told of for a moment still, and is not the one who is waited for.
        tests::wait_until("nobody waits", || !one_waits());
        let mut waiting = front.ask("/push/news?since=now&wait=50s", ACCEPT);
        tests::wait_until("it waits", one_waits);
        ask_inside(format!(
            "POST /push/news HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n{text}"
        ));
        let answer = waiting.until("\"gap\":null}");
        assert!(
            answer.to_lowercase().starts_with("http/1.1 200"),
            "{answer}"
        );
        assert!(answer.contains(&format!("\"text\":\"{text}\"")), "{answer}");
    }
}

/// Whatever he writes into the headers of proxies.
pub(crate) fn a_visitor_cannot_push(program: Program) {
    let server = server();
    let front = Front::start(program, &server);
    let mut listener = visit(&front, "/push");
    let lies: [&[(&str, &str)]; 5] = [
        &[],
        &[("X-Forwarded-For", "127.0.0.1")],
        &[("X-Real-IP", "127.0.0.1"), ("X-Forwarded-For", "")],
        &[("Forwarded", "for=127.0.0.1"), ("Host", "localhost")],
        &[("Connection", "Upgrade, X-Forwarded-For, X-Real-IP")],
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let Ok(mut visitor) = front.visit("/push", lie) else {
            continue; // The proxy does not even let that through.
        };
        visitor.send("from outside");
        // The listener was the first.
        let client = format!("client {} is outside", number + 2);
        server.wait_for_log(&["plugin::push: ", &client]);
    }
    insider(&server).send("from inside");
    assert_eq!(listener.text(), "from inside", "and nothing before that");
}

pub(crate) fn the_log_names_the_visitor(program: Program) {
    let server = server();
    let front = Front::start(program, &server);
    let lies: [&[(&str, &str)]; 3] = [
        &[],
        &[("X-Forwarded-For", "203.0.113.66")],
        &[("X-Real-IP", "203.0.113.66")],
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let visitor = front.visit("/chat", lie);
        let _visitor = visitor.unwrap_or_else(|refused| panic!("{lie:?}: {refused:?}"));
        let client = format!("Client {} has connected from {VISITOR}", number + 1);
        server.wait_for_log(&["plugin::chat: ", &client]);
    }
    assert_eq!(server.count_log(&["203.0.113.66"]), 0, "{}", server.log());
}

/// Plain HTTP leads to HTTPS, only the routes lead to the server, and the server's own pages are admitted.
pub(crate) fn only_the_routes_lead_to_the_server(program: Program) {
    let server = server();
    let front = Front::start(program, &server);
    let (status, answer) = front.get_plain("/chat?a=b");
    assert!(matches!(status, 301 | 308), "{answer}");
    let location = format!("location: https://{}", tests::deploy::NAME);
    assert!(answer.to_lowercase().contains(&location), "{answer}");

    let (status, page) = front.get("/chat");
    assert_eq!(status, 200);
    assert!(page.contains("<title>Message board</title>"), "{page}");
    assert_eq!(front.get("/push").0, 426);
    for path in ["/", "/elsewhere", "/chatter"] {
        front.get(path);
        assert_eq!(server.count_log(&[&format!("GET {path}: ")]), 0, "{path}");
    }

    let own = front.url("");
    assert!(front.visit("/echo", &[("Origin", &own)]).is_ok(), "{own}");
    for foreign in ["https://evil.example", "https://example.org"] {
        let refused = front.visit("/echo", &[("Origin", foreign)]);
        assert_eq!(
            refused.expect_err("of another port").status,
            403,
            "{foreign}"
        );
    }
}

/// A client that says nothing is pinged, so that it outlives the proxy's patience.
pub(crate) fn a_silent_client_outlives_the_patience_of_the_proxy(program: Program) {
    let server = server_with(&["--ping-interval", "1s"]);
    let front = Front::start_with(program, &server, |text| match program.idle_time(5) {
        Some((written, short)) => text.put(written, &short),
        None => text,
    });
    let mut silent = visit(&front, "/push");
    // Each comes a second after the one before, at the earliest.
    silent.pings(11);
    insider(&server).send("still there?");
    assert_eq!(silent.text(), "still there?");
}

/// The counter-test: the time that the text sets is the one that counts.
pub(crate) fn without_pings_the_proxy_gives_a_silent_client_up(program: Program) {
    let server = server_with(&["--ping-interval", "0s"]);
    let (written, short) = program.idle_time(1).expect("it has such a time");
    let front = Front::start_with(program, &server, |text| text.put(written, &short));
    let mut silent = visit(&front, "/push");
    silent.cut();
    drop(silent);
    tests::wait_until("the server has seen it", || {
        let names = server.thread_names();
        !names.iter().any(|name| name.starts_with("client-"))
    });
}

pub(crate) fn a_reload_takes_the_new_text_and_keeps_who_is_there(program: Program) {
    let server = server();
    let (way, none) = program.way_to_push();
    let mut front = Front::start_with(program, &server, |text| text.put(way, none));
    assert_ne!(front.get("/push").0, 426, "it does not lead there yet");
    let mut before = visit(&front, "/echo");
    before.send("before");
    assert_eq!(before.text(), "before");

    front.reload_as_written();
    let mut after = front.visit_when_open("/push");
    if program.keeps_clients() {
        before.send("after");
        assert_eq!(before.text(), "after");
    } else {
        before.cut();
    }
    insider(&server).send("pushed");
    assert_eq!(after.text(), "pushed");
}

/// The stop of the server reaches the clients with its code, and they can come back when it runs again.
pub(crate) fn a_restart_of_the_server_is_told_and_survived(program: Program) {
    let mut server = server();
    let front = Front::start(program, &server);
    let mut visitor = visit(&front, "/echo");
    server.stop();
    assert_eq!(visitor.closed_in_the_end().0, 1001);
    let status = front.get("/chat").0;
    assert!(matches!(status, 502 | 503), "it is away: {status}");
    server.start_again();
    let mut visitor = front.visit_when_open("/echo");
    visitor.send("back");
    assert_eq!(visitor.text(), "back");
}

/// A browser that trusts the certificate opens the board by HTTP/2 where the proxy speaks it, and talks
/// over `wss://`.
#[cfg(feature = "browser")]
pub(crate) fn the_board_works_in_a_browser(program: Program) {
    use tests::webdriver::{Browser, ENTER};

    const CONNECTED: &str = "document.getElementById('status').textContent === 'Connected'";
    const LAST: &str = "document.querySelector('#timeline > :last-child')?.textContent";

    let server = server();
    let front = Front::start(program, &server);
    // Every name is this machine: nothing leaves it.
    let rules = "--host-resolver-rules=MAP * 127.0.0.1";
    let browser = Browser::start_with(Some(&front.home()), &[rules]);
    let window = browser.open(&front.url("/chat"));
    window.wait_until(CONNECTED);
    let protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(window.eval(protocol), "h2");

    window.press("#message", &format!("by the browser{ENTER}"));
    window.wait_until(&format!("{LAST} === 'Client 1: by the browser'"));
    let mut visitor = visit(&front, "/chat");
    visitor.send("by a program");
    window.wait_until(&format!("{LAST} === 'Client 2: by a program'"));
}
