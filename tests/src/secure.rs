//! TLS as a client sees it: an authority of the test's own, what it signs, and connections that trust it.
//!
//! Keys and certificates are made for each test and gone with it.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::{Client, DEADLINE, Server, Setup};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A connection by TLS, of which the records are counted.
pub type Tls = StreamOwned<ClientConnection, Sniffed>;

/// An authority; no machine knows it but those that a test tells.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    /// Its certificate in PEM.
    pub pem: String,
}

/// A certificate with its key, both in PEM.
pub struct Identity {
    /// The certificate, and that of its authority.
    pub chain: String,
    /// Its key, in PKCS#8.
    pub key: String,
}

impl Default for Authority {
    fn default() -> Authority {
        Authority::new()
    }
}

impl Authority {
    /// Makes one.
    #[track_caller]
    pub fn new() -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "Detent's tests");
        let root = params.self_signed(&key).expect("a certificate");
        Authority {
            pem: root.pem(),
            root: root.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Signs a certificate for these names, which is good for `days` from now on, or was until so many days ago.
    #[track_caller]
    pub fn sign(&self, names: &[&str], days: i64) -> Identity {
        self.sign_key(names, days, &KeyPair::generate().expect("a key"))
    }

    /// The same for a key that is there already.
    #[track_caller]
    pub fn sign_key(&self, names: &[&str], days: i64, key: &KeyPair) -> Identity {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        // An hour more than whole days, so that they are as many when they are looked at.
        let span = DAY * days.unsigned_abs() as u32 + Duration::from_secs(60 * 60);
        let now = SystemTime::now();
        let end = if days < 0 { now - span } else { now + span };
        params.not_before = (now - 400 * DAY).into();
        params.not_after = end.into();
        self.finish(&params, key)
    }

    /// Signs a certificate that a client shows.
    #[track_caller]
    pub fn sign_client(&self, name: &str, email: &str) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let email = email.try_into().expect("plain letters");
        params.subject_alt_names = vec![SanType::Rfc822Name(email)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.finish(&params, &KeyPair::generate().expect("a key"))
    }

    fn finish(&self, params: &CertificateParams, key: &KeyPair) -> Identity {
        let leaf = params.signed_by(key, &self.issuer).expect("a certificate");
        Identity {
            chain: leaf.pem() + &self.pem,
            key: key.serialize_pem(),
        }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root");
        roots
    }

    /// What a client needs that trusts this authority and no other.
    pub fn trust(&self) -> Arc<ClientConfig> {
        let config = ClientConfig::builder().with_root_certificates(self.roots());
        Arc::new(config.with_no_client_auth())
    }

    /// The same for one that speaks one version of TLS alone.
    pub fn trust_by(&self, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
        let config = ClientConfig::builder_with_protocol_versions(&[version]);
        let config = config.with_root_certificates(self.roots());
        Arc::new(config.with_no_client_auth())
    }

    /// The same for one that shows `own`.
    #[track_caller]
    pub fn trust_showing(&self, own: &Identity) -> Arc<ClientConfig> {
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(own.chain.as_bytes()).collect();
        let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a key");
        let config = ClientConfig::builder().with_root_certificates(self.roots());
        let config = config.with_client_auth_cert(chain.expect("certificates"), key);
        Arc::new(config.expect("a pair"))
    }
}

impl Authority {
    /// Writes its certificate into `folder`; gives the file.
    #[track_caller]
    pub fn write(&self, folder: &Path) -> PathBuf {
        let file = folder.join("authority.pem");
        fs::write(&file, &self.pem).expect("the folder can be written");
        file
    }

    /// Makes a browser trust it whose user's home is `home`, by the database that Chromium looks into.
    #[track_caller]
    pub fn trust_in(&self, home: &Path) {
        let folder = home.join(".pki/nssdb");
        fs::create_dir_all(&folder).expect("the folder can be written");
        let database = format!("sql:{}", folder.display());
        let run = |arguments: &[&str]| {
            let mut command = Command::new("certutil");
            command.args(["-d", &database]).args(arguments);
            let output = command.output().expect("certutil (libnss3-tools) runs");
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "certutil {arguments:?}: {error}");
        };
        let file = self.write(home);
        let file = file.to_str().expect("a plain name");
        run(&["-N", "--empty-password"]);
        run(&["-A", "-n", "detent-tests", "-t", "C,,", "-i", file]);
    }
}

