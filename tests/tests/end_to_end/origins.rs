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
    ] {
        assert_eq!(status(&server, foreign), 403, "{foreign}");
        let expected = format!(" GET /echo: 403 origin {foreign} is not allowed");
        server.wait_for_log(&[&expected]);
    }
}

#[test]
fn the_refusal_says_which_settings_would_let_it_in() {
    let server = Server::start();
    let refused = Client::connect_with(&server, "/echo", &[("Origin", "https://a.example")]);
    let refused = refused.err().expect("it is refused");
    let remedy = "origin https://a.example is not allowed here: add it to client.origins or --allow-origin\n";
    assert_eq!(refused.body, remedy);
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
fn a_star_lets_any_in() {
    let setup = Setup::new().plugins(&["echo"]);
    let server = setup.arguments(&["--allow-origin", "*"]).start();
    for origin in ["https://a.example", "null"] {
        assert_eq!(status(&server, origin), 101, "{origin}");
    }
}
