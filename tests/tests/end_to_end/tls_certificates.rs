//! Which certificate is shown, which can be used, and how they change under live connections.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, HandshakeKind};
use tests::secure::{self, Authority, LISTENER, ask, connect, reach, start_of};
use tests::{ADMIN, Admin, Server, Setup};

const PAGE: &str = "GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// The certificate that is shown to who asks for `name`, and how it was agreed on.
#[track_caller]
fn shown(
    server: &Server,
    name: &str,
    trust: &Arc<ClientConfig>,
) -> (CertificateDer<'static>, HandshakeKind) {
    let mut stream = reach(secure::address(server), name, trust);
    ask(&mut stream, PAGE);
    let chain = stream.conn.peer_certificates().expect("one is shown");
    let kind = stream.conn.handshake_kind().expect("it is over");
    (chain[0].clone().into_owned(), kind)
}

#[test]
fn each_name_has_its_certificate_and_the_first_is_for_all_others() {
    let authority = Authority::new();
    let setup = Setup::new();
    let names = [
        &["localhost", "one.example"][..],
        &["two.example"],
        &["*.three.example"],
    ];
    let kinds = [None, Some(&PKCS_ECDSA_P384_SHA384), Some(&PKCS_ED25519)];
    let mut all = Vec::new();
    for (at, (names, kind)) in names.into_iter().zip(kinds).enumerate() {
        let identity = match kind {
            Some(kind) => {
                authority.sign_key(names, 90, &KeyPair::generate_for(kind).expect("a key"))
            }
            None => authority.sign(names, 90),
        };
        identity.write(setup.folder(), &at.to_string());
        all.push(identity.own());
    }
    let text = "[[listener]]\naddress = \"127.0.0.1:0\"\n[listener.tls]\n\
        certificate = [\"0.pem\", \"1.pem\", \"2.pem\"]\nkey = [\"0.key\", \"1.key\", \"2.key\"]\n";
    let server = setup.configuration(text).start();
    let trust = authority.trust();
    for (name, at) in [
        ("localhost", 0),
        ("one.example", 0),
        ("two.example", 1),
        ("a.three.example", 2),
        ("TWO.example", 1),
    ] {
        assert!(shown(&server, name, &trust).0 == all[at], "{name}");
    }
    // Whoever checks finds that it is another's.
    let mut stream = reach(secure::address(&server), "four.example", &trust);
    let error = std::io::Write::write_all(&mut stream, b"x").expect_err("another name");
    assert!(
        error.to_string().contains("NotValidForName")
            || error.to_string().contains("not valid for name"),
        "{error}"
    );
}

/// A start, `--check` and a reload name the file and the reason.
#[test]
fn what_cannot_be_used_is_refused_with_its_file_and_reason() {
    type Spoil = fn(&Authority, &Path);
    let spoils: [(Spoil, &str); 9] = [
        (
            |_, folder| fs::remove_file(folder.join("own.pem")).expect("it is there"),
            "own.pem: cannot be read: No such file",
        ),
        (
            |_, folder| fs::write(folder.join("own.pem"), "hello").expect("ours"),
            "own.pem: has no certificate: one in PEM begins with",
        ),
        (
            |_, folder| fs::write(folder.join("own.key"), "hello").expect("ours"),
            "own.key: has no key: one in PEM begins with",
        ),
        (
            |of, folder| {
                fs::write(folder.join("own.key"), of.sign(&["localhost"], 9).key).expect("ours");
            },
            "own.key: is the key of another certificate than ",
        ),
        (
            |of, folder| of.sign(&["localhost"], -3).write(folder, "own"),
            "own.pem: the certificate has expired, on ",
        ),
        (
            |_, folder| {
                let open = fs::Permissions::from_mode(0o644);
                fs::set_permissions(folder.join("own.key"), open).expect("ours");
            },
            "own.key: everybody on this machine may read or write it (mode 644): chmod 640 or 600",
        ),
        (
            |_, folder| {
                let text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
                fs::write(folder.join("own.key"), text).expect("ours");
            },
            "own.key: has a key under a password",
        ),
        (
            |_, folder| {
                let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
                fs::write(folder.join("own.pem"), text).expect("ours");
            },
            "own.pem: is no certificate that can be read: ",
        ),
        (
            |_, folder| {
                let text = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
                fs::write(folder.join("own.key"), text).expect("ours");
            },
            "own.key: is no key that can be used: ",
        ),
    ];
    let (server, authority) = start_of(&["echo"], "");
    let trust = authority.trust();
    let good = shown(&server, "localhost", &trust).0;
    let mut client = connect(&server, "/echo", &trust);
    for (spoil, reason) in spoils {
        authority
            .sign(&["localhost"], 90)
            .write(server.folder(), "own");
        spoil(&authority, server.folder());
        let told = server.reload();
        assert!(
            told.contains("a certificate cannot be used, see above"),
            "{told}"
        );
        server.wait_for_log(&["reload: ", "tls: ", reason, "; the old certificate stays"]);
        assert!(shown(&server, "localhost", &trust).0 == good, "{reason}");
        client.send(reason);
        assert_eq!(client.text(), reason);

        for arguments in [&["--check"][..], &[]] {
            let setup = Setup::new().arguments(arguments);
            let own = authority.sign(&["localhost"], 90);
            own.write(setup.folder(), "own");
            spoil(&authority, setup.folder());
            let finished = setup.configuration(LISTENER).run();
            assert_ne!(finished.code, Some(0), "{reason}");
            let told = finished.stdout + &finished.stderr;
            assert!(told.contains(reason), "not {reason}: {told}");
        }
    }
}

