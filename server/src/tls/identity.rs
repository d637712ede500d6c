//! A certificate with its key, as they stand in two files.
//!
//! Main thread. Everything that a client would stumble over is found here first, and named with its file.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::peer;
use super::provider::provider;
use crate::limits::TLS_FILE_BYTES_MAX;

/// Why a certificate or a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct IdentityError {
    path: PathBuf,
    fault: Fault,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("is larger than {TLS_FILE_BYTES_MAX} bytes, and no such file")]
    Size,
    #[error("has no certificate: one in PEM begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    #[error("is no certificate that can be read: {0}")]
    Certificate(String),
    #[error(
        "has no key: one in PEM begins with -----BEGIN PRIVATE KEY----- or RSA or EC before PRIVATE"
    )]
    NoKey,
    #[error(
        "has a key under a password, which nobody can type here: take it off with `openssl pkey`"
    )]
    EncryptedKey,
    #[error("is no key that can be used: {0}")]
    Key(String),
    #[error("everybody on this machine may read or write it (mode {0:o}): chmod 640 or 600")]
    OpenToAll(u32),
    #[error("is the key of another certificate than {}", .0.display())]
    OtherKey(PathBuf),
    #[error("the certificate has expired, on {0}")]
    Expired(String),
    #[error("the certificate is not valid before {0}")]
    NotYet(String),
    #[error("no certificate of an authority can be used: {0}")]
    Authority(String),
}

impl Fault {
    pub(super) fn at(self, path: &Path) -> IdentityError {
        IdentityError {
            path: path.to_owned(),
            fault: self,
        }
    }
}

/// A certificate with its key.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    /// Names that it is for, in lower case, some with `*` as their first label.
    pub(super) names: Vec<String>,
    /// Seconds since 1970.
    pub(super) expires: i64,
    pub(super) file: PathBuf,
}

impl Identity {
    /// Reads and checks both.
    ///
    /// # Errors
    /// One of the two cannot be used, or not with the other, or not today.
    pub(super) fn load(certificate: &Path, key: &Path) -> Result<Identity, IdentityError> {
        let chain = certificates(certificate)?;
        let leaf = chain.first().ok_or(Fault::NoCertificate.at(certificate))?;
        let (names, expires) = look_at(leaf).map_err(|fault| fault.at(certificate))?;
        let private = private_key(key)?;
        let pair =
            CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    Fault::OtherKey(certificate.to_owned()).at(key)
                }
                error => Fault::Key(error.to_string()).at(key),
            })?;
        Ok(Identity {
            key: Arc::new(pair),
            names,
            expires,
            file: certificate.to_owned(),
        })
    }
}

/// Names and end of a certificate that is valid now.
fn look_at(der: &CertificateDer<'_>) -> Result<(Vec<String>, i64), Fault> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| Fault::Certificate(error.to_string()))?;
    let validity = certificate.validity();
    let now = seconds_now();
    if now > validity.not_after.timestamp() {
        return Err(Fault::Expired(validity.not_after.to_string()));
    }
    if now < validity.not_before.timestamp() {
        return Err(Fault::NotYet(validity.not_before.to_string()));
    }
    let names = peer::names(&certificate).into_iter();
    let names = names.map(|name| name.to_ascii_lowercase()).collect();
    Ok((names, validity.not_after.timestamp()))
}

/// All certificates in a file, the server's own first.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let (bytes, _) = read(path)?;
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    match all {
        Ok(all) if all.is_empty() => Err(Fault::NoCertificate.at(path)),
        Ok(all) => Ok(all),
        Err(error) => Err(Fault::Certificate(error.to_string()).at(path)),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, IdentityError> {
    let (bytes, mode) = read(path)?;
    if mode & 0o007 != 0 {
        return Err(Fault::OpenToAll(mode & 0o777).at(path));
    }
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Ok(key),
        Err(_) if has(&bytes, b"ENCRYPTED") => Err(Fault::EncryptedKey.at(path)),
        Err(pem::Error::NoItemsFound) => Err(Fault::NoKey.at(path)),
        Err(error) => Err(Fault::Key(error.to_string()).at(path)),
    }
}

fn has(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|part| part == word)
}

/// What stands in a file, and its permissions.
fn read(path: &Path) -> Result<(Vec<u8>, u32), IdentityError> {
    let mut bytes = Vec::new();
    let mut open = || -> io::Result<u32> {
        let file = File::open(path)?;
        let mode = file.metadata()?.permissions().mode();
        file.take(TLS_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(mode)
    };
    let mode = open().map_err(|error| Fault::Read(error).at(path))?;
    if bytes.len() as u64 > TLS_FILE_BYTES_MAX {
        return Err(Fault::Size.at(path));
    }
    Ok((without_blanks(&bytes), mode))
}

/// The same without a byte order mark and blanks around lines, which editors put there and PEM's readers may refuse
/// (RFC 7468 section 2).
fn without_blanks(bytes: &[u8]) -> Vec<u8> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = text.split(|&byte| byte == b'\n');
    let lines: Vec<_> = lines.map(<[u8]>::trim_ascii).collect();
    lines.join(&b'\n')
}

pub(super) fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}
