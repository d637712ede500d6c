//! Who is inside by the settings: a listener, networks, tokens. Each turns the guess off.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use tests::{Client, Server, Setup};

fn setup() -> Setup {
    Setup::new().plugins(&["probe", "chat"])
}

#[track_caller]
fn is_inside(address: SocketAddr, headers: &[(&str, &str)]) -> bool {
    let client = Client::connect_to(address, "/probe", headers);
    let mut client = client.expect("it is admitted");
    client.send("request");
    // Those who came before it may leave meanwhile, and the probe tells of that.
    loop {
        let text = client.text();
        if text.starts_with("method=") {
            return text.contains(" inside=true ");
        }
    }
}

const TOKEN: &str = "a-token-of-sixteen-and-more";
const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\ninside = true\n";

#[test]
fn who_comes_by_a_listener_for_insiders_is_inside_and_nobody_else() {
    let server = setup().configuration(LISTENER).start();
    let inside = server.listener(", for insiders");
    assert!(is_inside(inside, &[]));
    // Whatever it says of itself.
    assert!(is_inside(inside, &[("Via", "1.1 gateway")]));
    assert!(!is_inside(server.address(), &[]), "the guess is off");
    let printed = server.printed().join("\n");
    let rule = "inside: who comes by a listener for insiders, which no proxy may lead to\n";
    assert!(printed.contains(rule), "{printed}");
    // A page may be led there too.
    let mut raw = tests::Raw::connect_to(inside);
    raw.write(tests::handshake("/probe", &["Origin: http://example.org"]));
    raw.head();
    raw.write(tests::frame(tests::TEXT, b"request"));
    let answer = tests::answer_of_probe(&mut raw);
    assert!(answer.contains(" inside=false "), "{answer}");
}

#[test]
fn a_reload_opens_changes_and_closes_listeners() {
    let server = setup().configuration("").start();
    assert!(is_inside(server.address(), &[]));
    let line = server.reload_with(LISTENER);
    assert!(line.contains("listener 127.0.0.1:0"), "{line}");
    let (_, rest) = line.split_once("listening on ").expect("it tells where");
    let (address, _) = rest.split_once(", for insiders").expect("and for whom");
    let address: SocketAddr = address.parse().expect("an address");
    assert!(is_inside(address, &[]));
    assert!(!is_inside(server.address(), &[]));
    // The same socket for everyone: who stands at the door does not notice.
    server.reload_with(&LISTENER.replace("inside = true", "inside = false"));
    assert!(is_inside(server.address(), &[]), "guessed again");
    assert!(is_inside(address, &[]), "guessed there too");
    server.reload_with("inside.networks = [\"192.0.2.0/24\"]\n");
    assert!(!is_inside(server.address(), &[]));
    std::net::TcpStream::connect(address).expect_err("it is closed");
    server.reload_with("inside.networks = [\"127.0.0.0/8\"]\n");
    assert!(is_inside(server.address(), &[]));
}

#[test]
fn networks_count_for_the_client_whom_a_proxy_names() {
    let text = "proxy.trusted = [\"127.0.0.1\"]\ninside.networks = [\"10.0.0.0/8\"]\n\
                hosts = [\"push.internal\"]\n";
    let server = setup().configuration(text).start();
    let address = server.address();
    assert!(!is_inside(address, &[]), "the guess is off");
    assert!(is_inside(address, &[("X-Forwarded-For", "10.1.2.3")]));
    assert!(!is_inside(address, &[("X-Forwarded-For", "203.0.113.7")]));
    assert!(!is_inside(
        address,
        &[("X-Forwarded-For", "10.1.2.3, 203.0.113.7")]
    ));
    assert!(!is_inside(address, &[("X-Forwarded-For", "nonsense")]));
    let printed = server.printed().join("\n");
    assert!(
        printed.contains("inside: who comes from 10.0.0.0/8, "),
        "{printed}"
    );
}

#[test]
fn who_shows_a_token_is_inside_wherever_it_comes_from() {
    let setup = setup();
    let file = setup.folder().join("tokens");
    fs::write(&file, format!("# for the shop\n\n{TOKEN}-of-a-file\n")).expect("it can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let text = format!("inside = {{ tokens = [\"{TOKEN}\"], tokens_file = \"tokens\" }}\n");
    let server = setup.configuration(&text).start();
    let address = server.address();
    let shown = |token: &str| {
        let value = format!("Bearer {token}");
        let headers = [
            ("X-Forwarded-For", "203.0.113.7"),
            ("Authorization", value.as_str()),
        ];
        is_inside(address, &headers)
    };
    assert!(shown(TOKEN));
    assert!(shown(&format!("{TOKEN}-of-a-file")));
    assert!(!shown(&format!("{TOKEN}-of-nobody")));
    assert!(!is_inside(address, &[]), "the guess is off");
    let printed = server.printed().join("\n");
    assert!(
        printed.contains("inside: who shows one of 2 tokens\n"),
        "{printed}"
    );
    // Another token in the file holds with the next reload.
    fs::write(&file, format!("{TOKEN}-of-today\n")).expect("it can be written");
    let line = server.reload();
    assert!(line.contains("done: inside.tokens_file"), "{line}");
    assert!(shown(&format!("{TOKEN}-of-today")) && !shown(&format!("{TOKEN}-of-a-file")));
    assert!(!server.log().contains(TOKEN), "it is a secret");
}

#[test]
fn a_file_of_tokens_that_others_may_read_is_refused() {
    for (mode, text, part) in [
        (0o644, format!("{TOKEN}\n"), "`chmod 640` it"),
        (0o660, format!("{TOKEN}\n"), "`chmod 640` it"),
        (0o640, "short\n".to_owned(), "has in line 1 no token"),
        (0o640, "# none\n".to_owned(), "has no token in it"),
    ] {
        let setup = setup().configuration("inside.tokens_file = \"tokens\"\n");
        let file = setup.folder().join("tokens");
        fs::write(&file, text).expect("it can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
        let finished = setup.arguments(&["--check"]).run();
        finished.assert_code(2);
        assert!(finished.stderr.contains(part), "{}", finished.stderr);
    }
}

#[test]
fn a_post_from_inside_is_told_from_one_from_outside() {
    let server: Server = setup().configuration(LISTENER).start();
    let inside = server.listener(", for insiders");
    for (address, host, expected) in [
        (inside, "localhost", "inside"),
        (inside, "attacker", "outside"),
        (server.address(), "localhost", "outside"),
    ] {
        let mut raw = tests::Raw::connect_to(address);
        let request =
            format!("POST /probe?inside HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        raw.write(request);
        let (status, _, body) = raw.response();
        assert_eq!((status, body.as_str()), (201, expected), "{address} {host}");
    }
}
