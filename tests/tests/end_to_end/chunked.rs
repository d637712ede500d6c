//! Bodies in chunks, and bodies that are asked for.

use tests::{Raw, Server, Setup};

fn probe() -> Server {
    Setup::new().plugins(&["probe"]).start()
}

fn chunked(body: &str) -> String {
    format!("POST /probe HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

#[test]
fn the_plugin_gets_the_body_and_the_next_request_is_served() {
    let server = probe();
    let mut raw = Raw::connect(&server);
    for (chunks, body) in [
        ("0\r\n\r\n", ""),
        ("4\r\nthe \r\n00004\r\nbody\r\n0\r\n\r\n", "the body"),
        (
            "A\r\n0123456789\r\na\r\nabcdefghij\r\n0\r\n\r\n",
            "0123456789abcdefghij",
        ),
        ("1;name=value;other\r\nx\r\n0;last=\"yes\"\r\n\r\n", "x"),
        (
            "1\r\nx\r\n0\r\nHost: evil\r\nContent-Length: 5\r\n\r\n",
            "x",
        ),
    ] {
        raw.write(chunked(chunks));
        let (status, head, found) = raw.response();
        assert_eq!(
            (status, found),
            (201, format!("POST /probe {body}")),
            "{chunks:?}: {head}"
        );
    }
    raw.assert_kept();
}

#[test]
fn a_body_of_64_kib_is_served_and_one_more_is_413() {
    let server = probe();
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096)).repeat(16);
    let mut raw = Raw::connect(&server);
    raw.write(chunked(&format!("{chunk}0\r\n\r\n")));
    let (status, _, body) = raw.response();
    assert_eq!((status, body.len()), (201, "POST /probe ".len() + 65_536));
    for chunks in [
        format!("{chunk}1\r\n"),
        "10001\r\n".to_owned(),
        "fffffffffffffffff\r\n".to_owned(),
    ] {
        let mut raw = Raw::connect(&server);
        raw.write(chunked(&chunks));
        let (status, head, body) = raw.response();
        // A size of more digits than any number has is not even a large one.
        let expected = if chunks.starts_with('f') { 400 } else { 413 };
        assert_eq!(status, expected, "{head}{body}");
        assert!(head.contains("Connection: close\r\n"), "{head}");
        raw.assert_closed();
    }
    server.wait_for_log(&["INFO", "POST /probe: 413 request body over 65536 bytes"]);
}

#[test]
fn what_stands_around_the_chunks_is_bounded() {
    let server = probe();
    let extension = "x".repeat(5000);
    let trailers = "Name: value\r\n".repeat(2000);
    for (chunks, expected, part) in [
        (format!("1;{extension}"), 413, "extensions"),
        (
            format!("1;{}\r\nx\r\n", "x".repeat(80)).repeat(60),
            413,
            "extensions",
        ),
        (format!("0\r\n{trailers}"), 431, "trailers"),
        (
            format!("0\r\n{}\r\n", "A: b\r\n".repeat(101)),
            431,
            "100 headers",
        ),
    ] {
        let (status, _, body) = Raw::answer(&server, chunked(&chunks));
        assert_eq!(status, expected, "{body}");
        assert!(body.contains(part), "{body}");
    }
}

#[test]
fn chunks_that_are_malformed_are_400_and_end_the_connection() {
    let server = probe();
    for (chunks, part) in [
        ("x\r\n", "hexadecimal"),
        ("-1\r\n", "hexadecimal"),
        ("0x1\r\n", "hexadecimal"),
        (" 1\r\n", "hexadecimal"),
        ("\r\n", "hexadecimal"),
        ("1\nx\r\n", "hexadecimal"),
        ("1 2\r\n", "something else than an extension"),
        ("1;a\nx\r\n", "CR LF"),
        ("1\r\nxy\r\n", "longer than its size"),
        ("1\r\nx\n0\r\n\r\n", "longer than its size"),
        ("0\r\n Folded: x\r\n\r\n", "folded"),
        ("0\r\nName : x\r\n\r\n", "space before its colon"),
        ("0\r\nName: x\n\r\n", "CR LF"),
        ("0\r\n\n", "CR LF"),
    ] {
        let mut raw = Raw::connect(&server);
        raw.write(chunked(chunks));
        let (status, head, body) = raw.response();
        assert_eq!(status, 400, "{chunks:?}: {head}");
        assert!(body.contains(part), "{chunks:?}: {body}");
        raw.assert_closed();
        server.wait_for_log(&["INFO", "POST /probe: 400 ", part]);
    }
}

#[test]
fn a_client_that_waits_is_asked_for_its_body() {
    let server = probe();
    let mut raw = Raw::connect(&server);
    for (framing, body) in [
        ("Content-Length: 4", "body"),
        ("Transfer-Encoding: chunked", "4\r\nbody\r\n0\r\n\r\n"),
    ] {
        let lines = format!("{framing}\r\nExpect: 100-continue\r\n");
        raw.write(format!("POST /probe HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
        assert_eq!(raw.head(), "HTTP/1.1 100 Continue\r\n\r\n");
        raw.write(body);
        let (status, _, found) = raw.response();
        assert_eq!((status, found.as_str()), (201, "POST /probe body"));
    }
}

#[test]
fn one_whose_body_is_there_or_is_not_wanted_is_not_asked() {
    let server = probe();
    for (path, lines, body, expected) in [
        ("/probe", "Content-Length: 4\r\n", "body", 201),
        ("/probe", "Content-Length: 0\r\n", "", 201),
        ("/probe", "Content-Length: 99999\r\n", "", 413),
        ("/nope", "Content-Length: 4\r\n", "", 404),
        (
            "/probe",
            "Content-Length: 4\r\nOrigin: https://evil.example\r\n",
            "",
            403,
        ),
        ("/probe", "Content-Length: 4\r\nExpect: more\r\n", "", 417),
    ] {
        let mut raw = Raw::connect(&server);
        let lines = format!("{lines}Expect: 100-continue\r\n");
        raw.write(format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n{body}"
        ));
        let (status, head, _) = raw.response();
        assert_eq!(status, expected, "{head}");
        let is_whole = expected == 201;
        assert_eq!(head.contains("Connection: close\r\n"), !is_whole, "{head}");
        if is_whole {
            raw.assert_kept();
        } else {
            raw.assert_closed();
        }
    }
}
