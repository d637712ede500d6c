//! Who may come to the admin listener, and what a page of elsewhere can do there: nothing.

use std::fs;

use tests::{ADMIN, Admin, Client, Setup, TOKEN};

fn with_tokens(text: &str, mode: u32) -> Setup {
    let configuration = format!("{ADMIN}tokens_file = \"tokens\"\n");
    with_tokens_and(text, mode, &configuration)
}

fn with_tokens_and(text: &str, mode: u32, configuration: &str) -> Setup {
    let setup = Setup::new().plugins(&["echo"]);
    setup
        .private("tokens", text, mode)
        .configuration(configuration)
}

#[test]
fn a_page_whose_name_was_made_to_mean_this_machine_sees_nothing() {
    let (server, admin) = Admin::start(&["echo"]);
    for (host, status) in [
        ("localhost", 200),
        ("127.0.0.1:9", 200),
        ("[::1]", 200),
        ("attacker.example", 421),
        ("192.0.2.1", 421),
    ] {
        let request = format!("GET /status.json HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(admin.status(request), status, "{host}");
    }
    // Whoever runs it may give it a name.
    server.reload_with(&format!("hosts = [\"detent.internal\"]\n{ADMIN}"));
    let request = "GET /status.json HTTP/1.1\r\nHost: detent.internal\r\n\r\n";
    assert_eq!(admin.status(request), 200);
}

#[test]
fn a_page_of_elsewhere_can_do_nothing() {
    let (server, admin) = Admin::start(&["echo"]);
    let mut client = Client::connect(&server, "/echo");
    for (lines, why) in [
        (
            &["Origin: http://attacker.example", "X-Detent-Admin: x"][..],
            "its origin says so",
        ),
        (
            &["Origin: null", "X-Detent-Admin: x"],
            "a sandboxed one too",
        ),
        (
            &["Sec-Fetch-Site: cross-site", "X-Detent-Admin: x"],
            "the browser says so",
        ),
        (
            &["Sec-Fetch-Site: same-site", "X-Detent-Admin: x"],
            "another port is elsewhere",
        ),
        (&[], "a form sends no header"),
    ] {
        let (status, _, body) = admin.ask("POST", "/kick?route=/echo", lines);
        assert_eq!(status, 403, "{why}: {body}");
    }
    let (status, ..) = admin.ask("GET", "/clients", &["Sec-Fetch-Site: cross-site"]);
    assert_eq!(status, 403);
    let (_, head, _) = admin.ask("GET", "/clients", &[]);
    for header in ["x-frame-options: DENY", "x-content-type-options: nosniff"] {
        assert!(head.contains(header), "{head}");
    }
    assert!(!head.to_lowercase().contains("access-control"), "{head}");
    // An order is no link.
    let (status, head, _) = admin.ask("GET", "/kick?route=/echo", &["X-Detent-Admin: x"]);
    assert_eq!(status, 405, "{head}");
    client.send("still here");
    assert_eq!(client.text(), "still here");
    assert_eq!(server.count_log(&["closes"]), 0);
}

#[test]
fn where_there_are_tokens_one_has_to_be_shown() {
    let text = format!("{TOKEN}-of-one\n{TOKEN}-of-two\n");
    let server = with_tokens(&text, 0o640).start();
    let admin = Admin::of(&server);
    // A checker has none.
    assert_eq!(admin.get("/readyz").0, 200);
    for path in ["/", "/metrics", "/status.json", "/clients"] {
        let (status, head, _) = admin.ask("GET", path, &[]);
        assert_eq!(status, 401, "{path}");
        assert!(head.contains("www-authenticate: Bearer"), "{head}");
    }
    let wrong = format!("Authorization: Bearer {TOKEN}-of-nobody");
    assert_eq!(admin.ask("GET", "/metrics", &[&wrong]).0, 401);
    let right = format!("Authorization: Bearer {TOKEN}-of-two");
    assert_eq!(admin.ask("GET", "/metrics", &[&right]).0, 200);
    // It is a better proof than the mark, and the log says which it was.
    let (status, _, body) = admin.ask("POST", "/reload", &[&right]);
    assert_eq!(
        (status, body.as_str()),
        (200, "{\"result\":\"nothing has changed\"}\n")
    );
    server.wait_for_log(&["admin: 127.0.0.1:", " with token 2 asks for a reload"]);
    server.wait_for_log(&["reload done: nothing has changed"]);
    // Nor does a mark stand for a token.
    assert_eq!(admin.order("/reload").0, 401);
    fs::write(
        server.folder().join("tokens"),
        format!("{TOKEN}-of-today\n"),
    )
    .expect("it is ours");
    let line = server.reload();
    assert!(line.contains("done: admin.tokens_file"), "{line}");
    assert_eq!(admin.ask("GET", "/metrics", &[&right]).0, 401);
    assert!(!server.log().contains(TOKEN), "it is a secret");
}

#[test]
fn settings_that_let_anyone_in_are_refused() {
    for (text, part) in [
        (
            "[admin]\nlisten = \"0.0.0.0:0\"\n",
            "can be reached from other machines: name a `tokens_file`",
        ),
        (
            "[admin]\nlisten = \"elsewhere\"\n",
            "no address to listen on",
        ),
        (
            "[admin]\ntokens_file = \"tokens\"\n",
            "without `listen` in [admin]",
        ),
        (
            "listen = [\"127.0.0.1:25251\"]\n[admin]\nlisten = \"127.0.0.1:25251\"\n",
            "is taken by 127.0.0.1:25251 already, where clients come",
        ),
        (
            "health = \"up\"\n",
            "no path: write it as a request names it",
        ),
    ] {
        let setup = with_tokens_and(&format!("{TOKEN}\n"), 0o600, text);
        let finished = setup.listens_as_configured().arguments(&["--check"]).run();
        finished.assert_code(2);
        assert!(
            finished.stderr.contains(part),
            "{text}: {}",
            finished.stderr
        );
    }
    let finished = with_tokens(&format!("{TOKEN}\n"), 0o644)
        .arguments(&["--check"])
        .run();
    finished.assert_code(2);
    assert!(
        finished.stderr.contains("`chmod 640` it"),
        "{}",
        finished.stderr
    );
    let text = "[admin]\nlisten = \"0.0.0.0:0\"\ntokens_file = \"tokens\"\n";
    let setup = with_tokens_and(&format!("{TOKEN}\n"), 0o600, text);
    setup.arguments(&["--check"]).run().assert_code(0);
}
