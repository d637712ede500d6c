//! A second attack on the admin listener: by who takes no answer, comes through a proxy, guesses tokens, forges lines of the
//! log, or gives orders in each other's way while a reload moves the listener.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::thread;

use tests::{
    ADMIN, Admin, Client, DEADLINE, Over, Raw, Server, Setup, TOKEN, handshake, unix, wait_until,
};

/// The status of an answer that has come whole; none where nothing came.
fn whole(answer: &[u8]) -> Option<u16> {
    if answer.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let head = head.to_ascii_lowercase();
    let (_, length) = head.split_once("content-length: ").expect("a length");
    let length: usize = length
        .lines()
        .next()
        .expect("a line")
        .parse()
        .expect("a number");
    assert_eq!(body.len(), length, "{head}");
    Some(head[9..12].parse().expect("a status"))
}

/// Asks with `Connection: close`; none where nobody listens, or where nothing is answered.
fn ask(address: SocketAddr, head: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    write!(
        stream,
        "{head} HTTP/1.1\r\nHost: localhost\r\nX-Detent-Admin: x\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    whole(&answer)
}

/// Cause: sixteen that asked for the page again and again and read nothing kept all places for ten seconds and more, and
/// the page wants no token.
#[test]
fn who_takes_no_answer_shuts_out_nobody() {
    let (server, admin) = Admin::start_with_token(&["echo"]);
    let pages = "GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(400);
    let mut greedy: Vec<Raw> = Vec::new();
    for _ in 0..3 {
        for _ in 0..40 {
            let mut raw = Raw::connect_to(admin.0);
            // It may be dropped at once.
            raw.0.write_all(pages.as_bytes()).ok();
            greedy.push(raw);
        }
        wait_until("the health is told", || {
            ask(admin.0, "GET /healthz") == Some(200)
        });
    }
    let names = server.thread_names();
    let of_admin = names.iter().filter(|name| name.starts_with("admin-"));
    assert!(of_admin.count() <= 32, "{names:?}");
    drop(greedy);
    let token = format!("Authorization: Bearer {TOKEN}");
    wait_until("the places are free again", || {
        ask(admin.0, "GET /healthz") == Some(200)
    });
    assert_eq!(admin.ask("GET", "/clients", &[&token]).0, 200);
}

/// Cause: whoever reached a proxy that somebody had led there reached the listener, which took it for this machine.
#[test]
fn who_comes_through_a_proxy_has_to_show_a_token() {
    let (_server, admin) = Admin::start(&["echo"]);
    for trace in [
        "X-Forwarded-For: 203.0.113.7",
        "Forwarded: for=203.0.113.7",
        "X-Real-IP: 127.0.0.1",
    ] {
        for (method, path) in [("GET", "/clients"), ("POST", "/kick?route=/echo")] {
            let (status, _, body) = admin.ask(method, path, &[trace, "X-Detent-Admin: x"]);
            assert_eq!(status, 403, "{trace}: {body}");
            assert!(body.contains("tokens_file"), "{body}");
        }
        // What a balancer asks for, and what tells nothing, is for all.
        assert_eq!(admin.ask("GET", "/readyz", &[trace]).0, 200);
    }
    let (_server, admin) = Admin::start_with_token(&["echo"]);
    let token = format!("Authorization: Bearer {TOKEN}");
    let lines = [&*token, "X-Forwarded-For: 203.0.113.7"];
    assert_eq!(admin.ask("GET", "/clients", &lines).0, 200);
}

#[test]
fn a_token_is_shown_whole_and_once_or_not_at_all() {
    let (server, admin) = Admin::start_with_token(&["echo"]);
    let head = "GET /clients HTTP/1.1\r\nHost: localhost\r\n";
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    for lines in [
        format!("Authorization: Bearer {}\r\n", &TOKEN[..TOKEN.len() - 1]),
        format!("Authorization: Bearer {TOKEN}x\r\n"),
        format!("Authorization: Bearer {}\r\n", TOKEN.to_uppercase()),
        format!("Authorization: Bearer {TOKEN}, Bearer {TOKEN}\r\n"),
        format!("Authorization: Basic {TOKEN}\r\n"),
        format!("Authorization: Bearer{TOKEN}\r\n"),
        "Authorization: Bearer \r\n".to_owned(),
        format!("X-Authorization: Bearer {TOKEN}\r\n"),
        format!("{right}{right}"),
    ] {
        assert_eq!(admin.status(format!("{head}{lines}\r\n")), 401, "{lines}");
    }
    let in_query = format!("GET /clients?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(admin.status(in_query), 401);
    // By guesses one after another it is told nothing more, and the log is not filled.
    let mut raw = Raw::connect_to(admin.0);
    for guess in 0..300 {
        raw.write(format!(
            "{head}Authorization: Bearer a-token-of-{guess:016}\r\n\r\n"
        ));
        let (status, _, body) = raw.response();
        assert_eq!((status, body.contains(&guess.to_string())), (401, false));
    }
    server.wait_for_log(&["left out"]);
    assert_eq!(admin.status(format!("{head}{right}\r\n")), 200);
    assert!(!server.log().contains(TOKEN));
}

#[test]
fn an_order_that_was_not_said_to_its_end_is_none() {
    let (server, admin) = Admin::start(&["echo"]);
    let mut client = Client::connect(&server, "/echo");
    let order = "POST /kick?route=/echo HTTP/1.1\r\nHost: localhost\r\nX-Detent-Admin: x\r\n";
    for half in [
        order.to_owned(),
        format!("{order}Content-Length: 5\r\n\r\nab"),
        format!("{order}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde"),
        format!("{order}Content-Length: 99999999999999\r\n\r\n"),
        format!("{order}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{order} folded: x\r\n\r\n"),
    ] {
        let mut raw = Raw::connect_to(admin.0);
        raw.write(&half);
        raw.0.shutdown(Shutdown::Write).expect("a live socket");
        let answer = raw.rest();
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{half}");
    }
    client.send("still here");
    assert_eq!(client.text(), "still here");
    assert_eq!(server.count_log(&["closes"]), 0);
}

/// A hundred requests in one write, an order among them, are answered in their order, each once.
#[test]
fn requests_in_one_write_are_answered_in_their_order() {
    let (server, admin) = Admin::start(&["echo"]);
    let mut client = Client::connect(&server, "/echo");
    let get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let order = "POST /kick?route=/echo HTTP/1.1\r\nHost: localhost\r\nX-Detent-Admin: x\r\nContent-Length: 3\r\n\r\nGET";
    let mut raw = Raw::connect_to(admin.0);
    raw.write(format!("{}{order}{}", get.repeat(50), get.repeat(50)));
    let bodies: Vec<_> = (0..101).map(|_| raw.response().2).collect();
    for (at, body) in bodies.iter().enumerate() {
        match at {
            50 => assert_eq!(body, "{\"result\":\"1 connection closed\"}\n"),
            _ => assert_eq!(body, "ok\n"),
        }
    }
    assert_eq!(client.closed().0, 1008);
}

#[test]
fn words_of_an_order_forge_no_line_of_the_log() {
    let (server, admin) = Admin::start(&["echo"]);
    let mut client = Client::connect(&server, "/echo");
    let forged = "%0A2026-01-01T00:00:00Z%20ERROR%20forged%1B%5B2J%E2%80%AE";
    for (path, status) in [
        (format!("/route?path={forged}&service=out"), 404),
        (format!("/log?level=info&target={forged}"), 409),
        (format!("/kick?address={forged}"), 400),
        (format!("/kick?client={forged}"), 400),
        (format!("/{forged}"), 404),
        (format!("/kick?route=/echo&reason={forged}"), 200),
    ] {
        let lines = ["X-Detent-Admin: me \u{202e}evil"];
        assert_eq!(admin.ask("POST", &path, &lines).0, status, "{path}");
    }
    // The client is told what was meant for it.
    assert!(
        client
            .closed()
            .1
            .starts_with("\n2026-01-01T00:00:00Z ERROR forged\u{1b}")
    );
    server.wait_for_log(&[
        "closes 127.0.0.1",
        "\\n2026-01-01T00:00:00Z ERROR forged\\u{1b}",
    ]);
    let (_, tail) = admin.get("/log");
    for text in [server.log(), tail] {
        let is_forged =
            |line: &str| line.starts_with("2026-01-01") || line.contains("ERROR forged\u{1b}");
        assert!(!text.lines().any(is_forged), "{text}");
        let steers = |one: char| (one.is_control() && one != '\n') || one == '\u{202e}';
        assert!(!text.contains(steers), "{text}");
    }
}

/// Cause: the tokens were those of the process, so that an order and a question in one write to the listener that went were
/// answered by the rules of the one that came, which wants no token.
#[test]
fn a_listener_that_goes_wants_its_token_to_the_end() {
    const OPEN: &str = "[admin]\nlisten = \"127.0.0.2:0\"\n";
    let (server, mut admin) = Admin::start_with_token(&["echo"]);
    let order = format!(
        "POST /reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    let question = "GET /clients HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20);
    for round in 1..=20 {
        server.configure(OPEN);
        let mut raw = Raw::connect_to(admin.0);
        raw.write(format!("{order}{question}"));
        // What was asked for too late may be cut off by a reset.
        let mut answers = Vec::new();
        raw.0.read_to_end(&mut answers).ok();
        let answers = String::from_utf8(answers).expect("text");
        assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 1, "{answers}");
        // Back to where it is wanted, when the reload of this round is over.
        server.assert_logged(round, &["reload done: ", ", admin listener on 127.0.0.2:"]);
        let text = format!("{ADMIN}tokens_file = \"tokens\"\n");
        admin = Admin::told(&server.reload_with(&text));
    }
}

/// What is answered while the listener is moved about is answered whole, or not at all.
#[test]
fn a_listener_that_is_moved_while_it_is_read_gives_no_half_answer() {
    let setup = Setup::new().plugins(&["echo"]);
    let socket = setup.folder().join("admin.sock");
    let (server, admin) = Admin::start_with(setup, "");
    let current = Mutex::new(admin.0);
    let over = Over::default();
    thread::scope(|scope| {
        let until_over = over.when_dropped();
        for path in ["/metrics", "/status.json", "/clients", "/status"] {
            let (over, current, socket) = (&over, &current, &socket);
            scope.spawn(move || {
                while !over.is_said() {
                    let address = *current.lock().expect("nobody panics with it");
                    assert!(matches!(
                        ask(address, &format!("GET {path}")),
                        None | Some(200)
                    ));
                    if let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket) {
                        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
                        let mut answer = Vec::new();
                        let asked = stream.write_all(request.as_bytes());
                        if asked.and_then(|()| stream.read_to_end(&mut answer)).is_ok() {
                            assert!(matches!(whole(&answer), None | Some(200)));
                        }
                    }
                }
            });
        }
        for _ in 0..15 {
            let line = server.reload_with("[admin]\nlisten = \"unix:admin.sock\"\n");
            assert!(line.contains("admin listener on unix:"), "{line}");
            let told = Admin::told(&server.reload_with(ADMIN));
            *current.lock().expect("nobody panics with it") = told.0;
        }
        drop(until_over);
    });
    server.reload_with("[admin]\nlisten = \"unix:admin.sock\"\n");
    let answer = unix::answer(&socket, "GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(whole(answer.as_bytes()), Some(200));
    assert_eq!(server.count_log(&["this is a bug"]), 0);
}

/// Orders of all kinds in each other's way, and clients that come and go meanwhile.
#[test]
fn orders_that_race_leave_a_server_that_serves() {
    let (server, admin) = Admin::start(&["echo", "chat"]);
    let over = Over::default();
    thread::scope(|scope| {
        let until_over = over.when_dropped();
        for order in [
            "POST /kick?route=/echo",
            "POST /kick?address=127.0.0.1",
            "POST /route?path=/echo&service=out",
            "POST /route?path=/echo&service=in",
            "POST /log?level=info",
            "GET /clients",
            "GET /metrics",
        ] {
            let over = &over;
            scope.spawn(move || {
                while !over.is_said() {
                    let status = ask(admin.0, order).expect("it listens");
                    assert!(matches!(status, 200 | 404 | 429), "{order}: {status}");
                }
            });
        }
        for path in ["/echo", "/chat", "/echo"] {
            let (over, server) = (&over, &server);
            scope.spawn(move || come_and_go(server, path, over));
        }
        for _ in 0..20 {
            assert_eq!(admin_reload(admin), 200);
        }
        drop(until_over);
    });
    wait_until("the route is in service", || {
        admin.order("/route?path=/echo&service=in").0 == 200
    });
    let mut client = Client::connect(&server, "/echo");
    client.send("here");
    assert_eq!(client.text(), "here");
    assert_eq!(server.count_log(&["this is a bug"]), 0);
    wait_until("everyone else has left", || {
        admin.json("/clients")["found"] == 1
    });
}

/// Too many orders in a second are told so.
fn admin_reload(admin: Admin) -> u16 {
    loop {
        match admin.order("/reload").0 {
            429 => thread::yield_now(),
            status => return status,
        }
    }
}

fn come_and_go(server: &Server, path: &str, over: &Over) {
    while !over.is_said() {
        // Admitted, refused where the route is out of service, or cut off in between: whichever it is.
        let mut raw = Raw::connect(server);
        raw.0.write_all(handshake(path, &[]).as_bytes()).ok();
        // Whatever it is told, if anything.
        raw.0.read_exact(&mut [0]).ok();
    }
}

/// Two hundred at once, each for a moment: whoever is answered is answered whole, and the health is never lost.
#[test]
fn hundreds_of_connections_are_bounded() {
    let (server, admin) = Admin::start(&["echo"]);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert!(matches!(ask(admin.0, "GET /clients"), None | Some(200)));
                }
            });
        }
        let names = server.thread_names();
        let of_admin = names.iter().filter(|name| name.starts_with("admin-"));
        assert!(of_admin.count() <= 32, "{names:?}");
    });
    assert_eq!(admin.get("/healthz").0, 200);
}
