//! Which pages may connect.

use tests::{Client, Server, Setup};

fn status(server: &Server, origin: &str) -> u16 {
    match Client::connect_with(server, "/echo", &[("Origin", origin)]) {
        Ok(mut client) => {
            client.send("admitted");
            assert_eq!(client.text(), "admitted");
            101
        }
        Err(refused) => refused.status,
    }
}

#[test]
fn by_default_only_pages_of_the_same_host_may() {
    let server = Server::start();
    let own = server.address();
    Client::connect(&server, "/echo");
    assert_eq!(status(&server, &format!("http://{own}")), 101);
    assert_eq!(status(&server, &format!("https://{own}")), 101);
    let port = own.port() ^ 1;
    for foreign in [
        "https://evil.example",
        "null",
        &format!("http://127.0.0.1:{port}"),
        &format!("http://{own}.evil.example"),
        "http://127.0.0.1",
        // Whatever stands behind it is not a page of this server.
        &format!("ftp://{own}"),
        &format!("chrome-extension://{own}"),
        "file://",
    ] {
        assert_eq!(status(&server, foreign), 403, "{foreign}");
        let expected = format!(" GET /echo: 403 origin {foreign} is not allowed");
        server.wait_for_log(&[&expected]);
    }
}

#[test]
fn the_refusal_says_which_option_would_let_it_in() {
    let server = Server::start();
    let refused = Client::connect_with(&server, "/echo", &[("Origin", "https://a.example")]);
    let refused = refused.expect_err("it is refused");
    assert!(
        refused
            .body
            .contains("add it to client.origins (--allow-origin) or to the origins of the route, as \"https://a.example\""),
        "{}",
        refused.body
    );
}

#[test]
fn those_on_the_list_may_too() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup
        .arguments(&["--allow-origin", "https://a.example"])
        .arguments(&["--allow-origin", "http://b.example:8080"])
        .start();
    assert_eq!(status(&server, "https://a.example"), 101);
    assert_eq!(status(&server, "http://b.example:8080"), 101);
    assert_eq!(
        status(&server, &format!("http://{}", server.address())),
        101
    );
    for foreign in ["http://a.example", "http://b.example", "https://c.example"] {
        assert_eq!(status(&server, foreign), 403, "{foreign}");
    }
}

#[test]
fn they_are_compared_as_browsers_send_them() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup
        .configuration(
            "client.origins = [\"https://*.example.org\", \"http://localhost:*\", \
             \"https://example.net:443\", \"https://bücher.example\", \"null\", \"file://\"]\n",
        )
        .start();
    for origin in [
        "https://a.example.org",
        "http://localhost",
        "http://localhost:5173",
        "https://example.net",
        "https://xn--bcher-kva.example",
        "null",
        "file://",
    ] {
        assert_eq!(status(&server, origin), 101, "{origin}");
    }
    for foreign in [
        "https://example.org",
        "https://a.b.example.org",
        "http://localhost.evil.example:5173",
        "https://example.net:8443",
    ] {
        assert_eq!(status(&server, foreign), 403, "{foreign}");
    }
}

/// `proxy_set_header Host $host` of nginx: the page then said "Away" for ever, and nobody why.
#[test]
fn a_proxy_that_loses_the_port_is_told_so() {
    let server = Server::start();
    let request = tests::handshake("/echo", &["Origin: https://example.org:8443"]);
    let (status, _, body) = tests::Raw::answer(&server, request);
    assert_eq!(status, 403);
    assert!(body.contains("proxy_set_header Host $http_host"), "{body}");
}

#[test]
fn a_star_lets_any_in() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup.arguments(&["--allow-origin", "*"]).start();
    for origin in ["https://a.example", "null"] {
        assert_eq!(status(&server, origin), 101, "{origin}");
    }
}
