//! `wss://` by the server itself: what a client by TLS sees is what one without it sees.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use rustix::process::Signal;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, StreamOwned};
use tests::secure::{
    self, Authority, LISTENER, Tls, ask, connect, connect_with, reach, start, start_of,
};
use tests::unix::{self, request_of_probe};
use tests::{CLOSE, Client, Message, Setup, TEXT, frame, handshake, wait_until};

#[test]
fn what_is_said_comes_back_by_either_version_whatever_its_size() {
    let (server, authority) = start_of(
        &["echo"],
        "[client]\nmessage = \"2 MiB\"\nbacklog = \"4 MiB\"",
    );
    for version in [&TLS13, &TLS12] {
        let mut client = connect(&server, "/echo", &authority.trust_by(version));
        // Around the buffers of both sides and the size of a record.
        for size in [
            0,
            1,
            125,
            126,
            490,
            4096,
            16_383,
            16_384,
            16_385,
            65_536,
            70_000,
            1 << 20,
        ] {
            let text = "x".repeat(size);
            client.send(&text);
            assert_eq!(client.text().len(), size, "{version:?}");
            let bytes: Vec<u8> = (0..size).map(|at| at as u8).collect();
            client.send_binary(&bytes);
            assert_eq!(client.receive(), Message::binary(bytes), "{version:?}");
        }
        client.close(1000, "done");
    }
}

#[test]
fn many_messages_at_once_come_back_in_order() {
    let (server, trust) = start(&["echo"], "");
    let mut client = connect(&server, "/echo", &trust);
    for round in 0..20 {
        for number in 0..200 {
            client.send(&format!("{round}:{number}"));
        }
        for number in 0..200 {
            assert_eq!(client.text(), format!("{round}:{number}"));
        }
    }
}

#[test]
fn a_room_hears_the_same_by_tls_and_without() {
    let (server, trust) = start(&["chat"], "");
    let mut secured: Vec<_> = (0..10).map(|_| connect(&server, "/chat", &trust)).collect();
    let mut plain: Vec<_> = (0..10).map(|_| Client::connect(&server, "/chat")).collect();
    for number in 0..50 {
        let text = format!("{number}");
        match number % 2 {
            0 => secured[number % 10].send(&text),
            _ => plain[number % 10].send(&text),
        }
        let mut heard = secured.iter_mut().map(Client::text);
        let first = heard.next().expect("ten of them");
        assert!(first.ends_with(&text), "{first}");
        assert!(heard.all(|other| other == first));
        assert!(plain.iter_mut().all(|client| client.text() == first));
    }
}

/// Small messages that leave together fill a record: each would cost a head, a tag and a send of its own.
#[test]
fn small_messages_that_leave_together_are_one_record() {
    let (server, trust) = start(&["echo"], "");
    let mut client = connect(&server, "/echo", &trust);
    client.send("warm");
    client.text();
    let before = client.transport().sock.records;
    // One write of the client's, so that the server reads them together and answers before it blocks again.
    let frames: Vec<u8> = (0..20).flat_map(|_| frame(TEXT, b"hello")).collect();
    client.transport().write_all(&frames).expect("it stands");
    for _ in 0..20 {
        assert_eq!(client.text(), "hello");
    }
    let records = client.transport().sock.records - before;
    assert!(records <= 3, "{records} records for 20 messages");
}

#[test]
fn a_close_is_followed_by_the_word_that_tls_has_for_it() {
    let (server, trust) = start(&["echo"], "");
    let mut stream = reach(secure::address(&server), "localhost", &trust);
    stream
        .write_all(handshake("/echo", &[]).as_bytes())
        .expect("it stands");
    stream
        .write_all(&frame(CLOSE, &1000_u16.to_be_bytes()))
        .expect("it stands");
    let mut said = Vec::new();
    // An error would be an end without `close_notify`.
    stream.read_to_end(&mut said).expect("a proper end");
    assert!(said.ends_with(&[0x88, 2, 3, 0xe8]), "{said:?}");
}

/// Who is cut off in the middle has not said that it is done: the plugin hears so.
#[test]
fn an_end_without_a_word_is_1006_as_it_is_without_tls() {
    let (server, trust) = start(&["probe"], "");
    for (number, has_word) in [(1, false), (2, true)] {
        let mut client = connect(&server, "/probe", &trust);
        if has_word {
            client.transport().conn.send_close_notify();
            client.transport().flush().expect("it stands");
        }
        let socket = &client.transport().sock.stream;
        socket.shutdown(Shutdown::Write).expect("a live socket");
        let cause = format!("closed {number}: 1006 by Peer after ");
        server.wait_for_log(&[&cause]);
    }
}

#[test]
fn what_was_said_before_the_end_is_heard() {
    let (server, trust) = start(&["chat"], "");
    let mut listener = Client::connect(&server, "/chat");
    for number in 0..20 {
        let mut client = connect(&server, "/chat", &trust);
        for word in 0..5 {
            client.send(&format!("{number}:{word}"));
        }
        drop(client);
        for word in 0..5 {
            let heard = listener.text();
            assert!(heard.ends_with(&format!("{number}:{word}")), "{heard}");
        }
    }
}

/// Cause: what is sealed and not sent must be sent before the end, or the last words of a busy script are lost.
#[test]
fn what_is_said_last_arrives_before_the_close() {
    let (server, trust) = start(&["probe"], "");
    for _ in 0..10 {
        let mut client = connect(&server, "/probe", &trust);
        client.send("close 4321 by order");
        assert_eq!(client.closed_in_the_end(), (4321, "by order".to_owned()));
    }
}

