//! `curl` by `https://`: pages, pushes, redirects, event streams, and who is not let in.

use std::process::Command;

use tests::secure::{self, Authority, LISTENER, connect};
use tests::{Client, Raw, Server, Setup};

use crate::{Told, run, start};

/// What it prints of `path`, head and all.
#[track_caller]
fn curl(server: &Server, path: &str, arguments: &[&str]) -> Told {
    let url = format!("https://localhost:{}{path}", secure::address(server).port());
    curl_url(server, &url, arguments)
}

#[track_caller]
fn curl_url(server: &Server, url: &str, arguments: &[&str]) -> Told {
    run(command(server, url).args(arguments), b"")
}

fn command(server: &Server, url: &str) -> Command {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--show-error",
        "--include",
        "--max-time",
        "30",
        "--noproxy",
        "*",
    ]);
    command
        .arg("--cacert")
        .arg(server.folder().join("authority.pem"))
        .arg(url);
    command
}

#[test]
fn a_page_is_served_by_either_version_and_no_older_one() {
    let (server, _) = start(&["chat"], "");
    for arguments in [
        &["--tlsv1.3"][..],
        &["--tls-max", "1.2"],
        // It may offer what it likes.
        &["--http2", "--verbose"],
    ] {
        let told = curl(&server, "/chat", arguments);
        told.has("HTTP/1.1 200 OK");
        told.has("<!doctype html>");
        assert_eq!(told.code, Some(0), "{}", told.text);
    }
    curl(&server, "/chat", &["--http2", "--verbose"]).has("ALPN: server accepted http/1.1");
    let old = [
        "--tlsv1.0",
        "--tls-max",
        "1.1",
        "--ciphers",
        "ALL:@SECLEVEL=0",
    ];
    assert_eq!(curl(&server, "/chat", &old).code, Some(35), "no handshake");
}

#[test]
fn who_does_not_know_the_authority_or_asks_for_another_name_is_warned() {
    let (server, _) = start(&["chat"], "");
    let told = curl(&server, "/chat", &["--cacert", "/etc/hostname"]);
    assert!(matches!(told.code, Some(60 | 77)), "{}", told.text);
    let port = secure::address(&server).port();
    let other = format!("other.example:{port}:127.0.0.1");
    let url = format!("https://other.example:{port}/chat");
    let told = curl_url(&server, &url, &["--resolve", &other]);
    assert_eq!(told.code, Some(60), "{}", told.text);
}

#[test]
fn what_is_pushed_is_heard_by_whoever_listens() {
    let (server, authority) = start(&["push"], "");
    let mut secured = connect(&server, "/push/news", &authority.trust());
    let mut plain = Client::connect(&server, "/push/news");
    let told = curl(&server, "/push/news", &["--data", "it rains"]);
    told.has("HTTP/1.1 200 OK");
    told.has("\"clients\":2");
    assert_eq!(
        (secured.text(), plain.text()),
        ("it rains".into(), "it rains".into())
    );
    // A body in chunks, and one that is larger than a record and waits for `100 Continue`.
    let large = server.folder().join("large");
    std::fs::write(&large, "x".repeat(50_000)).expect("ours");
    let large = format!("@{}", large.display());
    for more in [
        &["--header", "Transfer-Encoding: chunked"][..],
        &["--header", "Expect: 100-continue"],
    ] {
        let arguments = [&["--data-binary", &large], more].concat();
        curl(&server, "/push/news", &arguments).has("\"clients\":2");
        assert_eq!(secured.text().len(), 50_000);
        assert_eq!(plain.text().len(), 50_000);
    }
}

/// Several requests by one connection.
#[test]
fn a_connection_is_kept() {
    let (server, _) = start(&["chat"], "");
    let url = format!("https://localhost:{}/chat", secure::address(&server).port());
    let told = curl_url(&server, &url, &["--verbose", &url, &url]);
    assert_eq!(told.text.matches("<!doctype html>").count(), 3);
    assert_eq!(
        told.text.matches("SSL connection using").count(),
        1,
        "{}",
        told.text
    );
}

