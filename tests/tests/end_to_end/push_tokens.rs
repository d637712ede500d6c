//! Who shows a token may read or write the topics that stand behind it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tests::{Client, Raw, Server, Setup};

/// `printf 0123456789abcdef-hashed | sha256sum`
const HASHED: &str = "sha256:e324ea6132f538499ecb8c76e08fe2a0157d21655cce5dbcca8d826dcad7bdcd";

const TOKENS: &str = "# who may what\n\n\
    0123456789abcdef-writer write=news,weather\n\
    0123456789abcdef-reader read=*\n\
    0123456789abcdef-prefix read=news write=users/*\n\
    HASHED write=*\n";

fn tokens() -> String {
    TOKENS.replace("HASHED", HASHED)
}

fn options(more: &str) -> String {
    format!(
        "[[route]]\npath = [\"/push\", \"/push/{{topic}}\"]\nplugin = \"push\"\n\
         [route.options]\ntokens_file = \"tokens\"\n{more}"
    )
}

fn setup(more: &str) -> Setup {
    let setup = Setup::new()
        .plugins(&["push"])
        .configuration(&options(more));
    write_tokens(&setup, &tokens());
    setup
}

fn write_tokens(setup: &Setup, text: &str) {
    let file = setup.folder().join("tokens");
    fs::write(&file, text).expect("it can be written");
    fs::set_permissions(file, fs::Permissions::from_mode(0o640)).expect("it is ours");
}

/// Publishes as one who comes through a proxy, with `lines` beside that.
fn post(server: &Server, path: &str, lines: &str) -> (u16, String, String) {
    let head =
        "Host: push.example\r\nX-Forwarded-For: 198.51.100.7\r\nContent-Type: text/plain\r\n";
    let request = format!("POST {path} HTTP/1.1\r\n{head}{lines}Content-Length: 2\r\n\r\nhi");
    Raw::answer(server, request)
}

fn bearer(name: &str) -> String {
    format!("Authorization: Bearer 0123456789abcdef-{name}\r\n")
}

#[test]
fn a_token_writes_its_topics_and_no_others() {
    let server = setup("").start();
    let mut news = Client::connect(&server, "/push/news");
    let (status, head, body) = post(&server, "/push/news", "");
    assert_eq!(status, 401, "{body}");
    assert!(
        head.contains("www-authenticate: Bearer realm=\"push\""),
        "{head}"
    );
    for (path, lines, expected) in [
        ("/push/news", bearer("writer"), 200),
        ("/push/news", bearer("hashed"), 200),
        ("/push?topic=news&topic=weather", bearer("writer"), 200),
        ("/push?topic=news&topic=other", bearer("writer"), 403),
        ("/push", bearer("writer"), 403),
        ("/push/news", bearer("reader"), 403),
        ("/push/users%2Fann", bearer("prefix"), 200),
        ("/push/user", bearer("prefix"), 403),
        ("/push/news", bearer("unknown"), 401),
        (
            "/push/news",
            bearer("writer").replace("Bearer", "Basic"),
            401,
        ),
        (
            "/push/news?access_token=0123456789abcdef-writer",
            String::new(),
            200,
        ),
        (
            "/push/news?access_token=0123456789abcdef-write",
            String::new(),
            401,
        ),
    ] {
        let (status, _, body) = post(&server, path, &lines);
        assert_eq!(status, expected, "{path} {lines}: {body}");
    }
    for _ in 0..4 {
        assert_eq!(news.text(), "hi");
    }
    assert!(
        !server.log().contains("0123456789abcdef"),
        "{}",
        server.log()
    );
}

#[test]
fn who_may_write_by_a_token_speaks_on_a_websocket_too() {
    let server = setup("").start();
    let mut listener = Client::connect(&server, "/push/news");
    let writer = [
        ("X-Forwarded-For", "198.51.100.7"),
        ("Authorization", "Bearer 0123456789abcdef-writer"),
    ];
    let mut client = Client::connect_with(&server, "/push/news", &writer).expect("it is admitted");
    client.send("spoken");
    assert_eq!(listener.text(), "spoken");
}

#[test]
fn listening_may_need_a_token() {
    let server = setup("read = \"token\"\n").start();
    let proxied = ("X-Forwarded-For", "198.51.100.7");
    let listen = |path: &str, header: Option<(&str, &str)>| {
        let headers: Vec<_> = [proxied].into_iter().chain(header).collect();
        let refused = Client::connect_with(&server, path, &headers).err();
        refused.map_or(101, |refused| refused.status)
    };
    let prefix = Some(("Authorization", "Bearer 0123456789abcdef-prefix"));
    assert_eq!(listen("/push/news", None), 401);
    assert_eq!(listen("/push/news", prefix), 101);
    assert_eq!(listen("/push/other", prefix), 403);
    assert_eq!(listen("/push?topic=news&topic=other", prefix), 403);
    assert_eq!(
        listen("/push?access_token=0123456789abcdef-reader", None),
        101
    );
    // An insider needs none.
    Client::connect(&server, "/push/other");
}

#[test]
fn a_publisher_past_its_rate_is_answered_429_and_others_are_not() {
    let server = setup("publish_per_second = 1\n").start();
    let outcomes: Vec<_> = (0..20)
        .map(|_| post(&server, "/push/news", &bearer("writer")))
        .collect();
    let refused = outcomes.iter().find(|(status, ..)| *status == 429);
    let (_, head, body) = refused.expect("twenty requests take less than twenty seconds");
    assert!(head.contains("retry-after: 1"), "{head}");
    assert!(body.contains("more than 1 messages a second"), "{body}");
    assert_eq!(post(&server, "/push/news", &bearer("hashed")).0, 200);
}

#[test]
fn a_file_of_tokens_that_is_wrong_is_told_by_its_line() {
    for (text, why) in [
        (
            "0123456789abcdef",
            "line 1: it does not say what the token may",
        ),
        ("short write=*", "line 1: a token has 16 to 512"),
        ("\n0123456789abcdef speak=*", "line 2: `speak=*` is neither"),
        ("sha256:12 write=*", "64 hexadecimal digits"),
        ("0123456789abcdef write=a,", "1 to 255 bytes"),
        ("# nothing", "there is no token in it"),
    ] {
        let setup = setup("");
        write_tokens(&setup, text);
        let server = setup.arguments(&["--strict"]).run();
        server.assert_code(2);
        let told = format!("{}{}", server.stderr, server.stdout);
        assert!(
            told.contains("tokens_file") && told.contains(why),
            "{text}: {told}"
        );
        assert!(!told.contains("0123456789abcdef"), "{told}");
    }
    let setup = setup("");
    let file = setup.folder().join("tokens");
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let server = setup.arguments(&["--strict"]).run();
    server.assert_code(2);
    assert!(
        server.stderr.contains("others may read it"),
        "{}",
        server.stderr
    );
}

#[test]
fn a_changed_file_of_tokens_holds_without_a_reload_and_a_broken_one_does_not() {
    let server = setup("").start();
    let file = server.folder().join("tokens");
    fs::write(&file, "0123456789abcdef-second write=*\n").expect("it can be written");
    tests::wait_until("the new token holds", || {
        post(&server, "/push/news", &bearer("second")).0 == 200
    });
    assert_eq!(post(&server, "/push/news", &bearer("writer")).0, 401);
    fs::write(&file, "broken").expect("it can be written");
    tests::wait_until("it is looked at", || {
        assert_eq!(post(&server, "/push/news", &bearer("second")).0, 200);
        server.count_log(&["the tokens that were read before go on to hold"]) == 1
    });
}
