//! The wall in PHP, served by PHP's own web server: a form that is posted, and what its listeners get.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tests::{Events, Server};

use crate::{example, url};

/// The smallest PNG: one pixel.
pub(crate) const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

/// PHP's web server on a copy of the example.
pub(crate) struct Site {
    program: Child,
    folder: TempDir,
    pub(crate) address: SocketAddr,
}

impl Site {
    /// A free port and a site on it, before there is a server that it pushes to.
    pub(crate) fn port() -> SocketAddr {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        free.local_addr().expect("it is bound")
    }

    pub(crate) fn start(address: SocketAddr, server: &Server) -> Site {
        let folder = TempDir::new().expect("a temporary folder");
        for name in ["post.php", "index.html"] {
            let copied = fs::copy(example("php").join(name), folder.path().join(name));
            copied.expect("it can be copied");
        }
        let program = Command::new("php")
            .args(["-S", &address.to_string()])
            .current_dir(folder.path())
            .env("DETENT", url(server, ""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("php is installed");
        tests::wait_until("PHP serves the page", || {
            TcpStream::connect(address).is_ok()
        });
        Site {
            program,
            folder,
            address,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Posts the form; gives the answer.
    fn post(&self, text: &str, image: Option<&[u8]>) -> String {
        let field = |name: &str, more: &str, value: &[u8]| {
            let head =
                format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n");
            [head.as_bytes(), value, b"\r\n"].concat()
        };
        let mut body = field("text", "", text.as_bytes());
        if let Some(image) = image {
            body.extend(field("image", "; filename=\"../x.php\"", image));
        }
        body.extend(b"--edge--\r\n");
        let head = format!(
            "POST /post.php HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: multipart/form-data; \
             boundary=edge\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).expect("PHP listens");
        stream
            .write_all(&[head.into_bytes(), body].concat())
            .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        answer
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may have ended already.
        self.program.kill().ok();
        self.program.wait().ok();
    }
}

#[test]
fn what_is_posted_is_stored_and_pushed_with_its_url() {
    let server = Server::start();
    let site = Site::start(Site::port(), &server);
    let mut events = Events::open(&server, "/push/wall", &[]);
    let answer = site.post("with a \"picture\" <b>", Some(PNG));
    assert!(
        tests::without_positions(&answer).ends_with("{\"topic\":\"wall\",\"clients\":1}\n"),
        "{answer}"
    );
    let posted: serde_json::Value = serde_json::from_str(&events.text()).expect("JSON");
    assert_eq!(posted["text"], "with a \"picture\" <b>");
    let image = posted["image"].as_str().expect("an image");
    assert!(
        image.starts_with("uploads/") && image.ends_with(".png"),
        "{image}"
    );
    let stored = fs::read(site.folder().join(image)).expect("it is stored under its URL");
    assert_eq!(stored, PNG);
    // Who posts is told apart, and the session itself is told to nobody.
    let who = posted["who"].as_str().expect("who posts");
    let cookie = answer.split("PHPSESSID=").nth(1).expect("a session");
    assert!(
        who.len() == 8 && !cookie.starts_with(who),
        "{who}: {cookie}"
    );

    let answer = site.post("only words", None);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let posted: serde_json::Value = serde_json::from_str(&events.text()).expect("JSON");
    assert_eq!(
        (&posted["text"], posted.get("image")),
        (&"only words".into(), None)
    );

    let answer = site.post("a program", Some(b"<?php echo 'run me';"));
    assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");
}

#[test]
fn it_fits_on_a_screen() {
    let text = fs::read_to_string(example("php/post.php")).expect("it is there");
    assert!(text.lines().count() < 20, "{}", text.lines().count());
}
