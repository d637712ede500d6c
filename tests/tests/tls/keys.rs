//! Keys and certificates as `openssl` writes them: of every usual kind, in every usual form.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tests::Setup;
use tests::secure::LISTENER;

use crate::openssl::page;

/// Runs openssl in `folder`.
#[track_caller]
fn openssl(folder: &Path, line: &str) {
    let mut command = Command::new("openssl");
    let output = command.args(line.split(' ')).current_dir(folder).output();
    let output = output.expect("openssl is installed");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {line}: {error}");
}

/// An authority, and one in between that it has signed and that signs `own.pem`: its key is what `make` writes to `own.key`.
#[track_caller]
fn sign(folder: &Path, make: &[&str]) {
    let signed = |name: &str, by: &str, constraint: &str| {
        fs::write(folder.join("extensions"), constraint).expect("ours");
        openssl(
            folder,
            &format!("req -new -key {name}.key -subj /CN=Detent-{name} -out {name}.csr"),
        );
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -CA {by}.pem -CAkey {by}.key -days 30 -extfile extensions -out {name}.pem"
            ),
        );
    };
    openssl(
        folder,
        "ecparam -name prime256v1 -genkey -noout -out authority.key",
    );
    openssl(
        folder,
        "req -x509 -key authority.key -subj /CN=Detent-authority -days 30 -out authority.pem",
    );
    openssl(folder, "genpkey -algorithm ED25519 -out between.key");
    signed("between", "authority", "basicConstraints=critical,CA:TRUE");
    for line in make {
        openssl(folder, line);
    }
    fs::set_permissions(folder.join("own.key"), fs::Permissions::from_mode(0o600)).expect("ours");
    signed("own", "between", "subjectAltName=DNS:localhost");
}

/// `own.pem` with the certificate of the authority in between, as certbot and others write it.
fn chain(folder: &Path) -> String {
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("it was written");
    read("own.pem") + &read("between.pem")
}

#[test]
fn a_key_of_any_usual_kind_in_any_usual_form_is_used() {
    for (make, signature) in [
        // RSA, in PKCS#1 and in PKCS#8.
        (&["genrsa -traditional -out own.key 2048"][..], "RSA-PSS"),
        (
            &["genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out own.key"],
            "RSA-PSS",
        ),
        (
            &["genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -out own.key"],
            "RSA-PSS",
        ),
        // On curves, in SEC 1, with and without the block that names the curve, and in PKCS#8.
        (
            &["ecparam -name prime256v1 -genkey -noout -out own.key"],
            "ECDSA",
        ),
        (&["ecparam -name prime256v1 -genkey -out own.key"], "ECDSA"),
        (
            &["ecparam -name secp384r1 -genkey -noout -out own.key"],
            "ECDSA",
        ),
        (
            &["genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out own.key"],
            "ECDSA",
        ),
        (
            &["genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out own.key"],
            "ECDSA",
        ),
        (&["genpkey -algorithm ED25519 -out own.key"], "ed25519"),
    ] {
        let setup = Setup::new();
        sign(setup.folder(), make);
        fs::write(setup.folder().join("own.pem"), chain(setup.folder())).expect("ours");
        let server = setup.configuration(LISTENER).start();
        for version in ["-tls1_2", "-tls1_3"] {
            let told = page(&server, &[version]);
            told.has("Verification: OK");
            told.has(&format!("Peer signature type: {signature}"));
            told.has("no route here");
        }
    }
}

/// What editors, mail and other systems make of a file, and what openssl writes around a certificate with `-text`.
#[test]
fn what_stands_around_certificates_and_keys_does_not_matter() {
    type Change = fn(String) -> String;
    let changes: [(&str, Change); 5] = [
        ("line ends of Windows", |text| text.replace('\n', "\r\n")),
        ("a byte order mark", |text| format!("\u{feff}{text}")),
        ("words around", |text| {
            format!("# mine\nSubject: CN = x\n\n{text}\nthe end")
        }),
        ("blanks behind lines", |text| text.replace('\n', "  \n")),
        ("no line end", |text| text.trim_end().to_owned()),
    ];
    for (what, change) in changes {
        let setup = Setup::new();
        sign(
            setup.folder(),
            &["genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out own.key"],
        );
        let key = fs::read_to_string(setup.folder().join("own.key")).expect("it was written");
        fs::write(setup.folder().join("own.key"), change(key)).expect("ours");
        fs::write(
            setup.folder().join("own.pem"),
            change(chain(setup.folder())),
        )
        .expect("ours");
        let server = setup.configuration(LISTENER).start();
        let told = page(&server, &[]);
        assert!(told.text.contains("no route here"), "{what}: {}", told.text);
    }
}

/// What `server/README.md` has for who wants to try it.
#[test]
fn the_certificate_of_the_readme_is_shown() {
    let readme = include_str!("../../../server/README.md");
    let line = readme
        .lines()
        .find_map(|line| line.strip_prefix("openssl "));
    let setup = Setup::new();
    openssl(setup.folder(), line.expect("it has one"));
    fs::copy(
        setup.folder().join("own.pem"),
        setup.folder().join("authority.pem"),
    )
    .expect("ours");
    let server = setup.configuration(LISTENER).start();
    let told = page(&server, &[]);
    told.has("Verification: OK");
    told.has("no route here");
}

/// One file for both, as HAProxy has it.
#[test]
fn certificate_and_key_may_stand_in_one_file() {
    let setup = Setup::new();
    sign(setup.folder(), &["genpkey -algorithm ED25519 -out own.key"]);
    let key = fs::read_to_string(setup.folder().join("own.key")).expect("it was written");
    fs::write(setup.folder().join("own.key"), chain(setup.folder()) + &key).expect("ours");
    let both = LISTENER.replace("own.pem", "own.key");
    let server = setup.configuration(&both).start();
    page(&server, &[]).has("no route here");
}

#[test]
fn a_key_that_cannot_be_used_is_refused_with_what_to_do() {
    for (make, reason) in [
        (
            &["genpkey -algorithm RSA -aes256 -pass pass:secret -out own.key"][..],
            "own.key: has a key under a password, which nobody can type here: take it off with `openssl pkey`",
        ),
        (
            &["genrsa -aes256 -passout pass:secret -traditional -out own.key 2048"],
            "own.key: has a key under a password, ",
        ),
        (
            &[
                "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out plain.key",
                "ec -in plain.key -aes128 -passout pass:secret -out own.key",
            ],
            "own.key: has a key under a password, ",
        ),
        (
            &["genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out own.key"],
            "own.key: is no key that can be used: ",
        ),
        (
            &["genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out own.key"],
            "own.key: is no key that can be used: ",
        ),
        (
            &["genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out own.key"],
            "own.key: is no key that can be used: ",
        ),
    ] {
        let setup = Setup::new();
        let folder = setup.folder();
        for line in make {
            openssl(folder, line);
        }
        fs::set_permissions(folder.join("own.key"), fs::Permissions::from_mode(0o600))
            .expect("ours");
        // Whatever the certificate is of: the key is looked at first.
        openssl(
            folder,
            "req -x509 -newkey ed25519 -nodes -subj /CN=x -addext subjectAltName=DNS:localhost -keyout other.key -out own.pem",
        );
        let finished = setup.configuration(LISTENER).run();
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        assert!(
            finished.stderr.contains(reason),
            "not {reason}: {}",
            finished.stderr
        );
    }
}
