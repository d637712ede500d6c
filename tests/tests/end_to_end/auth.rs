//! Who is let in by the plugin `auth`: by a cookie, a token or a password. All that is signed here was signed by another program
//! (Python's hmac and argon2), of which this has the outcome.

use std::fs;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tests::{Client, Raw, Server, Setup, library};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// `anna`, whose password is `correct horse`: as weak as a test is quick.
const USERS: &str = "anna:$argon2id$v=19$m=8,t=1,p=1$7TU9pjtV/7BlnEp6Ssc5pA$8nOI9UixP78wO6bKR0FGokS59i9wVSWImWK5Zw2bF04\n";

/// Until the year 2100.
const GOOD_COOKIE: &str =
    "anna.4102444800.838e67d8c9dc68dcb023b457d7d51a00a6f0da4fab81bdc387f8220cca7babb5";
const GOOD_TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm5hIiwiZXhwIjo0MTAyNDQ0ODAwfQ.8ux5kbyXZxZF3M7GR8KlMqj-uhPVfBxBkjTDP3MzwUo";

const BAD_COOKIES: [(&str, &str); 5] = [
    (
        "out of date since 2001",
        "anna.1000000000.c2049a72a9c4968f569f50c7a884ea80e585f1ee62bb54f74ee36b94463d01fa",
    ),
    (
        "signed with another secret",
        "anna.4102444800.ab80347f35b45202bf1ad1a565ed1ee659de337119e3b2918a98096d41db9060",
    ),
    (
        "another name",
        "adam.4102444800.838e67d8c9dc68dcb023b457d7d51a00a6f0da4fab81bdc387f8220cca7babb5",
    ),
    (
        "a longer time",
        "anna.4102444801.838e67d8c9dc68dcb023b457d7d51a00a6f0da4fab81bdc387f8220cca7babb5",
    ),
    ("no signature", "anna.4102444800."),
];

const BAD_TOKENS: [(&str, &str); 6] = [
    (
        "out of date since 2001",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm5hIiwiZXhwIjoxMDAwMDAwMDAwfQ.RAq3pFyKEtIanL-Y_PlcN5IPfM5nZk5wQIDH6RLkm1I",
    ),
    (
        "signed with another secret",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm5hIiwiZXhwIjo0MTAyNDQ0ODAwfQ.gR2XYB-_tmjQq8b4P9IrJh7dQ9zcCnVDca9GudqRzy8",
    ),
    (
        "of the algorithm none",
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhbm5hIiwiZXhwIjo0MTAyNDQ0ODAwfQ.",
    ),
    (
        "of the algorithm none, and signed",
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhbm5hIiwiZXhwIjo0MTAyNDQ0ODAwfQ.3pdpRMMhuAFYlC7vyvU1p5yZyXjgEPZ7ZIP12JN2sOc",
    ),
    (
        "of HS512, with our secret",
        "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm5hIiwiZXhwIjo0MTAyNDQ0ODAwfQ.jXNkWWGWqOebxtFefBeaoS3OKYZWOXHDOhRGCJpE29bZqBef9b9yW-JNB9Cmgto6GytnRg3y9HOwKwZZChZQrQ",
    ),
    (
        "that never ends",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm5hIn0.rRmAHI4vST2zKbb-JnwooAgv57k_qVzdc1ape7k7GUw",
    ),
];

fn setup() -> Setup {
    Setup::new()
        .plugins(&["auth"])
        .private("secret", SECRET, 0o600)
        .private("users", USERS, 0o600)
}

const SETTINGS: &str = "[[route]]\npath = \"/auth\"\nplugin = \"auth\"\n[route.options]\nsecret_file = \"secret\"\nusers_file = \"users\"\n";

fn start() -> Server {
    setup().configuration(SETTINGS).start()
}

