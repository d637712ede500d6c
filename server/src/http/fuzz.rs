//! Request heads as a fuzzer and the tests drive them: bytes in pieces, requests out.

use std::net::SocketAddr;

use percent_encoding::percent_decode_str;

use super::HttpLimits;
use super::incoming::Incoming;
use super::peer::{Arrival, ClientAddress, Entry, Peer, Remote, Trusted};
use super::provenance::{self, Rules};
use super::proxy_protocol;
use super::request::Request;
use super::request_line::Version;
use super::target;
use crate::limits::PROXY_HEADER_BYTES_MAX;

/// What a request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) method: String,
    pub(crate) path: String,
    query: Option<String>,
    version: Version,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
}

pub(crate) fn parse(head: &[u8]) -> Result<Parsed, u16> {
    let peer = Remote::Tcp("192.0.2.1:1".parse().expect("an address"));
    let request = Request::parse(head, peer, HttpLimits::default())
        .map_err(|refusal| refusal.status.as_u16())?;
    says_where_it_comes_from(&request);
    let headers = (0..)
        .map_while(|index| request.header_at(index))
        .map(|(name, value)| (name.to_vec(), value.to_vec()))
        .collect();
    Ok(Parsed {
        method: request.method().to_owned(),
        path: request.path().to_owned(),
        query: request.query().map(str::to_owned),
        version: request.version(),
        headers,
    })
}

/// All requests in `bytes`, cut at `cuts`, and what is left; ends with the first refusal.
pub(crate) fn requests(bytes: &[u8], cuts: &[usize]) -> (Vec<Result<Parsed, u16>>, Vec<u8>) {
    let mut incoming = Incoming::default();
    let mut found = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        let mut piece = &bytes[from..cut];
        from = cut;
        while !piece.is_empty() {
            let count = incoming
                .fill(|room| std::io::Read::read(&mut piece, room))
                .expect("memory can be read");
            assert_ne!(count, 0);
        }
        loop {
            let head = match incoming.head() {
                Ok(Some(head)) => head,
                Ok(None) => break,
                Err(refusal) => {
                    found.push(Err(refusal.status.as_u16()));
                    return (found, Vec::new());
                }
            };
            let (parsed, length) = (parse(head), head.len());
            let is_refused = parsed.is_err();
            found.push(parsed);
            if is_refused {
                return (found, Vec::new());
            }
            incoming.consume(length);
            incoming.end_request();
        }
    }
    (found, incoming.into_bytes())
}

/// Asserts that the requests in `bytes` do not depend on where they are cut, and that each is one
/// that every other program reads the same way.
pub(crate) fn requests_hold(bytes: &[u8], cuttings: &[Vec<usize>]) {
    let (found, rest) = requests(bytes, &[]);
    for cuts in cuttings {
        let other = requests(bytes, cuts);
        assert_eq!((&other.0, &other.1), (&found, &rest), "cut at {cuts:?}");
    }
    for parsed in found.iter().flatten() {
        holds(parsed);
    }
}

/// Whatever its headers hold, a request has one client, and is inside by no word of its own.
fn says_where_it_comes_from(request: &Request) {
    let proxy: SocketAddr = "192.0.2.1:1".parse().expect("an address");
    let arrival = Arrival {
        peer: Peer::Direct(Remote::Tcp(proxy)),
        entry: Entry::default(),
    };
    let trusted_proxies = Trusted {
        networks: vec![proxy.ip().into()],
        has_unix: false,
    };
    let believed = Rules {
        trusted_proxies,
        ..Rules::default()
    };
    for rules in [Rules::default(), believed] {
        let found = provenance::of(request, &arrival, || None, &rules);
        assert!(!found.may_be_inside);
        let is_believed = rules.trusted_proxies.has(proxy.ip());
        assert!(is_believed || found.client == ClientAddress::Known(proxy.ip()));
    }
}

/// Asserts that a header of the PROXY protocol is read the same in any cutting: never otherwise because
/// more of it comes.
pub(crate) fn proxy_header_holds(bytes: &[u8]) {
    let whole = proxy_protocol::parse(bytes);
    for cut in 0..=bytes.len().min(PROXY_HEADER_BYTES_MAX) {
        match proxy_protocol::parse(&bytes[..cut]) {
            Ok(None) => {}
            Ok(Some((relayed, length))) => {
                assert!(length <= cut);
                assert_eq!(whole, Ok(Some((relayed, length))));
            }
            Err(_) => assert!(whole.is_err(), "cut at {cut}"),
        }
    }
}

fn holds(parsed: &Parsed) {
    let Parsed {
        method,
        path,
        query,
        version,
        headers,
    } = parsed;
    let is_host = |(name, _): &&(Vec<u8>, Vec<u8>)| name.eq_ignore_ascii_case(b"host");
    let hosts = headers.iter().filter(is_host).count();
    let may_have_none = *version == Version::Http10;
    assert!(hosts == 1 || hosts == 0 && may_have_none, "{hosts} hosts");
    assert!(
        path.starts_with('/') || path == "*" || method == "CONNECT",
        "{method} {path}"
    );
    let texts = [method.as_bytes(), path.as_bytes()].into_iter();
    let texts = texts.chain(query.iter().map(String::as_bytes));
    for text in texts {
        assert!(text.iter().all(u8::is_ascii_graphic), "{text:?}");
    }
    for (name, value) in headers {
        assert!(name.iter().all(u8::is_ascii_graphic) && !name.contains(&b':'));
        assert!(
            !value.iter().any(|byte| b"\r\n\0".contains(byte)),
            "{value:?}"
        );
    }
    let normal = target::normal(path);
    assert_eq!(target::normal(&normal), normal, "one form");
    let decode = |text| percent_decode_str(text).collect::<Vec<u8>>();
    assert_eq!(decode(path), decode(&normal), "it means the same");
    assert!(!target::has_dot_segments(&target::tidy(&normal)), "{path}");
}
