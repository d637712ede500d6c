//! Which certificate a client is shown, by the name that it asks for (SNI, RFC 6066 section 3).
//!
//! Runs on connection threads, in the handshake.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::identity::Identity;

/// The certificates of one listener.
#[derive(Debug)]
pub(super) struct Choice {
    /// By a whole name, and by what stands behind `*.` in one; several where a name has keys of several kinds.
    by_name: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// For who asks for no name, or for another.
    first: Vec<Arc<CertifiedKey>>,
}

impl Choice {
    pub(super) fn new(identities: &[Identity]) -> Choice {
        let mut by_name: HashMap<String, Vec<Arc<CertifiedKey>>> = HashMap::new();
        for identity in identities {
            for name in &identity.names {
                let keys = by_name.entry(name.clone()).or_default();
                keys.push(identity.key.clone());
            }
        }
        let first_names = identities.first().map(|of| &of.names);
        let same_names = identities
            .iter()
            .filter(|of| Some(&of.names) == first_names);
        Choice {
            by_name,
            first: same_names.map(|of| of.key.clone()).collect(),
        }
    }

    fn keys_for(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let Some(name) = name else {
            return &self.first;
        };
        let name = name.to_ascii_lowercase();
        let under = || {
            let (_, rest) = name.split_once('.')?;
            self.by_name.get(&format!("*.{rest}"))
        };
        self.by_name
            .get(&name)
            .or_else(under)
            .unwrap_or(&self.first)
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let keys = self.keys_for(hello.server_name());
        let can_use = |key: &&Arc<CertifiedKey>| {
            let schemes = hello.signature_schemes();
            key.key.choose_scheme(schemes).is_some()
        };
        // Where none fits, the handshake says so.
        keys.iter().find(can_use).or(keys.first()).cloned()
    }
}