impl Identity {
    /// The certificate alone.
    #[track_caller]
    pub fn own(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.chain.as_bytes()).expect("a certificate")
    }

    /// Writes both into `folder`, as `NAME.pem` and `NAME.key`, which nobody else may read. Each appears whole, as with
    /// programs that renew certificates.
    #[track_caller]
    pub fn write(&self, folder: &Path, name: &str) {
        for (end, text, mode) in [("key", &self.key, 0o600), ("pem", &self.chain, 0o644)] {
            let (new, file) = (
                folder.join(format!("{name}.{end}.new")),
                folder.join(format!("{name}.{end}")),
            );
            fs::write(&new, text).expect("the folder can be written");
            fs::set_permissions(&new, fs::Permissions::from_mode(mode)).expect("it is ours");
            fs::rename(new, file).expect("both are in one folder");
        }
    }
}

/// A TCP connection of which the records that come are counted.
#[derive(Debug)]
pub struct Sniffed {
    /// The connection.
    pub stream: TcpStream,
    /// Records of data that have come.
    pub records: usize,
    /// Bytes that are to come of a record, or have come of its head.
    left: usize,
    head: Vec<u8>,
}

impl Read for Sniffed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        let mut bytes = &buffer[..count];
        while !bytes.is_empty() {
            if self.left > 0 {
                let step = self.left.min(bytes.len());
                self.left -= step;
                bytes = &bytes[step..];
                continue;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            if let &[kind, _, _, high, low] = self.head.as_slice() {
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.records += usize::from(kind == 23);
                self.head.clear();
            }
        }
        Ok(count)
    }
}

impl Write for Sniffed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    /// Without this an alert behind another record would not leave when a handshake fails.
    fn write_vectored(&mut self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Connects to `address` by TLS and asks for `name`; the handshake comes with the first byte.
#[track_caller]
pub fn reach(address: SocketAddr, name: &str, trust: &Arc<ClientConfig>) -> Tls {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("a live socket");
    for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        set(&stream, Some(DEADLINE)).expect("a valid timeout");
    }
    let name = name.to_owned().try_into().expect("a valid name");
    let session = ClientConnection::new(trust.clone(), name).expect("a valid configuration");
    let sniffed = Sniffed {
        stream,
        records: 0,
        left: 0,
        head: Vec::new(),
    };
    StreamOwned::new(session, sniffed)
}

/// A listener by TLS, for a configuration file.
pub const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n\
    tls = { certificate = \"own.pem\", key = \"own.key\" }\n";

/// A server that listens by TLS too, with whatever else is configured, and what its clients trust.
#[track_caller]
pub fn start(plugins: &[&str], configuration: &str) -> (Server, Arc<ClientConfig>) {
    let (server, authority) = start_of(plugins, configuration);
    (server, authority.trust())
}

/// The same with the authority that its clients trust.
#[track_caller]
pub fn start_of(plugins: &[&str], configuration: &str) -> (Server, Authority) {
    let authority = Authority::new();
    let setup = Setup::new().plugins(plugins);
    authority
        .sign(&["localhost", "127.0.0.1"], 90)
        .write(setup.folder(), "own");
    let text = format!("{configuration}\n{LISTENER}");
    (setup.configuration(&text).start(), authority)
}

/// Where the server speaks TLS.
#[track_caller]
pub fn address(server: &Server) -> SocketAddr {
    server.listener(", by TLS")
}

/// Opens a WebSocket by TLS.
#[track_caller]
pub fn connect(server: &Server, path: &str, trust: &Arc<ClientConfig>) -> Client<Tls> {
    connect_with(server, path, trust, &[])
}

/// Opens a WebSocket by TLS, with further headers.
#[track_caller]
pub fn connect_with(
    server: &Server,
    path: &str,
    trust: &Arc<ClientConfig>,
    headers: &[(&str, &str)],
) -> Client<Tls> {
    let address = address(server);
    let stream = reach(address, "localhost", trust);
    let url = format!("wss://localhost:{}{path}", address.port());
    Client::over(stream, &url, headers).unwrap_or_else(|refused| panic!("{path}: {refused:?}"))
}

/// Says `request` and reads to the end; false where that came without a word of TLS.
#[track_caller]
pub fn ask(mut stream: impl Read + Write, request: &str) -> (String, bool) {
    stream
        .write_all(request.as_bytes())
        .expect("the connection stands");
    let mut answer = Vec::new();
    let is_whole = match stream.read_to_end(&mut answer) {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&answer)),
    };
    (String::from_utf8_lossy(&answer).into_owned(), is_whole)
}
