//! A handshake arrives in any cutting of bytes, and under one deadline.

use std::thread;
use std::time::Duration;

use tests::{Raw, Server, Setup, TEXT, frame, handshake};

/// A server that gives a handshake all the time it takes on a machine that is busy.
fn patient(plugin: &str) -> Server {
    let arguments = ["--handshake-timeout", "1h"];
    let setup = Setup::new().plugins(&[plugin]);
    setup.arguments(&arguments).start()
}

/// A handshake with a frame right behind it.
fn stream_of_bytes() -> Vec<u8> {
    let head = handshake("/echo", &["Sec-WebSocket-Protocol: a, b"]);
    [head.into_bytes(), frame(TEXT, b"first")].concat()
}

#[track_caller]
fn assert_it_echoes(client: &mut Raw, what: &str) {
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{what}: {head}");
    // The key of RFC 6455 section 1.3, and its answer there.
    assert!(
        head.to_lowercase()
            .contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=")
    );
    assert_eq!(client.frame(), (TEXT, b"first".to_vec()), "{what}");
}

#[test]
fn cut_in_two_anywhere() {
    let server = patient("echo");
    let bytes = stream_of_bytes();
    let mut clients: Vec<_> = (1..bytes.len()).map(|_| Raw::connect(&server)).collect();
    for (client, cut) in clients.iter_mut().zip(1..) {
        client.write(&bytes[..cut]);
    }
    server.wait_until_it_has_read(&clients);
    for (client, cut) in clients.iter_mut().zip(1..) {
        client.write(&bytes[cut..]);
        assert_it_echoes(client, &format!("cut at {cut}"));
    }
}

#[test]
fn byte_by_byte() {
    let server = patient("echo");
    let mut client = Raw::connect(&server);
    for byte in stream_of_bytes() {
        client.write([byte]);
        server.wait_until_it_has_read([&client]);
    }
    assert_it_echoes(&mut client, "byte by byte");
}

/// A POST with a body in either framing, another in the other, and a handshake with a frame.
fn a_whole_conversation() -> Vec<u8> {
    let requests = [
        "POST /probe HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nfirst",
        "\r\nPOST /probe HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
         3;x=y\r\nsec\r\n3\r\nond\r\n0\r\nTrailer: 1\r\n\r\n",
        &handshake("/probe", &[]),
    ];
    [requests.concat().into_bytes(), frame(TEXT, b"messages")].concat()
}

#[track_caller]
fn assert_it_converses(client: &mut Raw, what: &str) {
    for body in ["POST /probe first", "POST /probe second"] {
        let (status, head, found) = client.response();
        assert_eq!((status, &*found), (201, body), "{what}: {head}");
    }
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{what}: {head}");
    assert_eq!(client.frame(), (TEXT, b"1".to_vec()), "{what}");
}

#[test]
fn requests_and_frames_in_one_piece_or_cut_in_two_anywhere() {
    let server = patient("probe");
    let bytes = a_whole_conversation();
    let mut clients: Vec<_> = (1..=bytes.len()).map(|_| Raw::connect(&server)).collect();
    for (client, cut) in clients.iter_mut().zip(1..) {
        client.write(&bytes[..cut]);
    }
    server.wait_until_it_has_read(&clients);
    for (client, cut) in clients.iter_mut().zip(1..) {
        client.write(&bytes[cut..]);
        assert_it_converses(client, &format!("cut at {cut}"));
    }
}

#[test]
fn requests_and_frames_byte_by_byte() {
    let server = patient("probe");
    let mut client = Raw::connect(&server);
    for byte in a_whole_conversation() {
        client.write([byte]);
        server.wait_until_it_has_read([&client]);
    }
    assert_it_converses(&mut client, "byte by byte");
}

#[test]
fn a_head_that_comes_too_slowly_is_answered_408() {
    let arguments = ["--handshake-timeout", "300ms"];
    let setup = Setup::new().plugins(&["echo"]).arguments(&arguments);
    let server = setup.start();
    let mut dripping = Raw::connect(&server);
    let mut reader = Raw(dripping.0.try_clone().expect("a second handle"));
    // Each byte comes in time; all of them together do not: there is one deadline for the head.
    let drips = thread::spawn(move || {
        let endless = handshake("/echo", &[&format!("X-Long: {}", "x".repeat(10_000))]);
        for byte in endless.bytes() {
            use std::io::Write;
            if dripping.0.write_all(&[byte]).is_err() {
                return;
            }
            thread::park_timeout(Duration::from_millis(20));
        }
        panic!("the server read all of it");
    });
    let head = reader.head();
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    server.wait_for_log(&[": 408 request head not complete within 300ms"]);
    reader.0.shutdown(std::net::Shutdown::Both).ok();
    drips.join().expect("it was cut off");
}

#[test]
fn a_body_that_does_not_come_is_answered_408() {
    let arguments = ["--handshake-timeout", "300ms"];
    let setup = Setup::new().plugins(&["probe"]).arguments(&arguments);
    let server = setup.start();
    let request = "POST /probe HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nthe";
    let (status, _, body) = Raw::answer(&server, request);
    assert_eq!(status, 408);
    assert_eq!(body, "request body not complete within 300ms\n");
    server.wait_for_log(&["POST /probe: 408 "]);
}

#[test]
fn one_that_leaves_in_the_middle_of_its_head_leaves_nothing_behind() {
    let server = Setup::new().plugins(&["echo"]).start();
    let threads = server.threads();
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let mut client = Raw::connect(&server);
            client.write("GET /echo HT");
            client
        })
        .collect();
    tests::wait_until("each has its thread", || server.threads() == threads + 20);
    drop(clients);
    tests::wait_until("the threads are gone", || server.threads() == threads);
}
