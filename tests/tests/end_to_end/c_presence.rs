//! A plugin in C lets the server tell a topic who comes and who goes, in whatever way.

use std::fs;

use tests::{Client, Server, Setup, compile_c};

fn start() -> Server {
    let setup = Setup::new();
    compile_c("door", &setup.plugins_folder());
    setup.start()
}

#[track_caller]
fn comes(server: &Server, nick: &str, others: &mut [&mut Client]) -> Client {
    let client = Client::connect(server, &format!("/door?nick={nick}"));
    for other in others {
        assert_eq!(other.text(), format!("{nick} has come"));
    }
    client
}

#[test]
fn whoever_is_here_hears_of_each_who_comes_and_of_every_end() {
    let server = start();
    let mut ann = comes(&server, "ann", &mut []);
    comes(&server, "bob", &mut [&mut ann]).close(1000, "bye");
    assert_eq!(ann.text(), "bob has gone");
    comes(&server, "carl", &mut [&mut ann]).reset();
    assert_eq!(ann.text(), "carl has gone");
    drop(comes(&server, "dora", &mut [&mut ann]));
    assert_eq!(ann.text(), "dora has gone");
    let mut eve = comes(&server, "eve", &mut [&mut ann]);
    eve.send("who");
    assert_eq!(eve.text(), "here: ann eve");
}

#[test]
fn the_words_for_an_end_outlive_the_code() {
    let server = start();
    let mut ann = comes(&server, "ann", &mut []);
    let bob = comes(&server, "bob", &mut [&mut ann]);
    let mut code = fs::read(server.plugin_file("libdoor.so")).expect("it is there");
    code.push(0);
    server.put_plugin("libdoor.so", &code);
    let line = server.reload();
    assert!(line.contains("code of route /door"), "{line}");
    bob.reset();
    assert_eq!(ann.text(), "bob has gone");
    ann.send("who");
    assert_eq!(ann.text(), "here: ann");
}

#[test]
fn who_has_no_name_that_fits_is_told_of_to_nobody() {
    let server = start();
    let mut ann = comes(&server, "ann", &mut []);
    let long = "x".repeat(64);
    for path in ["/door", &format!("/door?nick={long}")] {
        assert_eq!(Client::connect(&server, path).closed().0, 1011);
    }
    ann.send("who");
    assert_eq!(ann.text(), "here: ann");
    server.wait_for_log(&["on_open failed: no nick that fits"]);
}
