//! Clients that speak something else than the listener, too slowly, or not to the end: each is told what can be told, and
//! the log has the reason.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use rustls::{ClientConfig, Error};
use tests::secure::{self, Authority, LISTENER, ask, connect, reach, start, start_of};
use tests::{Client, DEADLINE, Raw, Server, Setup, TEXT, frame, wait_until};

/// The first bytes of a client of TLS: a record of a handshake, and nothing behind its head.
const HELLO: [u8; 6] = [22, 3, 1, 2, 0, 1];

#[track_caller]
fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream
        .set_read_timeout(Some(DEADLINE))
        .expect("a valid timeout");
    stream
}

/// All that comes until the end, of whatever kind.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset has still said what came before.
    stream.read_to_end(&mut said).ok();
    said
}

#[test]
fn plain_http_on_the_port_of_tls_is_told_so() {
    let (server, trust) = start(&["echo"], "");
    let address = secure::address(&server);
    for request in [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\0\0\0\0",
        "hello\r\n",
    ] {
        let (answer, _) = ask(tcp(address), request);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request:?}: {answer}");
        assert!(
            answer.ends_with("TLS is spoken here: use https:// or wss://\n"),
            "{answer}"
        );
        assert!(
            !answer.contains("transport-security"),
            "only TLS may say so: {answer}"
        );
    }
    server.assert_logged(3, &["400 TLS is spoken here"]);
    connect(&server, "/echo", &trust).close(1000, "");
}

#[test]
fn tls_on_the_port_of_plain_http_is_named_in_the_log() {
    let (server, authority) = start_of(&["echo"], "");
    let mut stream = reach(server.address(), "localhost", &authority.trust());
    let error = stream.write_all(b"GET").and_then(|()| stream.flush());
    error.expect_err("nobody shakes hands");
    server.wait_for_log(&["400 this is the beginning of TLS"]);
}

#[test]
fn a_client_with_which_nothing_can_be_agreed_is_told_and_logged() {
    let (server, authority) = start_of(&["echo"], "");
    let address = secure::address(&server);
    // It speaks HTTP/2 alone.
    let mut other = ClientConfig::clone(&authority.trust());
    other.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = reach(address, "localhost", &other.into());
    let error = stream
        .write_all(b"x")
        .and_then(|()| stream.read(&mut [0]).map(drop));
    let told = error.expect_err("no protocol").to_string();
    assert!(told.contains("NoApplicationProtocol"), "{told}");
    server.wait_for_log(&[
        "no TLS was agreed on: TLS: ",
        "peer doesn't support any known protocol",
    ]);

    // It does not trust our authority, and says so.
    let stranger = Authority::new();
    let mut stream = reach(address, "localhost", &stranger.trust());
    let error = stream.write_all(b"x").expect_err("it is nobody it knows");
    let error = error.downcast::<Error>().expect("one of TLS");
    assert!(matches!(error, Error::InvalidCertificate(_)), "{error}");
    server.wait_for_log(&["no TLS was agreed on: TLS: received fatal alert: "]);
}

/// A record that was changed on the way, or cannot be any: told by an alert, and the client ends.
#[test]
fn noise_behind_the_handshake_ends_that_client_alone() {
    let (server, trust) = start(&["probe", "echo"], "");
    let mut other = connect(&server, "/echo", &trust);
    for (number, noise) in [
        (2, &[23, 3, 3, 0, 20, 1][..]),
        (3, b"GET / HTTP"),
        (4, &[23, 3, 3, 255, 255]),
    ] {
        let mut client = connect(&server, "/probe", &trust);
        client.send("id");
        let socket = &mut client.transport().sock.stream;
        let noise = [noise, &[0; 100]].concat();
        socket.write_all(&noise).expect("it stands");
        // The answer may come, and that the one before has left: its plugin says so behind its line in the log.
        client.cut_in_the_end();
        server.wait_for_log(&[&format!("closed {number}: 1006 by Peer after "), "TLS: "]);
    }
    other.send("still here");
    assert_eq!(other.text(), "still here");
}

/// Cause: where a message and what breaks the session came with one read, the end overtook the message, and it was lost.
#[test]
fn what_was_said_right_before_noise_is_heard() {
    let (server, trust) = start(&["chat"], "");
    let mut listener = Client::connect(&server, "/chat");
    for text in ["the last word".to_owned(), "long ".repeat(3_000)] {
        let mut client = connect(&server, "/chat", &trust);
        let tls = client.transport();
        tls.conn
            .writer()
            .write_all(&frame(TEXT, text.as_bytes()))
            .expect("it has room");
        let mut bytes = Vec::new();
        while tls.conn.wants_write() {
            tls.conn.write_tls(&mut bytes).expect("memory");
        }
        bytes.extend([23, 3, 3, 255, 255]);
        tls.sock.stream.write_all(&bytes).expect("it stands");
        let heard = listener.text();
        assert!(heard.ends_with(&text), "{} bytes", heard.len());
    }
}

