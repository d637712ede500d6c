//! TLS towards a server that Detent itself goes to, such as Redis: whom to trust, what to show, and the session.
//!
//! Files are read where a connection is made, so that one that has changed counts from the next on. The thread that uses the
//! session waits wherever the socket under it does.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::IdentityError;
use super::identity::{Fault, Identity, certificates};
use super::provider::provider;

/// Where systems keep the authorities that everybody trusts: Debian and Alpine, Fedora, others.
const SYSTEM_AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// What the other side is held against, and what it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutwardFiles {
    /// Authorities that are trusted, in PEM; none for those of the system.
    pub ca: Option<PathBuf>,
    /// A certificate of ours and its key; none where none is shown.
    pub pair: Option<(PathBuf, PathBuf)>,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum OutwardError {
    /// A file of ours.
    #[error(transparent)]
    File(#[from] IdentityError),
    /// The socket, which may have timed out.
    #[error(transparent)]
    Socket(io::Error),
    /// What the other side shows, or says.
    #[error("{0}")]
    Refused(String),
}

/// A session on a socket `S`; reads and writes are of plain bytes.
pub struct Outward<S: Read + Write>(StreamOwned<ClientConnection, S>);

impl OutwardFiles {
    /// Whether the files can be used.
    ///
    /// # Errors
    /// The first that cannot be, and why.
    pub fn check(&self) -> Result<(), IdentityError> {
        self.load().map(|_| ())
    }

    fn load(&self) -> Result<ClientConfig, IdentityError> {
        let authorities = match &self.ca {
            Some(path) => path.as_path(),
            None => system_authorities()?,
        };
        let wrong = |error: rustls::Error| Fault::Authority(error.to_string()).at(authorities);
        let mut roots = RootCertStore::empty();
        let (known, unknown) = roots.add_parsable_certificates(certificates(authorities)?);
        // A system's bundle may have an old one that nobody can read; a file that was named may not.
        if known == 0 || (self.ca.is_some() && unknown > 0) {
            return Err(wrong(rustls::Error::General(format!(
                "{unknown} of its certificates are none of an authority"
            ))));
        }
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(wrong)?
            .with_root_certificates(roots);
        Ok(match &self.pair {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let identity = Identity::load(certificate, key)?;
                let shown = SingleCertAndKey::from(identity.key);
                builder.with_client_cert_resolver(Arc::new(shown))
            }
        })
    }
}

fn system_authorities() -> Result<&'static Path, IdentityError> {
    let mut paths = SYSTEM_AUTHORITIES.iter().map(Path::new);
    let first = Path::new(SYSTEM_AUTHORITIES[0]);
    let why = "this system has no authorities there: install ca-certificates, or name a `ca_file`";
    paths
        .find(|path| path.exists())
        .ok_or_else(|| Fault::Authority(why.to_owned()).at(first))
}

impl<S: Read + Write> Outward<S> {
    /// Shakes hands with `name`, a host's name or an address, over a connected socket. Waits as the socket does.
    ///
    /// # Errors
    /// There is no session, and nothing was said.
    pub fn begin(files: &OutwardFiles, name: &str, mut socket: S) -> Result<Self, OutwardError> {
        let config = Arc::new(files.load()?);
        let refused = |error: &dyn fmt::Display| OutwardError::Refused(error.to_string());
        let name = ServerName::try_from(name.to_owned()).map_err(|error| refused(&error))?;
        let mut session = ClientConnection::new(config, name).map_err(|error| refused(&error))?;
        while session.is_handshaking() {
            session
                .complete_io(&mut socket)
                .map_err(|error| match error.get_ref() {
                    Some(inner) if inner.is::<rustls::Error>() => refused(&error),
                    _ => OutwardError::Socket(error),
                })?;
        }
        Ok(Outward(StreamOwned::new(session, socket)))
    }
}

impl<S: Read + Write> Read for Outward<S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl<S: Read + Write> Write for Outward<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
