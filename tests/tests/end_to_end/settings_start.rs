//! Settings in the file that only the start looks at: `plugins` and `strict`.

use tests::{Client, Setup};

#[test]
fn plugins_names_their_folder_and_begins_at_that_of_the_file() {
    let setup = Setup::new().plugins(&["echo"]).plugins_as_configured();
    let server = setup.configuration("plugins = \"plugins\"\n").start();
    let mut client = Client::connect(&server, "/echo");
    client.send("hello");
    assert_eq!(client.text(), "hello");
}

#[test]
fn strict_ends_the_start_where_a_plugin_cannot_be_used() {
    let setup = Setup::new().file("libbad.so", b"no library");
    let finished = setup.configuration("strict = true\n").run();
    finished.assert_code(2);
    assert!(finished.stderr.contains("--strict"), "{finished:?}");
    let setup = Setup::new().file("libbad.so", b"no library");
    let server = setup.configuration("strict = false\n").start();
    server.wait_for_log(&["ERROR", "libbad.so"]);
}
