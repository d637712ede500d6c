//! The other side of a session as a fuzzer and the tests drive it: rustls' own client, in memory.
//!
//! Both trust a pair that stands here, since a fuzzer's inputs should mean the same in each run.

use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

use super::Session;
use super::provider::provider;

/// Of nobody, for `localhost`, and no secret: whoever has the source has the key.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBkTCCATigAwIBAgIUMn3/klEyG1f8VXlhWsrVfVQ6+EMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNjIwMzUxMloYDzIxMjYxMTAy
MjAzNTEyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAROdgTJpVLfvEDcqSt/xCx2x+xVeojycVNkGmVz2IGwSXtWee3Ms9Xx
Dukf1d5zqlGrczLpUK2I/57p9aLuedGJo2YwZDAdBgNVHQ4EFgQUgE1kqaGy5rr9
9K8Ne2V28si40t0wHwYDVR0jBBgwFoAUgE1kqaGy5rr99K8Ne2V28si40t0wFAYD
VR0RBA0wC4IJbG9jYWxob3N0MAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0EAwIDRwAw
RAIgSmy3DtyrbOrDYa4wjtPH35jR2Zjlrlj+c/ts+cRcwRUCIEME44tJQcweWtZy
jrYHozcU8QiQlOrxzjQPq9oqFKz6
-----END CERTIFICATE-----
";
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgi8zLe3Fv8uzchHTJ
7jAiXMmt98YFw5F3bXiBP2//JN6hRANCAAROdgTJpVLfvEDcqSt/xCx2x+xVeojy
cVNkGmVz2IGwSXtWee3Ms9XxDukf1d5zqlGrczLpUK2I/57p9aLuedGJ
-----END PRIVATE KEY-----
";

/// A session of the pair's, whose client has said nothing yet.
pub(crate) fn session() -> Box<Session> {
    static CONFIG: OnceLock<Arc<ServerConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| server(1));
    Session::new(config.clone()).expect("a session")
}

/// The same where the pair's certificate comes so many times: 406 bytes each.
#[cfg(test)]
pub(crate) fn session_with(certificates: usize) -> Box<Session> {
    Session::new(server(certificates)).expect("a session")
}

fn server(certificates: usize) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12]);
    let builder = builder.expect("both are there").with_no_client_auth();
    let config = builder.with_single_cert(vec![certificate(); certificates], key);
    Arc::new(config.expect("a pair"))
}

/// Agrees with such a session as its client. Blocks until that is over.
#[cfg(test)]
pub(crate) fn agree(mut socket: &std::net::TcpStream) -> Partner {
    let Partner(mut client) = Partner::new("TLS 1.3");
    while client.is_handshaking() {
        client.complete_io(&mut socket).expect("a handshake");
    }
    Partner(client)
}

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("a certificate")
}

/// A client.
pub(crate) struct Partner(ClientConnection);

impl Partner {
    /// One that speaks this version alone, as [`super::Agreement`] calls it.
    pub(crate) fn new(version: &str) -> Partner {
        static CONFIGS: OnceLock<[Arc<ClientConfig>; 2]> = OnceLock::new();
        let [old, new] = CONFIGS.get_or_init(|| [&TLS12, &TLS13].map(config));
        let config = match version {
            "TLS 1.2" => old,
            _ => new,
        };
        let name = "localhost".try_into().expect("a name");
        Partner(ClientConnection::new(config.clone(), name).expect("a configuration"))
    }

    /// Whether it waits for more before it can say anything.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Says `bytes`, however many.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.0.set_buffer_limit(None);
        self.0.writer().write_all(bytes).expect("no limit");
    }

    /// Seals from here on with other keys, where its version has that.
    pub(crate) fn change_keys(&mut self) {
        self.0.refresh_traffic_keys().ok();
    }

    /// Says that nothing more comes.
    pub(crate) fn say_goodbye(&mut self) {
        self.0.send_close_notify();
    }

    /// What it sends, in records.
    pub(crate) fn spoken(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut bytes).expect("memory");
        }
        bytes
    }

    /// What it hears in these bytes and those before.
    ///
    /// # Errors
    /// It was told that something is wrong, or finds that.
    pub(crate) fn hear(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut heard = Vec::new();
        while !bytes.is_empty() {
            self.0.read_tls(&mut bytes).expect("memory");
            let state = self.0.process_new_packets();
            // It says that nothing more is there by an error.
            self.0.reader().read_to_end(&mut heard).ok();
            if state.map_err(|error| error.to_string())?.peer_has_closed() {
                break;
            }
        }
        Ok(heard)
    }

    /// Whether it has heard that nothing more comes.
    pub(crate) fn has_heard_goodbye(&mut self) -> bool {
        // The end of all that was said, where it was said: an error else.
        matches!(self.0.reader().read(&mut [0]), Ok(0))
    }
}

fn config(version: &'static rustls::SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).expect("a root");
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(&[version]);
    let builder = builder.expect("it is there").with_root_certificates(roots);
    let mut config = builder.with_no_client_auth();
    // Each is one who comes for the first time.
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}
