//! TLS: what every server shows, and what every client of the load wants, so that all do the same work.
//!
//! A certificate with a key of P-256, made anew for each run; TLS 1.3 with `TLS_AES_128_GCM_SHA256` over X25519. That
//! is what the clients offer, and they offer nothing else.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::ring::{cipher_suite, default_provider, kx_group};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, NamedGroup, RootCertStore};

/// The name that the certificate is for.
pub const NAME: &str = "localhost";

/// A certificate and its key, in files as servers want them.
pub struct Identity {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM, which only its owner can read.
    pub key: PathBuf,
    der: CertificateDer<'static>,
}

impl Identity {
    /// Makes one, and writes it into `folder`.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn make(folder: &Path) -> Result<Identity, String> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])
            .map_err(|error| format!("a certificate: {error}"))?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            let failed = |error| format!("{}: {error}", path.display());
            // What an earlier run has left there may be readable by others.
            fs::remove_file(&path).ok();
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let mut file = options.open(&path).map_err(failed)?;
            file.write_all(text.as_bytes()).map_err(failed)?;
            Ok::<_, String>(path)
        };
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Identity {
            certificate: write("certificate.pem", &made.cert.pem())?,
            key: write("key.pem", &made.signing_key.serialize_pem())?,
            der: made.cert.der().clone(),
        })
    }

    /// What clients need that trust it, each of which shakes hands anew.
    ///
    /// # Errors
    /// The certificate is none that can be trusted.
    pub fn trust(&self) -> Result<Arc<ClientConfig>, String> {
        self.config().map(Arc::new)
    }

    /// The same for clients that keep the tickets they are given, and for others of whom each goes on with one of those.
    ///
    /// # Errors
    /// See [`Identity::trust`].
    pub fn trust_again(&self) -> Result<[Arc<ClientConfig>; 2], String> {
        let config = self.config()?;
        let tickets = Arc::default();
        let with = |takes| {
            let tickets = Arc::clone(&tickets);
            let store = Store { tickets, takes };
            let mut config = config.clone();
            config.resumption = Resumption::store(Arc::new(store));
            Arc::new(config)
        };
        Ok([false, true].map(with))
    }

    fn config(&self) -> Result<ClientConfig, String> {
        let mut provider = default_provider();
        provider.cipher_suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256];
        provider.kx_groups = vec![kx_group::X25519];
        let mut roots = RootCertStore::empty();
        let failed = |error: rustls::Error| error.to_string();
        roots.add(self.der.clone()).map_err(failed)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(failed)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// Tickets of earlier sessions. Servers differ in how many they give, and some give none to who has come by one: so those
/// who keep them are others than those who use them, each one once.
struct Store {
    tickets: Arc<Mutex<Vec<Tls13ClientSessionValue>>>,
    takes: bool,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Store that takes: {}", self.takes)
    }
}

impl ClientSessionStore for Store {
    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        if !self.takes
            && let Ok(mut tickets) = self.tickets.lock()
        {
            tickets.push(ticket);
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut tickets = self.tickets.lock().ok().filter(|_| self.takes)?;
        tickets.pop()
    }

    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
}
