//! What a listener shows and asks for: its certificates, and the authorities of its clients.
//!
//! Made by the main thread, at the start, at a reload and where the files have changed; used by connection threads. A change
//! makes a new one for who comes from then on; sessions keep the old one as long as they need it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::ring;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};

use super::choice::Choice;
use super::identity::{Fault, Identity, IdentityError, certificates, seconds_now};
use super::provider::provider;
use super::{Session, TlsError};
use crate::limits::SECONDS_PER_DAY;

/// Where it all stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Certificates, each with those between it and its authority, and their keys; one pair at least.
    pub pairs: Vec<(PathBuf, PathBuf)>,
    /// The authorities whose certificates clients may show; none where clients are asked for none.
    pub client_ca: Option<PathBuf>,
    /// Who shows none is not let in.
    pub is_client_required: bool,
}

/// A certificate, as it is told to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Where it stands.
    pub file: PathBuf,
    /// What it is for.
    pub names: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
}

impl Shown {
    /// Whole days that are left of it.
    pub fn days_left(&self) -> i64 {
        (self.expires - seconds_now()).div_euclid(SECONDS_PER_DAY)
    }
}

/// What the connections of one listener are secured with.
#[derive(Debug)]
pub struct Credentials {
    config: Arc<ServerConfig>,
    shown: Vec<Shown>,
    /// The certificates of the authorities of clients, as they stood in the file.
    authorities: Vec<Vec<u8>>,
    files: Files,
    /// What the files were when they were read.
    stamp: Stamp,
}

/// By which a changed file is known: when it was changed, and its size and number.
pub type Stamp = Vec<Option<(SystemTime, u64, u64)>>;

impl Credentials {
    /// Reads and checks everything. Those who have a ticket `before` may come back by it, unless other clients may come now.
    ///
    /// # Errors
    /// The first file that cannot be used, and why.
    pub fn load(files: &Files, before: Option<&Credentials>) -> Result<Credentials, IdentityError> {
        // Before the files are read: one that changes meanwhile is read again.
        let stamp = files.stamp();
        let pairs = files.pairs.iter();
        let identities: Result<Vec<_>, _> = pairs
            .map(|(certificate, key)| Identity::load(certificate, key))
            .collect();
        let identities = identities?;
        let authorities = match &files.client_ca {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        let known: Vec<Vec<u8>> = authorities.iter().map(|of| of.to_vec()).collect();
        let same_clients = before.filter(|before| {
            before.authorities == known
                && before.files.is_client_required == files.is_client_required
        });
        let builder = ServerConfig::builder_with_provider(provider());
        let first = files.pairs.first().map(|(path, _)| path.as_path());
        let path = files
            .client_ca
            .as_deref()
            .or(first)
            .unwrap_or(Path::new(""));
        let wrong = |error: String| Fault::Authority(error).at(path);
        let builder = builder
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| wrong(error.to_string()))?;
        let builder = if authorities.is_empty() {
            builder.with_no_client_auth()
        } else {
            let mut roots = RootCertStore::empty();
            for authority in authorities {
                roots
                    .add(authority)
                    .map_err(|error| wrong(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            let verifier = match files.is_client_required {
                true => verifier,
                false => verifier.allow_unauthenticated(),
            };
            let verifier = verifier.build().map_err(|error| wrong(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        };
        let mut config = builder.with_cert_resolver(Arc::new(Choice::new(&identities)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Tickets hold what a session needs, so that none is kept here. Their keys change every six hours.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = match same_clients {
            Some(before) => before.config.ticketer.clone(),
            None => ticketer().map_err(wrong)?,
        };
        // Whoever comes back by one is given the next.
        config.send_tls13_tickets = 1;
        // What is sent before the handshake is over could be sent again by somebody else.
        config.max_early_data_size = 0;
        let shown = identities.into_iter().map(|identity| Shown {
            file: identity.file,
            names: identity.names,
            expires: identity.expires,
        });
        Ok(Credentials {
            config: Arc::new(config),
            shown: shown.collect(),
            authorities: known,
            files: files.clone(),
            stamp,
        })
    }

    /// A session for one who has just come.
    ///
    /// # Errors
    /// The machine has no chance to give.
    pub fn session(&self) -> Result<Box<Session>, TlsError> {
        Session::new(self.config.clone())
    }

    /// The certificates, in the order of the settings.
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// Where it was read from.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Whether one of the files is another than the one that was read.
    pub fn has_changed(&self) -> bool {
        self.files.stamp() != self.stamp
    }

    /// Whether the certificates are the same.
    pub fn shows_the_same(&self, other: &Credentials) -> bool {
        self.shown == other.shown
    }
}

impl Files {
    /// What they are now.
    pub fn stamp(&self) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        let pairs = self
            .pairs
            .iter()
            .flat_map(|(certificate, key)| [certificate, key]);
        let all = pairs.chain(&self.client_ca);
        all.map(|path| {
            let file = fs::metadata(path).ok()?;
            Some((file.modified().ok()?, file.len(), file.ino()))
        })
        .collect()
    }
}

fn ticketer() -> Result<Arc<dyn ProducesTickets>, String> {
    ring::Ticketer::new().map_err(|error| error.to_string())
}
