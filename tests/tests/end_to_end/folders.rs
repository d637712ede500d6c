//! The folders that a plugin asks for: where relative paths begin, and where it keeps things.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tests::{Client, Setup};

const ROUTES: &str = "\
[[route]]
path = \"/keeper\"
plugin = \"keeper\"
options.greeting_file = \"words/hello\"
[[route]]
path = \"/other\"
plugin = \"keeper\"
options.greeting_file = \"words/hello\"
";

/// A server beside whose configuration stands a greeting.
fn setup(configuration: &str) -> Setup {
    let setup = Setup::new().plugins(&["keeper"]);
    let words = setup.folder().join("words");
    fs::create_dir(&words).expect("a new folder");
    fs::write(words.join("hello"), "good day").expect("the folder can be written");
    setup.configuration(&format!("{configuration}{ROUTES}"))
}

#[test]
fn a_relative_path_in_an_option_begins_at_the_configurations_folder() {
    let server = setup("").start();
    let mut client = Client::connect(&server, "/keeper");
    client.send("greet");
    assert_eq!(client.text(), "good day");
}

#[test]
fn without_a_configuration_it_begins_where_the_server_was_started() {
    let setup = Setup::new().plugins(&["keeper"]);
    let folder = setup.folder().to_owned();
    fs::write(folder.join("hello"), "good evening").expect("the folder can be written");
    let server = setup
        .after_shell(&format!("cd {}", folder.display()))
        .arguments(&["--set", "keeper.greeting_file=hello"])
        .start();
    let mut client = Client::connect(&server, "/keeper");
    client.send("greet");
    assert_eq!(client.text(), "good evening");
}

#[test]
fn what_a_plugin_keeps_is_its_own_and_outlives_the_server() {
    let mut server = setup("state_dir = \"state\"\n").start();
    let folder = server.folder().join("state/keeper");
    assert!(!folder.exists(), "it is made for who asks");
    let mut client = Client::connect(&server, "/keeper");
    client.send("note remember me");
    assert_eq!(client.text(), folder.join("notes").display().to_string());
    let mode = fs::metadata(&folder)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    server.stop();
    server.start_again();
    // All routes of a plugin share it.
    let mut client = Client::connect(&server, "/other");
    client.send("recall");
    assert_eq!(client.text(), "remember me");
}

#[test]
fn systemds_folder_is_taken_where_none_is_configured() {
    let given = tempfile::TempDir::new().expect("a temporary folder");
    let given_path = given.path().display();
    let line = format!("export STATE_DIRECTORY={given_path}:/second");
    let server = setup("").after_shell(&line).start();
    let mut client = Client::connect(&server, "/keeper");
    client.send("note here");
    assert_eq!(client.text(), format!("{given_path}/keeper/notes"));
}

#[test]
fn without_one_the_plugin_is_told_what_to_do() {
    let server = setup("").after_shell("unset STATE_DIRECTORY").start();
    let mut client = Client::connect(&server, "/keeper");
    client.send("note here");
    let told = "the server has no `state_dir`: set it, or give the service a StateDirectory";
    assert_eq!(client.text(), told);
}

#[test]
fn one_that_cannot_be_made_is_told_with_its_name() {
    let server = setup("state_dir = \"words/hello\"\n").start();
    let mut client = Client::connect(&server, "/keeper");
    client.send("note here");
    let folder = server.folder().join("words/hello/keeper");
    let told = format!("{}: Not a directory (os error 20)", folder.display());
    assert_eq!(client.text(), told);
}
