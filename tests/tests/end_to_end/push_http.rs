//! Publishing by a plain request, such as `curl -d hello http://127.0.0.1:25252/push`.

use tests::{Client, Raw, Server, Setup};

/// A request to publish `body`, as a program on this machine sends it.
fn post(path: &str, lines: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Length: {length}\r\n\r\n{body}"
    )
}

const TEXT: &str = "Content-Type: text/plain\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

#[track_caller]
fn publish(server: &Server, path: &str, body: &str) -> String {
    let (status, head, answer) = Raw::answer(server, post(path, TEXT, body));
    assert_eq!(status, 200, "{head}{answer}");
    tests::without_positions(&answer)
}

#[test]
fn what_curl_sends_is_text_to_all_who_listen() {
    let server = Server::start();
    let mut inside = Client::connect(&server, "/push");
    let proxied = [("X-Forwarded-For", "198.51.100.7")];
    let mut outside = Client::connect_with(&server, "/push", &proxied).expect("it is admitted");
    let (status, head, answer) = Raw::answer(&server, post("/push", FORM, "hello=you & me"));
    assert_eq!(status, 200, "{head}");
    assert!(head.contains("application/json"), "{head}");
    assert_eq!(
        tests::without_positions(&answer),
        "{\"topic\":\"/\",\"clients\":2}\n"
    );
    for client in [&mut inside, &mut outside] {
        assert_eq!(client.text(), "hello=you & me");
    }
}

#[test]
fn the_type_says_whether_it_is_text() {
    let server = Server::start();
    let mut listener = Client::connect(&server, "/push");
    for text in [
        "text/html; charset=utf-8",
        "Application/JSON",
        "application/geo+json",
        "application/x-www-form-urlencoded",
    ] {
        let lines = format!("Content-Type: {text}\r\n");
        let (status, ..) = Raw::answer(&server, post("/push", &lines, "body"));
        assert_eq!(status, 200, "{text}");
        assert_eq!(listener.text(), "body", "{text}");
    }
    for lines in [
        "",
        "Content-Type: application/octet-stream\r\n",
        "Content-Type: image/png\r\n",
        "Content-Type: textual/plain\r\n",
    ] {
        let put = post("/push", lines, "body").replace("POST ", "PUT ");
        let (status, ..) = Raw::answer(&server, put);
        assert_eq!(status, 200, "{lines}");
        assert_eq!(listener.binary(), b"body", "{lines}");
    }
    let mut broken = post("/push", TEXT, "1234").into_bytes();
    let end = broken.len();
    broken[end - 4..].copy_from_slice(b"\xff\xfe\x00\x01");
    let (status, _, body) = Raw::answer(&server, broken);
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("octet-stream"), "{body}");
}

#[test]
fn a_topic_is_heard_by_those_who_listen_to_it() {
    let server = Server::start();
    let mut news = Client::connect(&server, "/push/news");
    let mut both = Client::connect(&server, "/push?topic=news&topic=r%C3%A4tsel+1&topic=news");
    let mut home = Client::connect(&server, "/push");
    assert_eq!(
        publish(&server, "/push/news", "one"),
        "{\"topic\":\"news\",\"clients\":2}\n"
    );
    assert_eq!(
        publish(&server, "/push/r%C3%A4tsel%201", "two"),
        "{\"topic\":\"rätsel 1\",\"clients\":1}\n"
    );
    assert_eq!(
        publish(&server, "/push?topic=news&topic=nobody&topic=%2F", "three"),
        "{\"topics\":[{\"topic\":\"news\",\"clients\":2},{\"topic\":\"nobody\",\"clients\":0},\
         {\"topic\":\"/\",\"clients\":1}]}\n"
    );
    // An insider who listens to a topic speaks to it.
    Client::connect(&server, "/push/news").send("four");
    for expected in ["one", "three", "four"] {
        assert_eq!(news.text(), expected);
    }
    for expected in ["one", "two", "three", "four"] {
        assert_eq!(both.text(), expected);
    }
    assert_eq!(home.text(), "three");
    both.close(1000, "");
    let none = "{\"topic\":\"rätsel 1\",\"clients\":0}\n";
    tests::wait_until("it has gone", || {
        publish(&server, "/push/r%C3%A4tsel%201", "five") == none
    });
}

