//! A plugin of ABI 1.0 loads and works for ever: compiled against the header as it was then, and as the
//! library that was built back then.

use std::fs;
use std::path::{Path, PathBuf};

use tests::{Client, Raw, Server, Setup, compile_c_file_with_header};

/// What is kept of ABI 1.0.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("abi/1.0")
}

/// Makes every callback of the plugin run, and every kind of call to the host; gives the client that
/// is left.
fn assert_works(server: &Server) -> Client {
    let mut first = Client::connect(server, "/veteran");
    assert_eq!(first.header("X-Veteran"), Some("1.0"));
    first.send("count");
    assert_eq!(first.text(), "new: 1 members, 1 clients, 1 messages");
    let mut second = Client::connect(server, "/veteran");
    second.send("hello all");
    assert_eq!(
        (first.text(), second.text()),
        ("hello all".to_owned(), "hello all".to_owned())
    );
    second.send("fail");
    assert_eq!(second.text(), "told to fail");
    second.send("timer");
    assert_eq!(
        (first.text(), second.text()),
        ("it is time".to_owned(), "it is time".to_owned())
    );
    second.send("close");
    assert_eq!(second.closed(), (4000, "as you wish".to_owned()));
    assert_eq!(first.text(), "one was closed");
    let refused = Client::connect_with(server, "/veteran?no", &[]).expect_err("it refuses");
    assert_eq!(refused.status, 403);
    let (status, _, body) = Raw::answer(server, "GET /veteran HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((status, body.as_str()), (200, "GET"));
    first
}

#[test]
fn one_that_is_compiled_against_its_header() {
    let setup = Setup::new();
    let library = setup.plugins_folder().join("libveteran.so");
    compile_c_file_with_header(&kept().join("veteran.c"), &kept(), &library);
    let server = setup.start();
    let mut client = assert_works(&server);
    // Its successor, built the same, is told what it saved.
    client.send("count");
    assert_eq!(client.text(), "new: 1 members, 1 clients, 6 messages");
    let mut bytes = fs::read(&library).expect("it is there");
    bytes.push(0);
    server.put_plugin("libveteran.so", &bytes);
    let line = server.reload();
    assert!(line.ends_with("code of route /veteran"), "{line}");
    client.send("count");
    assert_eq!(client.text(), "res: 1 members, 1 clients, 7 messages");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_library_of_back_then() {
    let bytes = fs::read(kept().join("libveteran-x86_64.so")).expect("it is kept");
    let server = Setup::new().file("libveteran.so", &bytes).start();
    assert_works(&server);
}
