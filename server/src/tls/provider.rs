//! The ciphers of all sessions, and of the keys that are read for them.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

/// All that rustls takes.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
