//! What goes in comes out, from the echo in Rust and from the one in C alike.

use tests::{BINARY, CONTINUATION, Client, PING, PONG, Raw, Server, Setup, TEXT, compile_c, frame};

/// Runs `test` against both echoes: that the C one passes proves that the ABI is C.
pub(crate) fn with_both(test: fn(&Server)) {
    test(&Setup::new().plugins(&["echo"]).start());
    let setup = Setup::new();
    compile_c("echo", &setup.plugins_folder());
    test(&setup.start());
}

#[test]
fn text_and_binary_come_back_unchanged() {
    with_both(|server| {
        let mut client = Client::connect(server, "/echo");
        for text in [
            "hello",
            "",
            "Grüße 🙂",
            &"x".repeat(126),
            &"y".repeat(65_536),
        ] {
            client.send(text);
            assert_eq!(client.text(), text);
        }
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
            client.send_binary(&payload);
            assert_eq!(client.binary(), payload);
        }
        assert_eq!(client.close(1000, "bye"), (1000, "bye".to_owned()));
    });
}

#[test]
fn many_in_flight_come_back_in_order() {
    with_both(|server| {
        let mut client = Client::connect(server, "/echo");
        for number in 0..2_000 {
            client.send(&number.to_string());
        }
        for number in 0..2_000 {
            assert_eq!(client.text(), number.to_string());
        }
    });
}

#[test]
fn fragments_are_one_message_with_a_ping_between_them() {
    with_both(|server| {
        let mut raw = Raw::upgrade(server, "/echo");
        let mut first = frame(BINARY, b"one ");
        first[0] &= 0x7f;
        let mut second = frame(CONTINUATION, b"two ");
        second[0] &= 0x7f;
        raw.write(
            [
                first,
                frame(PING, b"p"),
                second,
                frame(CONTINUATION, b"three"),
            ]
            .concat(),
        );
        assert_eq!(raw.frame(), (PONG, b"p".to_vec()));
        assert_eq!(raw.frame(), (BINARY, b"one two three".to_vec()));
    });
}

#[test]
fn frames_right_behind_the_handshake_are_not_lost() {
    with_both(|server| {
        let mut raw = Raw::connect(server);
        let head = tests::handshake("/echo", &[]).into_bytes();
        raw.write([head, frame(TEXT, b"early"), frame(TEXT, b"bird")].concat());
        assert!(raw.head().starts_with("HTTP/1.1 101 "));
        assert_eq!(raw.frame(), (TEXT, b"early".to_vec()));
        assert_eq!(raw.frame(), (TEXT, b"bird".to_vec()));
    });
}
