//! The tests of the plain edge once more by TLS: with `DETENT_TESTS_BY=tls` every server that a test starts listens by
//! TLS too, and the clients that are made for it come that way.
//!
//! `scripts/test` runs the tests of `tests/by_tls` so. What connects to an address by itself stays without TLS, and what
//! is configured stays beside the listener that is added.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;

use crate::Server;
use crate::secure::{self, Authority, Identity};
use crate::transport::Transport;

/// Files of its own, beside those of a test about certificates.
const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n\
    tls = { certificate = \"by_tls.pem\", key = \"by_tls.key\" }\n";

struct Sides {
    own: Identity,
    trust: Arc<ClientConfig>,
}

/// The same for all tests of this run; none where they run without TLS.
fn sides() -> Option<&'static Sides> {
    static SIDES: OnceLock<Option<Sides>> = OnceLock::new();
    let sides = SIDES.get_or_init(|| {
        let by = std::env::var("DETENT_TESTS_BY").ok()?;
        assert_eq!(by, "tls", "DETENT_TESTS_BY is `tls`, or is not set");
        let authority = Authority::new();
        Some(Sides {
            own: authority.sign(&["localhost"], 90),
            trust: authority.trust(),
        })
    });
    sides.as_ref()
}

/// Whether this run is by TLS.
pub(crate) fn is_on() -> bool {
    sides().is_some()
}

/// `text` as a configuration of this run, in `folder`.
pub(crate) fn configured(text: &str, folder: &Path) -> String {
    match sides() {
        None => text.to_owned(),
        Some(sides) => {
            sides.own.write(folder, "by_tls");
            format!("{text}\n{LISTENER}")
        }
    }
}

/// Where clients of this run go.
#[track_caller]
pub(crate) fn address(server: &Server) -> SocketAddr {
    match is_on() {
        true => secure::address(server),
        false => server.address(),
    }
}

/// A connection there as one that carries a client's bytes.
#[track_caller]
pub(crate) fn over(socket: TcpStream) -> Transport {
    match sides() {
        None => socket.into(),
        Some(sides) => Transport::secured(socket, sides.trust.clone()),
    }
}
