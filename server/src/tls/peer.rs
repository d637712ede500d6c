//! The certificate that a client has shown.
//!
//! Plain data, read from one that was checked against the authorities of its listener.

use std::fmt::Write;

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Who a client is, by its certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The subject, such as `CN=ann, O=Example`; empty where it has none.
    pub subject: String,
    /// Its other names, of the kinds DNS, e-mail, URI and IP address, as they stand there, one a line.
    pub names: String,
    /// The SHA-256 of the whole certificate, 64 hexadecimal digits.
    pub fingerprint: String,
}

impl PeerCertificate {
    pub(super) fn new(der: &CertificateDer<'_>) -> PeerCertificate {
        let mut fingerprint = String::with_capacity(64);
        for byte in Sha256::digest(der) {
            // Writing to a string cannot fail.
            write!(fingerprint, "{byte:02x}").ok();
        }
        // It was read and checked already: only what this reader is stricter about is left out.
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return PeerCertificate {
                fingerprint,
                ..PeerCertificate::default()
            };
        };
        PeerCertificate {
            subject: certificate.subject().to_string(),
            names: names(&certificate).join("\n"),
            fingerprint,
        }
    }
}

/// The names beside the subject; none of them with a line of its own in it.
pub(super) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let all = extension.value.general_names.iter();
    all.filter_map(|name| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).to_owned())
        }
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    })
    .filter(|name| !name.chars().any(char::is_control))
    .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(sixteen).to_string())
}
