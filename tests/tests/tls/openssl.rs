//! `openssl s_client`: versions, ciphers, groups and protocols, each that is offered and all others.

use std::process::Command;

use tests::Server;
use tests::secure;

use crate::{Told, run, start};

const PAGE: &str = "GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const BY_1_2: [&str; 3] = [
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
];
const BY_1_3: [&str; 3] = [
    "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// What it has to say about a connection by which it says `input` and hears the answer.
#[track_caller]
pub(crate) fn s_client(server: &Server, arguments: &[&str], input: &[u8]) -> Told {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-servername", "localhost"]);
    command.args(["-verify_return_error", "-verify_hostname", "localhost"]);
    command.arg("-CAfile");
    command.arg(server.folder().join("authority.pem"));
    command
        .arg("-connect")
        .arg(secure::address(server).to_string());
    run(command.args(arguments), input)
}

/// The same for one that asks for a page and reads all of it.
#[track_caller]
pub(crate) fn page(server: &Server, arguments: &[&str]) -> Told {
    let arguments = [&["-ign_eof"], arguments].concat();
    s_client(server, &arguments, PAGE.as_bytes())
}

#[test]
fn each_version_is_spoken_with_each_of_its_ciphers() {
    let (server, _) = start(&["echo"], "");
    let by_1_2 = BY_1_2.map(|cipher| ["-tls1_2", "-cipher", cipher]);
    let by_1_3 = BY_1_3.map(|cipher| ["-tls1_3", "-ciphersuites", cipher]);
    for arguments in by_1_2.iter().chain(&by_1_3) {
        let told = page(&server, arguments);
        told.has(&format!("Cipher is {}", arguments[2]));
        told.has("Verification: OK");
        told.has("no route here");
        // The end was said: it tells apart.
        told.has("closed");
        told.lacks("unexpected eof");
        assert_eq!(told.code, Some(0), "{}", told.text);
    }
}

/// All that this openssl can: with blocks in chains (CBC), without forward secrecy, with finite fields, without any
/// encryption, by a shared key.
#[test]
fn no_other_cipher_is_taken() {
    let (server, _) = start(&["echo"], "");
    let others = BY_1_2.map(|cipher| format!("!{cipher}")).join(":");
    let others = format!("ALL:COMPLEMENTOFALL:{others}:@SECLEVEL=0");
    for arguments in [
        ["-tls1_2", "-cipher", &others],
        [
            "-tls1_2",
            "-cipher",
            "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0",
        ],
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0"],
        [
            "-tls1_3",
            "-ciphersuites",
            "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256",
        ],
    ] {
        let told = page(&server, &arguments);
        told.has("alert handshake failure");
        told.has("Cipher is (NONE)");
    }
    server.assert_logged(
        4,
        &["no TLS was agreed on: TLS: peer is incompatible: NoCipherSuitesInCommon"],
    );
}

#[test]
fn no_older_version_is_spoken() {
    let (server, _) = start(&["echo"], "");
    for version in ["-tls1", "-tls1_1"] {
        let told = page(&server, &[version, "-cipher", "ALL:@SECLEVEL=0"]);
        told.has("alert handshake failure");
        told.has("Cipher is (NONE)");
    }
    server.assert_logged(2, &["no TLS was agreed on: TLS: peer is incompatible: "]);
}

#[test]
fn keys_are_agreed_on_by_three_curves_and_no_other_group() {
    let (server, _) = start(&["echo"], "");
    for group in ["X25519", "P-256", "P-384"] {
        page(&server, &["-tls1_3", "-groups", group]).has("no route here");
    }
    for group in ["P-521", "X448", "ffdhe2048"] {
        page(&server, &["-tls1_3", "-groups", group]).has("alert handshake failure");
    }
    // Before TLS 1.3 the curve of the certificate has to be among them.
    page(&server, &["-tls1_2", "-groups", "X448:P-256"]).has("Server Temp Key: ECDH, prime256v1");
    page(&server, &["-tls1_2", "-groups", "P-521:X448"]).has("alert handshake failure");
    // The first that both have, though the client has guessed another and has to say its part again.
    page(&server, &["-tls1_3", "-groups", "X448:P-384"]).has("no route here");
}

#[test]
fn the_protocol_within_is_http_1_1_whatever_else_is_offered() {
    let (server, _) = start(&["echo"], "");
    for version in ["-tls1_2", "-tls1_3"] {
        page(&server, &[version, "-alpn", "h2,http/1.1"]).has("ALPN protocol: http/1.1");
        page(&server, &[version]).has("No ALPN negotiated");
        page(&server, &[version, "-alpn", "h2"]).has("alert no application protocol");
    }
}

/// A client of TLS 1.2 that begins a second handshake within the first session.
#[test]
fn nobody_begins_a_second_handshake() {
    let (server, _) = start(&["echo"], "");
    let told = s_client(&server, &["-tls1_2"], b"R\n");
    told.has("RENEGOTIATING");
    told.has("no renegotiation");
    // The extension that keeps others from putting one in is there (RFC 5746).
    told.has("Secure Renegotiation IS supported");
    page(&server, &["-tls1_2"]).has("no route here");
}

#[test]
fn what_is_compressed_is_never_a_record() {
    let (server, _) = start(&["echo"], "");
    page(&server, &["-tls1_2", "-comp"]).has("Compression: NONE");
}

/// A client that speaks a whole conversation, to the closing handshake of WebSockets and of TLS.
#[test]
fn a_websocket_is_spoken_by_either_version() {
    let (server, _) = start(&["echo"], "");
    for version in ["-tls1_2", "-tls1_3"] {
        let mut said = tests::handshake("/echo", &[]).into_bytes();
        // In a text of nought mask, since input and output are text here.
        for frame in [
            &[0x81, 0x85, 0, 0, 0, 0][..],
            b"hello",
            &[0x88, 0x80, 0, 0, 0, 0],
        ] {
            said.extend(frame);
        }
        let told = s_client(&server, &[version, "-ign_eof"], &said);
        told.has("101 Switching Protocols");
        told.has("hello");
        told.has("closed");
    }
}