fn basic(name: &str, password: &str) -> String {
    let pair = format!("{name}:{password}");
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

#[track_caller]
fn assert_unknown(server: &Server, what: &str, header: (&str, &str)) {
    match Client::connect_with(server, "/auth", &[header]) {
        Ok(_) => panic!("it is let in: {what}"),
        Err(refused) => assert_eq!(
            (refused.status, refused.body.as_str()),
            (401, "say who you are\n"),
            "{what}"
        ),
    }
}

#[test]
fn who_is_known_is_let_in_each_way_and_its_session_knows_who_it_is() {
    let server = start();
    let cookie = format!("theme=dark; login={GOOD_COOKIE}");
    let bearer = format!("bearer {GOOD_TOKEN}");
    let password = basic("anna", "correct horse");
    for header in [
        ("Cookie", cookie.as_str()),
        ("Authorization", &bearer),
        ("Authorization", &password),
    ] {
        let client = Client::connect_with(&server, "/auth", &[header]);
        let mut client = client.unwrap_or_else(|refused| panic!("{header:?}: {}", refused.body));
        assert_eq!(client.text(), "welcome, anna");
        client.send("hello");
        assert_eq!(client.text(), "anna: hello");
    }
}

#[test]
fn what_is_forged_or_out_of_date_lets_nobody_in() {
    let server = start();
    for (what, cookie) in BAD_COOKIES {
        assert_unknown(&server, what, ("Cookie", &format!("login={cookie}")));
    }
    let under_another_name = format!("other={GOOD_COOKIE}");
    assert_unknown(&server, "another cookie", ("Cookie", &under_another_name));
    for (what, token) in BAD_TOKENS {
        assert_unknown(&server, what, ("Authorization", &format!("Bearer {token}")));
    }
    for (what, name, password) in [
        ("a wrong password", "anna", "correct hors"),
        ("no password", "anna", ""),
        ("another user", "Anna", "correct horse"),
        ("nobody", "", ""),
        ("a password that nobody has", "nobody", "correct horse"),
        ("a very long one", "anna", &"x".repeat(3000)),
    ] {
        assert_unknown(&server, what, ("Authorization", &basic(name, password)));
    }
    for nonsense in ["Basic", "Basic !!", "Bearer", "Digest a", "Basic Og==\t:"] {
        assert_unknown(&server, nonsense, ("Authorization", nonsense));
    }
    assert_unknown(&server, "nothing at all", ("X-Nothing", "x"));
    assert_eq!(server.count_log(&["panicked"]), 0, "{}", server.log());
}

#[test]
fn who_is_refused_is_told_what_would_do_and_no_secret_is_logged() {
    let server = start();
    let token = BAD_TOKENS[1].1;
    let request = format!(
        "GET /auth HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let (status, head, _) = Raw::answer(&server, request);
    assert_eq!(status, 401);
    let head = head.to_lowercase();
    for way in [
        "www-authenticate: bearer realm",
        "www-authenticate: basic realm",
    ] {
        assert!(head.contains(way), "{head}");
    }
    let password = basic("anna", "hush");
    assert_unknown(&server, "a wrong password", ("Authorization", &password));
    let log = server.log();
    for secret in [token, &password[6..], "hush", SECRET] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn who_was_let_in_stays_who_it_is_and_changed_files_hold_for_the_next() {
    let server = start();
    let password = basic("anna", "correct horse");
    let header = [("Authorization", password.as_str())];
    let mut anna = Client::connect_with(&server, "/auth", &header).expect("she is known");
    assert_eq!(anna.text(), "welcome, anna");
    fs::write(server.folder().join("users"), "# nobody\n").expect("the folder can be written");
    let mut code = fs::read(library("auth")).expect("it was built");
    code.push(0);
    server.put_plugin("libauth.so", &code);
    let line = server.reload();
    assert!(line.contains("code of route /auth"), "{line}");
    anna.send("still me");
    assert_eq!(anna.text(), "anna: still me");
    assert_unknown(&server, "who stands in the file no more", header[0]);
}
