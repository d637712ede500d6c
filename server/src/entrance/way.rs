//! The way in by one listener: what holds for who comes by it, and what it is secured with.
//!
//! Plain values: set by the main thread, taken by the acceptor for each newcomer.

use std::sync::Arc;

use crate::http::peer::Entry;
use crate::tls::Credentials;

/// What holds for who comes by a listener.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    /// For its requests.
    pub entry: Entry,
    /// Where TLS is spoken, what with.
    pub tls: Option<Arc<Credentials>>,
}
