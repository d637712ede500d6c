//! Requests that come in pieces, as the fuzzer drives them.

use proptest::prelude::*;

use crate::http::fuzz::{parse, requests};

#[test]
fn requests_that_follow_one_another_are_told_apart() {
    let one = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
    let two = "\r\nPOST /2?a HTTP/1.1\r\nHost: i\r\nB:c\r\n\r\n";
    let bytes = format!("{one}{two}{one}rest");
    let (found, rest) = requests(bytes.as_bytes(), &[]);
    let paths: Vec<_> = found
        .iter()
        .map(|parsed| parsed.as_ref().map(|parsed| &*parsed.path))
        .collect();
    assert_eq!(paths, [Ok("/1"), Ok("/2"), Ok("/1")]);
    assert_eq!(rest, b"rest");
    for cut in 0..bytes.len() {
        assert_eq!(
            requests(bytes.as_bytes(), &[cut]),
            (found.clone(), rest.clone())
        );
    }
}

#[test]
fn what_can_become_no_request_is_refused_at_once() {
    for (bytes, status) in [
        ("\u{16}", 400),
        (" ", 400),
        ("\n", 400),
        ("\rG", 400),
        ("\r\n\r\n", 400),
        ("(", 400),
        ("GET /\r\n", 400),
        ("GET / HTTP/1.1\n", 400),
        ("GET / HTTP/2.0\r\n", 505),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 400),
        ("\r\n\r\n\0\r\nQUIT\n", 400),
    ] {
        let (found, _) = requests(bytes.as_bytes(), &[]);
        assert_eq!(found, [Err(status)], "{bytes:?}");
    }
    let long = "x".repeat(16_384);
    for (bytes, status) in [
        (format!("GET /{long}"), 414),
        (format!("GET /{long} HTTP/1.1\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nA: {long}"), 431),
    ] {
        assert_eq!(requests(bytes.as_bytes(), &[]).0, [Err(status)]);
    }
}

/// Bytes that look like requests often enough to come deep into the parser.
fn request_like() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => Just("GET /a?b HTTP/1.1\r\nHost: h\r\n".to_owned()),
        4 => Just("\r\n".to_owned()),
        1 => Just("Name: value\r\n".to_owned()),
        1 => Just("OPTIONS * HTTP/1.1\r\n".to_owned()),
        1 => Just("GET http://h/ HTTP/1.1\r\nHost: i\r\n\r\n".to_owned()),
        1 => "[GET/ HTP1.:\\r\\n\\t\\x00%?\u{e9}]{0,12}",
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_cutting_of_any_bytes_gives_the_same_requests(
        bytes in request_like(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut cuts: Vec<usize> =
            cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(requests(&bytes, &cuts), requests(&bytes, &[]));
    }

    #[test]
    fn any_bytes_give_an_answer(bytes: Vec<u8>) {
        requests(&bytes, &[]);
        parse(&bytes).ok();
        parse(&[b"GET / HTTP/1.1\r\n".as_slice(), &bytes, b"\r\n\r\n"].concat()).ok();
    }
}
