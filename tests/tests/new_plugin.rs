//! `scripts/new-plugin`: what it makes is tested, built and served by the commands that it prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tests::{Client, Setup, server_program};

fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in the workspace")
}

/// Runs the script of that workspace; its output where it succeeds.
#[track_caller]
fn new_plugin(root: &Path, arguments: &[&str]) -> String {
    let output = run_script(root, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn run_script(root: &Path, arguments: &[&str]) -> Output {
    let script = root.join("scripts/new-plugin");
    let output = Command::new(script).args(arguments).output();
    output.expect("the script can be run")
}

/// `cargo test` with these arguments passes, offline, and runs that many tests. What it builds stays for the next run.
#[track_caller]
fn assert_tested(folder: &Path, arguments: &[&str], count: usize) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-plugin");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(folder)
        .args(["test", "--offline"])
        .args(arguments)
        .env("CARGO_TARGET_DIR", target)
        .env("DETENT_SERVER", server_program())
        .output()
        .expect("cargo can be run");
    let (text, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{text}{error}");
    let result = format!("test result: ok. {count} passed; 0 failed; 0 ignored;");
    assert!(text.contains(&result), "{text}{error}");
    assert!(!error.contains("warning"), "{error}");
}

/// Copies what belongs to the workspace: no built libraries, nothing that is hidden.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be written");
    for entry in fs::read_dir(from).expect("the folder can be read") {
        let (entry, name) = entry
            .map(|entry| (entry.path(), entry.file_name()))
            .expect("an entry");
        let is_left_out = name.to_string_lossy().starts_with('.')
            || name == "target"
            || entry.extension().is_some_and(|extension| extension == "so");
        if entry.is_dir() && !is_left_out {
            copy_folder(&entry, &to.join(name));
        } else if entry.is_file() && !is_left_out {
            fs::copy(&entry, to.join(name)).expect("the file can be copied");
        }
    }
}

/// A further test, for which the kit has the library built and the server found.
const IN_THE_REAL_SERVER: &str = r#"
#[test]
fn the_real_server_serves_it() {
    use std::io::{Read, Write};
    let server = plugin_api::testing::Server::start();
    let mut socket = std::net::TcpStream::connect(server.address()).unwrap();
    let request = b"GET /my-gadget HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    socket.write_all(request).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}
"#;

#[test]
fn outside_of_the_workspace_its_tests_pass() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder
        .path()
        .to_str()
        .expect("temporary folders have plain names");
    let printed = new_plugin(root(), &["my-gadget", "--at", at]);
    let made = folder.path().join("my-gadget");
    let commands: Vec<&str> = printed.lines().skip(1).collect();
    assert_eq!(commands.len(), 3, "{printed}");
    assert_eq!(
        commands[0].trim(),
        format!("cd {at}/my-gadget && cargo test")
    );
    let tests = made.join("src/tests.rs");
    let real = fs::read_to_string(&tests).expect("it is made") + IN_THE_REAL_SERVER;
    fs::write(&tests, real).expect("it can be written");
    assert_tested(&made, &[], 3);
    let again = run_script(root(), &["my-gadget", "--at", at]);
    assert_eq!(again.status.code(), Some(2));
    let why = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(why, format!("new-plugin: {at}/my-gadget exists already\n"));
}

#[test]
fn inside_of_the_workspace_its_tests_pass_and_it_is_what_the_readme_shows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let workspace = folder.path().join("detent");
    copy_folder(root(), &workspace);
    let printed = new_plugin(&workspace, &["hello"]);
    assert!(
        printed.contains("\n  cargo test --package hello\n  scripts/run\n"),
        "{printed}"
    );
    assert_tested(&workspace, &["--package", "hello"], 2);
    let made = fs::read_to_string(workspace.join("plugins/hello/src/lib.rs")).expect("it is made");
    let (_, shown) = made.split_once('\n').expect("a first line");
    let (shown, _) = shown.split_once("\n#[cfg(test)]").expect("its tests");
    let readme = fs::read_to_string(root().join("README.md")).expect("there is one");
    assert!(
        readme.contains(shown),
        "the README shows another plugin than this:\n{shown}"
    );
    let taken = run_script(&workspace, &["log"]);
    let why = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(why.contains("is already called log"), "{why}");
}

#[test]
fn in_c_it_is_built_and_served() {
    let setup = Setup::new();
    let folder = setup.folder().join("made");
    let at = folder.to_str().expect("temporary folders have plain names");
    new_plugin(root(), &["my-gadget", "--c", "--at", at]);
    let made: PathBuf = folder.join("my-gadget");
    let server = format!("SERVER={}", server_program().display());
    let output = Command::new("make")
        .arg("-C")
        .arg(&made)
        .args([&server, "CFLAGS=-Werror", "check"])
        .output();
    let output = output.expect("make can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let output = Command::new("make")
        .arg("-C")
        .arg(&made)
        .arg("test")
        .env("CARGO_NET_OFFLINE", "true")
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-plugin"),
        )
        .output();
    let output = output.expect("make can be run");
    let (text, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{text}{error}");
    assert!(text.contains("my-gadget.test: ok, 17 commands"), "{text}");
    let library = made.join("libmy_gadget.so");
    fs::copy(library, setup.plugins_folder().join("libmy_gadget.so")).expect("it is built");
    let server = setup.arguments(&["--set", "my-gadget.greeting=hi"]).start();
    let mut ann = Client::connect(&server, "/my-gadget?name=ann");
    assert_eq!(ann.text(), "hi ann");
    ann.send("one");
    ann.send("two");
    assert_eq!(
        (ann.text(), ann.text()),
        ("your message 1".into(), "your message 2".into())
    );
}

#[test]
fn what_is_no_name_is_refused() {
    for (arguments, why) in [
        (&["Hello"][..], "'Hello' is no name for a plugin"),
        (&["a/b"], "'a/b' is no name for a plugin"),
        (&["struct"], "no package can be called struct"),
        (&[], "usage: scripts/new-plugin NAME"),
        (&["a", "b"], "usage: scripts/new-plugin NAME"),
        (&["a", "--d"], "usage: scripts/new-plugin NAME"),
    ] {
        let output = run_script(root(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(why), "{arguments:?}: {error}");
    }
}
