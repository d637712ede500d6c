//! Limits of requests that the file raises, lowers and sets to nothing: the last byte that is
//! taken, and the first that is not.

use std::fs;

use tests::{Client, Raw, Server, Setup};

/// A server of `/probe` with these lines under `[limits]`.
fn start(limits: &str) -> Server {
    let setup = Setup::new().plugins(&["probe"]);
    let file = setup.folder().join("limits.toml");
    fs::write(&file, format!("[limits]\n{limits}\n")).expect("the folder can be written");
    let file = file.to_str().expect("temporary folders have plain names");
    setup.arguments(&["--config", file]).start()
}

/// A GET with a head of exactly so many bytes.
fn head_of(bytes: usize) -> String {
    let (begin, end) = ("GET /probe HTTP/1.1\r\nHost: h\r\nX: ", "\r\n\r\n");
    let filling = "x".repeat(bytes - begin.len() - end.len());
    format!("{begin}{filling}{end}")
}

fn post(body: &str) -> String {
    let length = body.len();
    format!("POST /probe HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn chunked(body: &str, trailers: &str) -> String {
    let head = "POST /probe HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let length = body.len();
    format!("{head}{length:x}\r\n{body}\r\n0\r\n{trailers}\r\n")
}

#[track_caller]
fn assert_taken(server: &Server, request: impl AsRef<[u8]>) {
    let (status, _, body) = Raw::answer(server, request);
    assert_eq!(status, 201, "{body}");
}

#[track_caller]
fn assert_refused(server: &Server, request: impl AsRef<[u8]>, status: u16, why: &str) {
    let (answered, _, body) = Raw::answer(server, request);
    assert_eq!((answered, &*body), (status, &*format!("{why}\n")));
}

#[test]
fn a_head_may_be_as_long_as_set_and_no_byte_longer() {
    for (written, bytes) in [("1 KiB", 1024), ("60 KiB", 61_440)] {
        let server = start(&format!("head = \"{written}\""));
        assert_taken(&server, head_of(bytes));
        let why = format!("request head over {bytes} bytes");
        assert_refused(&server, head_of(bytes + 1), 431, &why);
        let line = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(bytes));
        let why = format!("request line over {bytes} bytes");
        assert_refused(&server, line, 414, &why);
    }
}

#[test]
fn what_stands_at_the_end_of_the_longest_head_is_found_again() {
    let server = start("head = \"60 KiB\"");
    let filling = "x".repeat(60_000);
    let headers = [("X-Filling", filling.as_str()), ("X-Last", "at the end")];
    let mut client = Client::connect_with(&server, "/probe", &headers).expect("it is taken");
    client.send("request");
    let seen = client.text();
    // The plugin reads the peer's address from behind the head.
    assert!(seen.contains(" peer=127.0.0.1:"), "{}", &seen[..200]);
    assert!(seen.contains("x-last=at the end"), "the last header");
    assert!(seen.contains(&filling), "and all of the one before it");
}

#[test]
fn as_many_headers_as_set_and_not_one_more() {
    for most in [1, 100, 101, 1000] {
        let server = start(&format!("head = \"60 KiB\"\nheaders = {most}"));
        // With the Host header.
        let request = |headers: usize| {
            let lines = "A: b\r\n".repeat(headers - 1);
            format!("GET /probe HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
        };
        assert_taken(&server, request(most));
        let why = format!("more than {most} headers");
        assert_refused(&server, request(most + 1), 431, &why);
    }
}

#[test]
fn trailers_are_held_to_the_limits_of_headers() {
    let server = start("head = \"1 KiB\"\nheaders = 3");
    assert_taken(&server, chunked("body", &"A: b\r\n".repeat(3)));
    let four = chunked("body", &"A: b\r\n".repeat(4));
    assert_refused(&server, four, 431, "more than 3 headers");
    let long = chunked("body", &format!("A: {}\r\n", "x".repeat(1024)));
    assert_refused(&server, long, 431, "trailers over 1024 bytes");
}

#[test]
fn a_body_may_be_as_long_as_set_and_no_byte_longer() {
    for (written, bytes) in [("10 B", 10), ("1 MiB", 1 << 20)] {
        let server = start(&format!("body = \"{written}\""));
        let (fits, too_long) = ("x".repeat(bytes), "x".repeat(bytes + 1));
        assert_taken(&server, post(&fits));
        assert_taken(&server, chunked(&fits, ""));
        let why = format!("request body over {bytes} bytes");
        // Refused by what it announces: of the body nothing is sent.
        let head = |whole: String| whole.split_inclusive("\r\n\r\n").next().map(str::to_owned);
        let announced = head(post(&too_long)).expect("a head");
        assert_refused(&server, announced, 413, &why);
        let announced = head(chunked("", "")).expect("a head");
        let announced = format!("{announced}{:x}\r\n", too_long.len());
        assert_refused(&server, announced, 413, &why);
    }
}

#[test]
fn a_body_of_zero_takes_only_requests_without_one() {
    let server = start("body = 0");
    assert_taken(&server, post(""));
    assert_taken(&server, chunked("", ""));
    assert_refused(&server, post("x"), 413, "request body over 0 bytes");
}

#[test]
fn without_keep_alive_each_kind_of_answer_is_the_last() {
    let server = start("keep_alive_timeout = \"0s\"");
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    for (request, expected) in [
        (get("/probe"), 201),
        (get("/nowhere"), 404),
        (post("body"), 201),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 204),
    ] {
        let mut raw = Raw::connect(&server);
        // What follows at once is not answered.
        raw.write(request.repeat(2));
        let (status, head, _) = raw.response();
        assert_eq!(status, expected, "{head}");
        assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
        raw.assert_closed();
    }
    // A WebSocket is no request that ends.
    let mut client = Client::connect(&server, "/probe");
    client.send("id");
    assert!(client.text().parse::<u64>().is_ok());
}
