//! A certificate authority of the test's own, and what it has signed for the name in the texts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;

use crate::secure;

/// The name that the texts of `scripts/deploy` use.
pub const NAME: &str = "example.org";

/// An authority with a certificate for [`NAME`], in files of one folder.
pub(super) struct Authority {
    inner: secure::Authority,
    chain: PathBuf,
    key: PathBuf,
}

impl Authority {
    /// Makes both, and writes them into `folder`.
    #[track_caller]
    pub(super) fn new(folder: &Path) -> Authority {
        let inner = secure::Authority::new();
        inner.sign(&[NAME], 90).write(folder, NAME);
        Authority {
            inner,
            chain: folder.join(format!("{NAME}.pem")),
            key: folder.join(format!("{NAME}.key")),
        }
    }

    /// The file with the certificate.
    pub(super) fn chain(&self) -> &Path {
        &self.chain
    }

    /// The file with its key.
    pub(super) fn key(&self) -> &Path {
        &self.key
    }

    /// What a client needs that trusts this authority and no other.
    pub(super) fn client(&self) -> Arc<ClientConfig> {
        self.inner.trust()
    }

    /// Makes a browser trust it whose user's home is `home`.
    #[track_caller]
    pub(super) fn trust_in(&self, home: &Path) {
        self.inner.trust_in(home);
    }
}