#[test]
fn a_plain_request_is_answered_and_the_connection_is_kept() {
    let (server, trust) = start(&["chat"], "[limits]\nkeep_alive_timeout = \"30s\"");
    let mut stream = reach(secure::address(&server), "localhost", &trust);
    for _ in 0..3 {
        stream
            .write_all(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("it stands");
        let mut answer = String::new();
        while !answer.ends_with("no route here\n") {
            let mut bytes = [0; 512];
            let count = stream.read(&mut bytes).expect("it stands");
            assert!(count > 0, "{answer}");
            answer += &String::from_utf8_lossy(&bytes[..count]);
        }
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
    let last = "GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let (page, is_whole) = ask(stream, last);
    assert!(page.contains("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(is_whole, "the end is said");
}

#[test]
fn messages_are_compressed_by_tls_as_well() {
    let (server, trust) = start(&["echo"], "");
    let offer = ("Sec-WebSocket-Extensions", "permessage-deflate");
    let client = connect_with(&server, "/echo", &trust, &[offer]);
    let agreed = client.header("sec-websocket-extensions");
    assert!(
        agreed.is_some_and(|of| of.starts_with("permessage-deflate")),
        "{agreed:?}"
    );
}

#[test]
fn the_stop_is_told_to_clients_by_tls() {
    let (mut server, trust) = start(&["echo"], "");
    let mut client = connect(&server, "/echo", &trust);
    client.send("here");
    assert_eq!(client.text(), "here");
    server.signal(Signal::TERM);
    let (code, _) = client.closed_in_the_end();
    assert_eq!(code, 1001);
    assert!(server.wait().success());
}

/// New keys in the middle of a conversation (RFC 8446 section 4.6.3), asked for by the client.
#[test]
fn a_client_may_change_its_keys() {
    let (server, authority) = start_of(&["echo"], "");
    let mut client = connect(&server, "/echo", &authority.trust_by(&TLS13));
    for round in 0..5 {
        let changed = client.transport().conn.refresh_traffic_keys();
        changed.expect("TLS 1.3");
        for number in 0..10 {
            client.send(&format!("{round}:{number}"));
            assert_eq!(client.text(), format!("{round}:{number}"));
        }
    }
}

#[test]
fn event_streams_and_who_waits_for_one_message_hear_by_tls() {
    let (mut server, trust) = start(&["push"], "");
    let ask_for = |path: &str, accept: &str| {
        let mut stream = reach(secure::address(&server), "localhost", &trust);
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it stands");
        stream
    };
    let mut events = ask_for("/push/news", "text/event-stream");
    let mut poll = ask_for("/push/news?wait=60s", "application/json");
    let until = |stream: &mut Tls, end: &str| {
        let mut said = String::new();
        while !said.contains(end) {
            let mut bytes = [0; 512];
            let count = stream.read(&mut bytes).expect("it stands");
            assert!(count > 0, "no {end} in {said}");
            said += &String::from_utf8_lossy(&bytes[..count]);
        }
        said
    };
    until(&mut events, "\r\n\r\n");
    let page = || {
        let request = "GET /push HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n";
        ask(
            TcpStream::connect(server.address()).expect("it listens"),
            request,
        )
        .0
    };
    wait_until("both listen", || page().contains("[\"news\",2]"));
    let mut insider = Client::connect(&server, "/push/news");
    insider.send("it rains");
    until(&mut events, "data: it rains\n\n");
    until(&mut poll, "it rains");
    drop((poll, insider));
    server.stop();
    // What the stop says to a stream, and then the word of TLS.
    let mut rest = Vec::new();
    events.read_to_end(&mut rest).expect("a proper end");
}

#[test]
fn a_plugin_reads_whose_certificate_was_shown() {
    let authority = Authority::new();
    let setup = Setup::new().plugins(&["probe"]);
    authority
        .sign(&["localhost"], 90)
        .write(setup.folder(), "own");
    std::fs::write(setup.folder().join("clients.pem"), &authority.pem).expect("ours");
    let optional = ", client_ca = \"clients.pem\", client_required = false }";
    let server = setup
        .configuration(&LISTENER.replace(" }", optional))
        .start();
    let mut nobody = connect(&server, "/probe", &authority.trust());
    assert!(request_of_probe(&mut nobody).ends_with(" certificate=None"));
    let shown = authority.sign_client("ann", "ann@example.org");
    let trust = authority.trust_showing(&shown);
    // By a ticket too, which has what was shown.
    for _ in 0..2 {
        let mut ann = connect(&server, "/probe", &trust);
        // The one before her may only leave now, and all hear that.
        let told = request_of_probe(&mut ann);
        let expected = "certificate=Some(Certificate { subject: \"CN=ann\", names: [\"ann@example.org\"], fingerprint: \"";
        assert!(told.contains(expected), "{told}");
    }
}

/// As for a program on this machine that carries nothing but ciphertext.
#[test]
fn tls_is_spoken_by_a_unix_socket_as_well() {
    let authority = Authority::new();
    let setup = Setup::new().plugins(&["echo"]);
    authority
        .sign(&["localhost"], 90)
        .write(setup.folder(), "own");
    let socket = setup.folder().join("socket");
    let text = LISTENER.replace("127.0.0.1:0", &format!("unix:{}", socket.display()));
    let _server = setup.configuration(&text).start();
    let name = "localhost".try_into().expect("a name");
    let session = ClientConnection::new(authority.trust(), name).expect("a configuration");
    unix::wait_until_it_listens(&socket);
    let stream = StreamOwned::new(session, unix::stream(&socket));
    let client = Client::over(stream, "wss://localhost/echo", &[]);
    let mut client = client.unwrap_or_else(|refused| panic!("{refused:?}"));
    for size in [5, 60_000] {
        client.send(&"x".repeat(size));
        assert_eq!(client.text().len(), size);
    }
    client.close(1000, "");
}