#[test]
fn a_new_certificate_is_shown_at_a_reload_and_nobody_is_dropped() {
    let (server, authority) = start_of(&["echo"], "");
    let trust = authority.trust();
    let mut client = connect(&server, "/echo", &trust);
    let before = shown(&server, "localhost", &trust).0;
    let new = authority.sign(&["localhost"], 60);
    new.write(server.folder(), "own");
    assert!(
        shown(&server, "localhost", &authority.trust()).0 == before,
        "nobody has asked for it"
    );
    let told = server.reload();
    assert!(told.contains("new certificate on 127.0.0.1:0"), "{told}");
    assert!(shown(&server, "localhost", &authority.trust()).0 == new.own());
    client.send("still by the old");
    assert_eq!(client.text(), "still by the old");
    let told = server.reload();
    assert!(told.contains("nothing has changed"), "{told}");
}

#[test]
fn files_are_looked_at_where_the_settings_say_so() {
    let authority = Authority::new();
    let setup = Setup::new();
    authority
        .sign(&["localhost"], 90)
        .write(setup.folder(), "own");
    let text = LISTENER.replace(" }", ", watch = \"1s\" }");
    let server = setup.configuration(&text).start();
    fs::write(server.folder().join("own.key"), "half of a ke").expect("ours");
    server.wait_for_log(&[
        "127.0.0.1:0: tls: ",
        "own.key: has no key",
        "; the old certificate stays",
    ]);
    let new = authority.sign(&["localhost"], 60);
    new.write(server.folder(), "own");
    server.wait_for_log(&["new certificate on 127.0.0.1:0, for 60 days"]);
    assert!(shown(&server, "localhost", &authority.trust()).0 == new.own());
    assert_eq!(server.count_log(&["has no key"]), 1, "told once");
}

#[test]
fn who_comes_back_needs_no_whole_handshake_even_behind_a_reload() {
    let (server, authority) = start_of(&["echo"], "");
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let trust = authority.trust_by(version);
        assert_eq!(shown(&server, "localhost", &trust).1, HandshakeKind::Full);
        assert_eq!(
            shown(&server, "localhost", &trust).1,
            HandshakeKind::Resumed
        );
        server.reload();
        assert_eq!(
            shown(&server, "localhost", &trust).1,
            HandshakeKind::Resumed
        );
        // What is said before the handshake is over is not taken.
        let stream = reach(secure::address(&server), "localhost", &trust);
        assert!(!stream.conn.is_early_data_accepted());
    }
}

#[test]
fn only_who_shows_a_certificate_of_the_authority_comes_in() {
    let authority = Authority::new();
    let setup = Setup::new().plugins(&["echo"]);
    authority
        .sign(&["localhost"], 90)
        .write(setup.folder(), "own");
    fs::write(setup.folder().join("clients.pem"), &authority.pem).expect("ours");
    let text = LISTENER.replace(" }", ", client_ca = \"clients.pem\" }");
    let server = setup.configuration(&text).start();
    let stranger = Authority::new();
    let wrong = authority.trust_showing(&stranger.sign_client("eve", "eve@example.org"));
    for trust in [authority.trust(), wrong] {
        let mut stream = reach(secure::address(&server), "localhost", &trust);
        let mut said = Vec::new();
        let outcome = std::io::Write::write_all(&mut stream, PAGE.as_bytes())
            .and_then(|()| std::io::Read::read_to_end(&mut stream, &mut said));
        outcome.expect_err("it is not let in");
    }
    server.wait_for_log(&["no TLS was agreed on: TLS: peer sent no certificates"]);
    server.wait_for_log(&["no TLS was agreed on: TLS: invalid peer certificate: "]);
    let trust = authority.trust_showing(&authority.sign_client("ann", "ann@example.org"));
    connect(&server, "/echo", &trust).close(1000, "");

    // A ticket of one who has shown nothing opens nothing where something has to be shown.
    server.reload_with(LISTENER);
    let trust = authority.trust();
    shown(&server, "localhost", &trust);
    assert_eq!(
        shown(&server, "localhost", &trust).1,
        HandshakeKind::Resumed
    );
    server.reload_with(&text);
    let mut stream = reach(secure::address(&server), "localhost", &trust);
    let mut said = Vec::new();
    let outcome = std::io::Write::write_all(&mut stream, PAGE.as_bytes())
        .and_then(|()| std::io::Read::read_to_end(&mut stream, &mut said));
    outcome.expect_err("it is not let in");
}

#[test]
fn days_that_are_left_stand_in_the_metrics_and_below_two_weeks_in_the_log() {
    let authority = Authority::new();
    let setup = Setup::new();
    authority
        .sign(&["localhost"], 9)
        .write(setup.folder(), "own");
    let text = format!("{ADMIN}\n{LISTENER}");
    let server = setup.configuration(&text).start();
    server.wait_for_log(&["own.pem (localhost) ends in 9 days"]);
    shown(&server, "localhost", &authority.trust());
    let metrics = Admin::of(&server).ask("GET", "/metrics", &[]).2;
    let line = metrics
        .lines()
        .find(|line| line.starts_with("detent_tls_certificate_days_left{"));
    let line = line.unwrap_or_else(|| panic!("{metrics}"));
    assert!(
        line.contains("own.pem") && line.ends_with(" 9.0") || line.ends_with(" 9"),
        "{line}"
    );
    assert!(
        metrics.contains("detent_tls_handshakes_total{result=\"full\"} 1"),
        "{metrics}"
    );
}
