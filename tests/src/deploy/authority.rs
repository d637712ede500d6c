//! A certificate authority of the test's own, and what it has signed for the name in the texts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// The name that the texts of `scripts/deploy` use.
pub const NAME: &str = "example.org";

/// An authority with a certificate for [`NAME`], in files of one folder.
pub(super) struct Authority {
    root: CertificateDer<'static>,
    root_file: PathBuf,
    chain: PathBuf,
    key: PathBuf,
}

impl Authority {
    /// Makes both, and writes them into `folder`.
    #[track_caller]
    pub(super) fn new(folder: &Path) -> Authority {
        let root_key = KeyPair::generate().expect("a key");
        let mut root_params = CertificateParams::default();
        root_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root_params
            .distinguished_name
            .push(DnType::CommonName, "Detent's tests");
        let root = root_params.self_signed(&root_key).expect("a certificate");

        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![NAME.to_owned()]).expect("a name");
        let issuer = Issuer::new(root_params, root_key);
        let leaf = params.signed_by(&key, &issuer).expect("a certificate");

        let write = |name: &str, text: &str| {
            let file = folder.join(name);
            fs::write(&file, text).expect("the folder can be written");
            file
        };
        Authority {
            root_file: write("root.pem", &root.pem()),
            chain: write("fullchain.pem", &(leaf.pem() + &root.pem())),
            key: write("privkey.pem", &key.serialize_pem()),
            root: root.der().clone(),
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
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root");
        let config = ClientConfig::builder().with_root_certificates(roots);
        Arc::new(config.with_no_client_auth())
    }

    /// Makes a browser trust it whose user's home is `home`.
    #[track_caller]
    pub(super) fn trust_in(&self, home: &Path) {
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
        let file = self.root_file.to_str().expect("a plain name");
        run(&["-N", "--empty-password"]);
        run(&["-A", "-n", "detent-tests", "-t", "C,,", "-i", file]);
    }
}