#[test]
fn a_topic_that_is_none_is_refused() {
    let server = Server::start();
    let long = format!("/push/{}", "x".repeat(256));
    let many: String = (0..65).map(|index| format!("topic={index}&")).collect();
    let many = format!("/push?{many}");
    for (path, why) in [
        ("/push/a%0Ab", "control"),
        ("/push?topic=", "1 to 255"),
        ("/push/%2Fa", "begin"),
        (long.as_str(), "1 to 255"),
        (many.as_str(), "64"),
    ] {
        let (status, _, body) = Raw::answer(&server, post(path, TEXT, "x"));
        assert_eq!(status, 400, "{path}: {body}");
        assert!(body.contains(why), "{path}: {body}");
        let refused = Client::connect_with(&server, path, &[]);
        assert_eq!(refused.expect_err("it is refused").status, 400, "{path}");
    }
    let (status, ..) = Raw::answer(&server, post("/push/a/b", TEXT, "x"));
    assert_eq!(status, 404);
}

#[test]
fn no_page_of_another_origin_publishes_by_form_fetch_or_without_saying_whose_it_is() {
    let server = Setup::new()
        .plugins(&["push"])
        .arguments(&["--allow-origin", "*"])
        .start();
    let mut listener = Client::connect(&server, "/push");
    for lines in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://localhost:1\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: http://localhost\r\nOrigin: https://evil.example\r\n",
    ] {
        for kind in [
            FORM,
            TEXT,
            "Content-Type: multipart/form-data; boundary=x\r\n",
        ] {
            let lines = format!("{lines}{kind}");
            let (status, _, body) = Raw::answer(&server, post("/push", &lines, "bad"));
            assert_eq!(status, 403, "{lines}: {body}");
        }
    }
    // By a WebSocket neither: that `*` lets it in makes it no insider.
    let evil = [("Origin", "https://evil.example")];
    let mut page = Client::connect_with(&server, "/push", &evil).expect("it may listen");
    page.send("bad");
    server.wait_for_log(&["is outside: what it says is ignored"]);
    for lines in ["Origin: http://localhost\r\n", "Sec-Fetch-Site: none\r\n"] {
        let (status, ..) = Raw::answer(&server, post("/push", &format!("{lines}{TEXT}"), "good"));
        assert_eq!(status, 200, "{lines}");
        assert_eq!(listener.text(), "good");
    }
}

#[test]
fn what_cannot_be_published_is_told_why() {
    let server = Setup::new()
        .plugins(&["push"])
        .configuration("[limits]\nbody = \"1 KiB\"\n")
        .start();
    let proxied = format!("X-Forwarded-For: 198.51.100.7\r\n{TEXT}");
    let (status, _, body) = Raw::answer(&server, post("/push", &proxied, "x"));
    assert_eq!((status, body.as_str()), (403, "only insiders write here\n"));
    server.wait_for_log(&["198.51.100.7 POST /push: 403 only insiders write here"]);
    let (status, _, body) = Raw::answer(&server, post("/push", TEXT, &"x".repeat(1025)));
    assert_eq!(status, 413);
    assert!(body.contains("1024 bytes"), "{body}");
    let delete = post("/push/a", TEXT, "x").replace("POST ", "DELETE ");
    let (status, head, _) = Raw::answer(&server, delete);
    assert_eq!(status, 405);
    assert!(
        head.to_lowercase()
            .contains("allow: get, head, post, put, options"),
        "{head}"
    );
    let (status, ..) = Raw::answer(&server, "GET /push HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(status, 426);
}

#[test]
fn one_connection_publishes_again_and_again() {
    let server = Server::start();
    let mut listener = Client::connect(&server, "/push/a");
    let mut script = Raw::connect(&server);
    for number in 0..100 {
        script.write(post("/push/a", TEXT, &number.to_string()));
        let (status, head, _) = script.response();
        assert_eq!(status, 200, "{head}");
        assert_eq!(listener.text(), number.to_string());
    }
}

#[test]
fn a_browser_gets_a_page_and_only_insiders_read_all_topics_in_it() {
    let server = Server::start();
    let _listener = Client::connect(&server, "/push?topic=%3C/script%3E");
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    let page = |lines: &str| {
        let get = format!("GET /push/news HTTP/1.1\r\nHost: localhost\r\n{browser}{lines}\r\n");
        let (status, head, body) = Raw::answer(&server, get);
        assert_eq!(status, 200, "{head}");
        assert!(
            head.to_lowercase()
                .contains("content-security-policy: default-src 'none'"),
            "{head}"
        );
        body
    };
    let inside = page("");
    assert!(inside.contains("\"may_publish\":true"), "{inside}");
    assert!(inside.contains("[[\"\\u003c/script>\",1]]"), "{inside}");
    let outside = page("X-Forwarded-For: 198.51.100.7\r\n");
    assert!(outside.contains("\"may_publish\":false"), "{outside}");
    assert!(outside.contains("\"listeners\":[]"), "{outside}");
}
