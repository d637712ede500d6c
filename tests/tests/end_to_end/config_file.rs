//! The configuration file: it is obeyed, the command line wins, and `--check` tells all that is wrong.

use std::fs;
use std::path::{Path, PathBuf};

use tests::{Client, Finished, Setup, run_server};

/// Writes a file beside the plugins folder of a setup.
fn write(setup: &Setup, bytes: impl AsRef<[u8]>) -> PathBuf {
    let file = setup.folder().join("detent.toml");
    fs::write(&file, bytes).expect("the folder can be written");
    file
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

fn check(file: &Path) -> Finished {
    run_server(&["--config", text(file), "--check"])
}

#[test]
fn the_file_is_obeyed_and_its_paths_begin_at_its_folder() {
    let setup = Setup::new().plugins(&["echo"]);
    let file = write(
        &setup,
        "log.file = \"here.log\"\nstop_timeout = \"5s\"\n[client]\nmessage = \"10 B\"\n",
    );
    let mut server = setup.arguments(&["--config", text(&file)]).start();
    let mut client = Client::connect(&server, "/echo");
    client.send("0123456789");
    assert_eq!(client.text(), "0123456789");
    client.send("01234567890");
    assert_eq!(client.closed().0, 1009);
    server.stop();
    let log = fs::read_to_string(file.with_file_name("here.log")).expect("the log is there");
    assert!(log.contains("over the limit of 10"), "{log}");
}

#[test]
fn the_command_line_wins_over_the_file() {
    let setup = Setup::new().plugins(&["echo"]);
    // The harness names the address and the plugins on the command line.
    let file = write(
        &setup,
        "plugins = \"nowhere\"\nlisten = [\"192.0.2.1:1\"]\nclient.message = 1\n",
    );
    let arguments = ["--config", text(&file), "--max-message", "5"];
    let server = setup.arguments(&arguments).start();
    let mut client = Client::connect(&server, "/echo");
    client.send("12345");
    assert_eq!(client.text(), "12345");
}

#[test]
fn check_ends_with_0_and_one_line_where_all_is_well() {
    let setup = Setup::new().plugins(&["echo"]);
    let file = write(&setup, "plugins = \"plugins\"\n");
    let finished = check(&file);
    finished.assert_code(0);
    assert_eq!(finished.stdout, format!("{}: ok\n", file.display()));
    assert_eq!(finished.stderr, "");
}

#[test]
fn check_ends_with_2_and_every_problem_with_its_place() {
    let setup = Setup::new();
    let file = write(
        &setup,
        "lisen = 1\n[client]\nmesage = 1\nping_interval = 25\n",
    );
    let finished = run_server(&["--config", text(&file), "--check", "--max-backlog", "much"]);
    finished.assert_code(2);
    let name = file.display();
    let expected = format!(
        "{name}:1:1: unknown key `lisen`: did you mean `listen`?\n\
         {name}:3:1: unknown key `mesage`: did you mean `message`?\n\
         {name}:4:17: `ping_interval`: 25 is no time: write it with a unit, such as \"25s\"\n\
         --max-backlog: \"much\" is no size: write it with a unit, such as \"64 KiB\"\n\
         --plugins: the folder with the plugin libraries is missing: give --plugins DIR, or \
         plugins = \"DIR\" in the file of --config\n"
    );
    assert_eq!(finished.stderr, expected);
    assert_eq!(finished.stdout, "");
}

#[test]
fn a_file_with_problems_starts_nothing() {
    let setup = Setup::new().plugins(&["echo"]);
    let file = write(&setup, "stop_timeout = 5\n");
    let finished = setup.arguments(&["--config", text(&file)]).run();
    finished.assert_code(2);
    assert!(
        finished
            .stderr
            .contains(":1:16: `stop_timeout`: 5 is no time"),
        "{finished:?}"
    );
    assert_eq!(finished.stdout, "");
}

#[test]
fn check_looks_at_the_plugins_folder() {
    let setup = Setup::new();
    let file = write(&setup, "plugins = \"no-such-folder\"\n");
    let finished = check(&file);
    finished.assert_code(2);
    assert!(finished.stderr.contains("no-such-folder"), "{finished:?}");
}

#[test]
fn a_file_that_cannot_be_read_ends_with_2() {
    let setup = Setup::new();
    let missing = setup.folder().join("missing.toml");
    for file in [missing.as_path(), setup.folder()] {
        let finished = check(file);
        finished.assert_code(2);
        let expected = format!("{}: cannot be read: ", file.display());
        assert!(finished.stderr.starts_with(&expected), "{finished:?}");
    }
}

#[test]
fn a_file_that_is_no_utf_8_ends_with_2_and_the_place_of_the_first_such_byte() {
    let setup = Setup::new();
    let file = write(&setup, b"strict = true\n# Gr\xfc\xdfe\n");
    let finished = check(&file);
    finished.assert_code(2);
    let expected = format!("{}:2:5: is not UTF-8 from here on", file.display());
    assert!(finished.stderr.starts_with(&expected), "{finished:?}");
}

#[test]
fn a_file_that_is_too_large_ends_with_2() {
    let setup = Setup::new();
    let file = write(&setup, vec![b'\n'; (1 << 20) + 1]);
    let finished = check(&file);
    finished.assert_code(2);
    assert!(
        finished.stderr.contains("it has more than 1048576 bytes"),
        "{finished:?}"
    );
}

#[test]
fn the_example_of_the_project_is_valid() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/detent.toml");
    let setup = Setup::new().plugins(&["echo"]);
    let plugins = setup.plugins_folder();
    let arguments = [
        "--config",
        text(&example),
        "--check",
        "--plugins",
        text(&plugins),
    ];
    run_server(&arguments).assert_code(0);
}