#[test]
fn who_does_not_finish_the_handshake_in_time_is_cut_off() {
    let (server, trust) = start(&["echo"], "[limits]\nhandshake_timeout = \"300ms\"");
    let address = secure::address(&server);
    let silent = tcp(address);
    let mut begun = tcp(address);
    begun.write_all(&HELLO).expect("it stands");
    assert_eq!(rest(silent), b"", "nobody reads HTTP there");
    assert_eq!(rest(begun), b"");
    server.assert_logged(
        2,
        &["no TLS was agreed on: handshake of TLS not complete within 300ms"],
    );
    // One that drips is no better off: each byte would begin its time anew.
    let mut dripping = tcp(address);
    let hello = [&[22, 3, 1, 1, 0, 1, 0, 0, 252], &[3; 252][..]].concat();
    let dripper = thread::spawn(move || {
        for byte in hello {
            let sent = dripping.write_all(&[byte]);
            thread::park_timeout(std::time::Duration::from_millis(20));
            if sent.is_err() {
                break;
            }
        }
        rest(dripping)
    });
    dripper.join().expect("it ends");
    server.assert_logged(3, &["handshake of TLS not complete within 300ms"]);
    connect(&server, "/echo", &trust).close(1000, "");
}

/// As with heads that never end: the flooder's own are cut, and others come in.
#[test]
fn a_flood_of_half_handshakes_shuts_nobody_out() {
    let (server, trust) = start(
        &["echo"],
        "[limits]\nhandshakes = 10\nhandshake_timeout = \"1h\"",
    );
    let address = secure::address(&server);
    let flood: Vec<_> = (0..60)
        .map(|_| {
            let mut half = Raw::connect_to(address);
            half.write(HELLO);
            // One with bytes that nobody has read yet would be passed over.
            server.wait_until_it_has_read([&half]);
            half
        })
        .collect();
    server.wait_for_log(&["handshake of TLS not complete when its place was needed for others"]);
    let mut client = connect(&server, "/echo", &trust);
    client.send("in");
    assert_eq!(client.text(), "in");
    let others = || {
        server
            .thread_names()
            .iter()
            .filter(|name| name.starts_with("client-"))
            .count()
    };
    wait_until("the flood is bounded", || others() <= 11);
    drop(flood);
}

/// Who gets no place has no thread to shake hands with, and hears it in the one word that needs none.
#[test]
fn who_is_refused_at_the_door_hears_an_alert() {
    let (server, trust) = start(&["echo"], "[limits]\nconnections = 1");
    let _only = connect(&server, "/echo", &trust);
    let said = rest(tcp(secure::address(&server)));
    assert_eq!(said, [21, 3, 1, 0, 2, 2, 80]);
    server.wait_for_log(&[": 503 "]);
}

#[test]
fn people_are_sent_to_tls_and_told_to_stay_there() {
    let authority = Authority::new();
    let setup = Setup::new().plugins(&["chat"]);
    authority
        .sign(&["localhost"], 90)
        .write(setup.folder(), "own");
    let tls = LISTENER.replace(" }", ", hsts = \"1day\" }");
    let text = format!("{tls}\n[[listener]]\naddress = \"127.0.0.1:0\"\nredirect = true\n");
    let server = setup.configuration(&text).start();
    let port = secure::address(&server).port();
    let to = server.listener(", sending everybody to TLS");
    let ask_there = |request: &str| ask(tcp(to), request).0;
    let answer =
        ask_there("GET /chat?a=b HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
    let place = format!("location: https://localhost:{port}/chat?a=b\r\n");
    assert!(answer.contains(&place), "{answer}");
    let refused = Client::connect_to(to, "/chat", &[]).expect_err("not here");
    assert_eq!(refused.status, 308);
    let stream = reach(secure::address(&server), "localhost", &authority.trust());
    let (page, _) = ask(
        stream,
        "GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert!(
        page.contains("strict-transport-security: max-age=86400\r\n"),
        "{page}"
    );
    assert!(Raw::connect(&server).0.peer_addr().is_ok());
}

#[test]
fn the_proxy_protocol_stands_before_tls() {
    let authority = Authority::new();
    let setup = Setup::new().plugins(&["probe"]);
    authority
        .sign(&["localhost"], 90)
        .write(setup.folder(), "own");
    let text = format!("{LISTENER}proxy_protocol = true\n[log]\nlevel = \"debug\"\n");
    let server: Server = setup.configuration(&text).start();
    let address = server.listener(", by TLS, by the PROXY protocol");
    let mut stream = reach(address, "localhost", &authority.trust());
    stream
        .sock
        .stream
        .write_all(b"PROXY TCP4 203.0.113.9 127.0.0.1 5000 443\r\n")
        .expect("it stands");
    let (answer, _) = ask(
        stream,
        "GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    server.wait_for_log(&["203.0.113.9", "GET /x: 404"]);
}
