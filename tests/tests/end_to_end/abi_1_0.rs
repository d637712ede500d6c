//! A plugin of ABI 1.0 loads and works for ever: compiled against the header as it was then, and as the
//! library that was built back then.

use std::fs;
use std::path::{Path, PathBuf};

use plugin_api::testing::Route;
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

/// What a client is told that comes behind one whose `on_open` has failed, on the server and in memory.
fn after_a_failed_open(header: &Path) -> (String, String) {
    let setup = Setup::new();
    let library = setup.plugins_folder().join("libghost.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c/ghost.c");
    compile_c_file_with_header(&source, header, &library);
    let route = Route::of_library(&library).start();
    route.connect("/ghost?fails");
    let in_memory = route.connect("/ghost");
    in_memory.send("who");
    let in_memory = in_memory.text();
    // An older plugin leaks the session of its ghost, which the kit tells.
    let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| route.stop()));
    assert_eq!(stopped.is_err(), in_memory == "2 here");
    let server = setup.start();
    let mut ghost = Client::connect(&server, "/ghost?fails");
    assert_eq!(ghost.closed(), (1011, "the plugin failed".to_owned()));
    let mut client = Client::connect(&server, "/ghost");
    client.send("who");
    (client.text(), in_memory)
}

#[test]
fn an_open_that_fails_is_followed_by_a_close_since_1_1_alone() {
    let both = |text: &str| (text.to_owned(), text.to_owned());
    assert_eq!(after_a_failed_open(&kept()), both("2 here"));
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/include");
    assert_eq!(after_a_failed_open(&header), both("1 here"));
}
