//! The room in PHP of the plugin `forward`, served by PHP's own web server.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tests::{Client, Server, Setup};

/// PHP's web server on the example.
struct Site {
    program: Child,
    address: SocketAddr,
}

impl Site {
    fn start() -> Site {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/forward/example");
        let program = Command::new("php")
            .args(["-S", &address.to_string()])
            .current_dir(folder)
            .env("ROOM_SECRET", "hush")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("php is installed");
        tests::wait_until("PHP serves the page", || {
            TcpStream::connect(address).is_ok()
        });
        Site { program, address }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may have ended already.
        self.program.kill().ok();
        self.program.wait().ok();
    }
}

fn start(site: &Site, secret: &str) -> Server {
    let address = site.address;
    let settings = format!(
        "[[route]]\npath = \"/room\"\nplugin = \"forward\"\n[route.options]\n\
         url = \"http://{address}/room.php\"\nevents = [\"admit\", \"open\", \"message\", \"close\"]\n\
         headers = {{ \"X-Secret\" = \"{secret}\" }}\n"
    );
    Setup::new()
        .plugins(&["forward"])
        .configuration(&settings)
        .start()
}

#[track_caller]
fn enter(server: &Server, name: &str) -> Client {
    let cookie = format!("name={name}");
    let client = Client::connect_with(server, "/room", &[("Cookie", &cookie)]);
    client.expect("PHP lets it in")
}

#[test]
fn a_room_whose_rules_stand_in_php() {
    let site = Site::start();
    let server = start(&site, "hush");
    let refused = Client::connect_with(&server, "/room", &[]).expect_err("it has no name");
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (401, "log in first\n")
    );
    let mut ann = enter(&server, "ann");
    assert_eq!(ann.text(), "welcome, ann");
    let mut bob = enter(&server, "bob");
    assert_eq!(
        (bob.text(), ann.text()),
        ("welcome, bob".into(), "bob is here".into())
    );
    bob.send("hello <all>");
    assert_eq!(ann.text(), "bob: hello <all>");
    assert_eq!(bob.text(), "bob: hello <all>");
    bob.send("bye");
    assert_eq!(bob.closed(), (1000, "after 2 messages".to_owned()));
    assert_eq!(ann.text(), "bob has left");
}

#[test]
fn a_page_that_does_not_know_who_asks_lets_nobody_in() {
    let site = Site::start();
    let server = start(&site, "wrong");
    let refused = Client::connect_with(&server, "/room", &[("Cookie", "name=ann")]);
    assert_eq!(refused.expect_err("PHP refuses").status, 403);
}

#[test]
fn without_php_nobody_is_let_in_and_the_log_says_why() {
    let site = Site::start();
    let server = start(&site, "hush");
    let mut ann = enter(&server, "ann");
    assert_eq!(ann.text(), "welcome, ann");
    drop(site);
    ann.send("anybody there?");
    assert_eq!(ann.closed().0, 1011);
    let refused = Client::connect_with(&server, "/room", &[("Cookie", "name=ann")]);
    assert_eq!(refused.expect_err("nobody answers").status, 502);
    server.wait_for_log(&["WARN", "/room: the page does not answer"]);
}
