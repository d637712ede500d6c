//! Headers of the PROXY protocol in both versions, whole, cut, and wrong.

use super::{PROXY_HEADER_BYTES_MAX, Relayed, SIGNATURE, parse};

fn client(text: &str) -> Relayed {
    Relayed::Client(Some(text.parse().expect("an address")))
}

fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("it is short");
    let fixed = [command, family];
    [SIGNATURE.as_slice(), &fixed, &length.to_be_bytes(), rest].concat()
}

const IPV4: [u8; 12] = [192, 0, 2, 7, 127, 0, 0, 1, 0xdc, 0x04, 0, 80];

#[track_caller]
fn assert_read(header: &[u8], expected: Relayed) {
    let more = [header, b"GET / HTTP/1.1\r\n"].concat();
    let read = parse(&more).expect("it is well-formed");
    assert_eq!(read, Some((expected, header.len())), "{header:?}");
    for cut in 0..header.len() {
        let read = parse(&header[..cut]).expect("it may become one");
        assert_eq!(read, None, "{cut} of {header:?}");
    }
}

#[test]
fn both_versions_are_read_in_any_cutting() {
    for (line, expected) in [
        (
            "PROXY TCP4 192.0.2.7 127.0.0.1 56324 80\r\n",
            client("192.0.2.7:56324"),
        ),
        (
            "PROXY TCP6 2001:db8::7 ::1 56324 80\r\n",
            client("[2001:db8::7]:56324"),
        ),
        ("PROXY UNKNOWN\r\n", Relayed::Client(None)),
        (
            "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
            Relayed::Client(None),
        ),
    ] {
        assert_read(line.as_bytes(), expected);
    }
    let mut ipv6 = [0; 36];
    ipv6[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
    ipv6[15] = 7;
    ipv6[32..34].copy_from_slice(&56324_u16.to_be_bytes());
    assert_read(&binary(0x21, 0x11, &IPV4), client("192.0.2.7:56324"));
    assert_read(&binary(0x21, 0x21, &ipv6), client("[2001:db8::7]:56324"));
    // With a further field behind the addresses, as HAProxy and clouds add them.
    let more = [&IPV4[..], &[0x04, 0, 2, 1, 2]].concat();
    assert_read(&binary(0x21, 0x11, &more), client("192.0.2.7:56324"));
    assert_read(&binary(0x20, 0x00, &[]), Relayed::Itself);
    assert_read(&binary(0x20, 0x11, &IPV4), Relayed::Itself);
    for family in [0x00, 0x12, 0x31] {
        assert_read(&binary(0x21, family, &IPV4), Relayed::Client(None));
    }
}

#[test]
fn what_is_none_is_refused_as_soon_as_it_can_be_told() {
    for bytes in [
        b"GET / HTTP/1.1\r\n".as_slice(),
        b"P0",
        b"PROXYTCP4",
        b"\r\n\r\nG",
        b"\x16\x03\x01",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 56324\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 56324 80 9\r\n",
        b"PROXY TCP4  192.0.2.7 127.0.0.1 56324 80\r\n",
        b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 127.0.0.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 65536 80\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 +1 80\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1  80\r\n",
        b"PROXY tcp4 192.0.2.7 127.0.0.1 1 2\r\n",
        b"PROXY \xff\r\n",
        b"PROXY \r\n",
        &[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 100]].concat(),
        &binary(0x11, 0x11, &IPV4),
        &binary(0x22, 0x11, &IPV4),
        &binary(0x21, 0x41, &IPV4),
        &binary(0x21, 0x11, &IPV4[..11]),
        &binary(0x21, 0x21, &IPV4),
        &binary(0x21, 0x11, &[0; PROXY_HEADER_BYTES_MAX])[..16],
    ] {
        let refusal = parse(bytes).expect_err("it is none");
        assert_eq!(refusal.status.as_u16(), 400, "{bytes:?}");
        assert!(refusal.why.contains("PROXY protocol"), "{}", refusal.why);
    }
}