#[test]
fn people_follow_the_redirect_and_their_browsers_learn_to_stay() {
    let authority = Authority::new();
    let setup = Setup::new().plugins(&["chat"]);
    authority
        .sign(&["localhost"], 90)
        .write(setup.folder(), "own");
    authority.write(setup.folder());
    let tls = LISTENER.replace(" }", ", hsts = \"1day\" }");
    let text = format!("{tls}\n[[listener]]\naddress = \"127.0.0.1:0\"\nredirect = true\n");
    let server = setup.configuration(&text).start();
    let to = server.listener(", sending everybody to TLS");
    let url = format!("http://localhost:{}/chat?a=b", to.port());
    let told = curl_url(
        &server,
        &url,
        &["--location", "--write-out", "at %{url_effective}"],
    );
    told.has("HTTP/1.1 308 ");
    told.has("HTTP/1.1 200 OK");
    told.has("strict-transport-security: max-age=86400");
    told.has(&format!(
        "at https://localhost:{}/chat?a=b",
        secure::address(&server).port()
    ));
}

/// As `scripts/deploy/README.md` says: files that a route serves, behind the listener that sends everybody to TLS.
#[test]
fn what_certbot_puts_down_is_found_behind_the_redirect() {
    let recipe = include_str!("../../../scripts/deploy/README.md");
    let route = recipe.split("```toml").find_map(|block| {
        let (text, _) = block.split_once("```")?;
        text.contains("acme-challenge").then_some(text)
    });
    let authority = Authority::new();
    let setup = Setup::new().plugins(&["files"]);
    authority
        .sign(&["localhost"], 90)
        .write(setup.folder(), "own");
    authority.write(setup.folder());
    let webroot = setup.folder().join("acme");
    let challenges = webroot.join(".well-known/acme-challenge");
    std::fs::create_dir_all(&challenges).expect("ours");
    std::fs::write(challenges.join("token_-1"), "token_-1.thumbprint").expect("ours");
    let route = route.expect("it has one").replace(
        "/var/lib/detent/acme",
        webroot.to_str().expect("a plain name"),
    );
    let text =
        format!("{LISTENER}[[listener]]\naddress = \"127.0.0.1:0\"\nredirect = true\n{route}");
    let server = setup.configuration(&text).start();
    let to = server.listener(", sending everybody to TLS");
    let url = format!(
        "http://localhost:{}/.well-known/acme-challenge/token_-1",
        to.port()
    );
    let told = curl_url(&server, &url, &["--location"]);
    told.has("HTTP/1.1 200 OK");
    assert!(
        told.text.ends_with("\r\n\r\ntoken_-1.thumbprint"),
        "{}",
        told.text
    );
}

#[test]
fn an_event_stream_is_heard_to_its_end() {
    let (mut server, _) = start(&["push"], "");
    let url = format!(
        "https://localhost:{}/push/news",
        secure::address(&server).port()
    );
    let mut listening = command(&server, &url);
    listening.args(["--no-buffer", "--header", "Accept: text/event-stream"]);
    let listening = std::thread::spawn(move || run(&mut listening, b""));
    let push = "POST /push/news HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nit rains";
    tests::wait_until("it listens", || {
        Raw::answer(&server, push).2.contains("\"clients\":1")
    });
    server.stop();
    let told = listening.join().expect("it is awaited");
    told.has("data: it rains");
    told.has("event: close");
    // Not 56, which is an end without a word.
    assert_eq!(told.code, Some(0), "{}", told.text);
}

#[test]
fn only_who_shows_a_certificate_comes_in() {
    let authority = Authority::new();
    let setup = Setup::new().plugins(&["chat"]);
    let folder = setup.folder().to_owned();
    authority.sign(&["localhost"], 90).write(&folder, "own");
    authority.write(&folder);
    authority
        .sign_client("ann", "ann@example.org")
        .write(&folder, "ann");
    let text = LISTENER.replace(" }", ", client_ca = \"authority.pem\" }");
    let server = setup.configuration(&text).start();
    let file = |name: &str| folder.join(name).display().to_string();
    let (certificate, key) = (file("ann.pem"), file("ann.key"));
    for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
        let told = curl(&server, "/chat", version);
        assert!(matches!(told.code, Some(35 | 56 | 98)), "{}", told.text);
        told.has("alert");
        let shows = [version, &["--cert", &certificate, "--key", &key]].concat();
        curl(&server, "/chat", &shows).has("HTTP/1.1 200 OK");
    }
}
