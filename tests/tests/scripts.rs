//! `scripts/dev` and `scripts/run`, with the real cargo and the real compilers.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tests::{Client, becomes_true, server_program};

/// Until something is built: on a busy machine a compiler takes its time.
const BUILT: Duration = Duration::from_secs(400);

fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in the workspace")
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.output().expect("it can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    output
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// `scripts/dev` at work on a new plugin; ended with the test.
struct Dev {
    script: Child,
    folder: TempDir,
}

impl Dev {
    #[track_caller]
    fn start(more: &[&str]) -> Dev {
        let folder = TempDir::new().expect("a temporary folder");
        let mut new = Command::new(root().join("scripts/new-plugin"));
        run(new
            .args(["my-gadget", "--at", path(folder.path())])
            .args(more));
        let said = File::create(folder.path().join("said")).expect("it can be written");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-plugin");
        let script = Command::new(root().join("scripts/dev"))
            .arg(folder.path().join("my-gadget"))
            .args(["--listen", "127.0.0.1:0", "--set", "my-gadget.greeting=hi"])
            .env("DETENT_SERVER", server_program())
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_NET_OFFLINE", "true")
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("another of it"))
            .stderr(said)
            .spawn()
            .expect("the script can be run");
        Dev { script, folder }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).expect("it is there")
    }

    #[track_caller]
    fn wait_for(&self, words: &str) {
        let is_said = becomes_true(BUILT, || self.said().contains(words));
        assert!(is_said, "{words} is not said:\n{}", self.said());
    }

    #[track_caller]
    fn connect(&self) -> Client {
        self.wait_for("listening on ");
        let said = self.said();
        // In the log, since that and what is printed end in one file.
        let behind = said.split("listening on ").nth(1).unwrap_or_default();
        let address = behind.lines().next().unwrap_or_default();
        let address: SocketAddr = address.parse().expect("an address");
        Client::connect_to(address, "/my-gadget?name=ann", &[]).expect("it is served")
    }

    #[track_caller]
    fn change(&self, file: &str, from: &str, to: &str) {
        let file = self.folder.path().join("my-gadget").join(file);
        let text = fs::read_to_string(&file).expect("it is there");
        assert!(text.contains(from), "{text}");
        fs::write(&file, text.replace(from, to)).expect("it can be written");
    }

    /// As Ctrl-C ends it; the server goes with it, in good order.
    #[track_caller]
    fn end(mut self, mut client: Client) {
        kill_process(Pid::from_child(&self.script), Signal::TERM).expect("it runs");
        assert_eq!(client.closed().0, 1001);
        let status = self.script.wait().expect("it can be waited for");
        assert_eq!(status.code(), Some(143), "{}", self.said());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It has ended, or the test has failed: then it is to end its server too, for which it needs to live.
        kill_process(Pid::from_child(&self.script), Signal::TERM).ok();
        self.script.wait().ok();
    }
}

#[track_caller]
fn assert_says(ann: &mut Client, dev: &Dev, start: &str) {
    let mut text = ann.text();
    if text == "hi ann" {
        // New code without a state opens its clients anew.
        text = ann.text();
    }
    assert!(text.starts_with(start), "{text}\n{}", dev.said());
}

/// A save, one that does not compile, and one that does again, all under one client.
#[track_caller]
fn assert_developed(dev: Dev, file: &str, error: &str) {
    let mut ann = dev.connect();
    assert_eq!(ann.text(), "hi ann");
    dev.change(file, "your message", "your message;");
    dev.wait_for("watch: libmy_gadget.so (written ");
    ann.send("one");
    assert_says(&mut ann, &dev, "your message; ");
    dev.change(file, "your message;", "your message\"");
    dev.wait_for("my-gadget does not build: the old code goes on");
    assert!(dev.said().contains(error), "{}", dev.said());
    ann.send("two");
    assert_says(&mut ann, &dev, "your message; ");
    dev.change(file, "your message\"", "message");
    let are_two = || dev.said().matches("code of route /my-gadget").count() == 4;
    // The server's own line and that of the watch, for each.
    assert!(becomes_true(BUILT, are_two), "{}", dev.said());
    ann.send("three");
    assert_says(&mut ann, &dev, "message ");
    dev.end(ann);
}

#[test]
fn dev_swaps_a_plugin_in_c_at_each_save() {
    assert_developed(Dev::start(&["--c"]), "my-gadget.c", "error: ");
}

#[test]
fn dev_swaps_a_plugin_in_rust_at_each_save() {
    assert_developed(Dev::start(&[]), "src/lib.rs", "error");
}

#[test]
fn dev_refuses_what_is_no_plugin() {
    let folder = TempDir::new().expect("a temporary folder");
    for (argument, why) in [
        (path(folder.path()), "neither a Cargo.toml nor a Makefile"),
        ("no-such-plugin", "scripts/new-plugin makes one"),
        ("--watch", "usage: scripts/dev NAME"),
    ] {
        let output = Command::new(root().join("scripts/dev"))
            .arg(argument)
            .output();
        let output = output.expect("the script can be run");
        assert_eq!(output.status.code(), Some(2), "{argument}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(why), "{argument}: {error}");
    }
}

/// A workspace with this one's script and profiles, whose `server` only says what it was started with.
struct Workspace(TempDir);

impl Workspace {
    fn new() -> Workspace {
        let folder = TempDir::new().expect("a temporary folder");
        let workspace = Workspace(folder);
        let real = fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
        let (_, profiles) = real.split_once("[profile.release]").expect("it has one");
        let members = r#"members = ["server", "plugins/one", "plugins/two", "plugins/no-library"]"#;
        let text = format!("[workspace]\nresolver = \"3\"\n{members}\n[profile.release]{profiles}");
        workspace.write("Cargo.toml", &text);
        let main =
            "fn main() { println!(\"{:?}\", std::env::args().skip(1).collect::<Vec<_>>()); }";
        workspace.write("server/src/main.rs", main);
        workspace.write("server/Cargo.toml", &package("server", ""));
        for name in ["one", "two"] {
            let folder = format!("plugins/{name}");
            let library = "[lib]\ncrate-type = [\"cdylib\"]\n";
            workspace.write(&format!("{folder}/Cargo.toml"), &package(name, library));
            let code = format!(
                "#[unsafe(no_mangle)] pub extern \"C\" fn detent_{name}() {{ println!(\"{name}\"); }}"
            );
            workspace.write(&format!("{folder}/src/lib.rs"), &code);
        }
        workspace.write("plugins/no-library/Cargo.toml", &package("no-library", ""));
        workspace.write("plugins/no-library/src/lib.rs", "");
        let foreign = package("foreign", "[lib]\ncrate-type = [\"cdylib\"]\n");
        workspace.write("plugins/foreign/Cargo.toml", &foreign);
        workspace.write("plugins/foreign/src/lib.rs", "this is no Rust");
        workspace.write("plugins/in-c/Makefile", "all:\n\tfalse\n");
        workspace.write("plugins/notes/todo.txt", "buy milk");
        run(Command::new("cargo")
            .args(["generate-lockfile", "--offline"])
            .current_dir(workspace.0.path()));
        let script = workspace.0.path().join("scripts/run");
        fs::create_dir_all(script.parent().expect("a folder")).expect("it can be made");
        fs::copy(root().join("scripts/run"), script).expect("it can be copied");
        workspace
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let file = self.0.path().join(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("it can be made");
        fs::write(&file, text).expect("it can be written");
        file
    }

    #[track_caller]
    fn run(&self) -> (String, String) {
        let output = run(Command::new(self.0.path().join("scripts/run"))
            .arg("--strict")
            .current_dir("/")
            .env_remove("CARGO_TARGET_DIR")
            .env("CARGO_NET_OFFLINE", "true"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }
}

fn package(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}")
}

#[test]
fn run_builds_what_is_a_plugin_and_says_why_the_rest_is_none() {
    let workspace = Workspace::new();
    let (started, said) = workspace.run();
    let plugins = workspace.0.path().join("plugins");
    let plugins = plugins.canonicalize().expect("it is there");
    assert_eq!(
        started,
        format!("[\"--plugins\", \"{}\", \"--strict\"]\n", plugins.display())
    );
    for line in [
        "run: plugins/foreign is not built here: it is no member of the workspace",
        "run: plugins/in-c is not built here: it has a Makefile: make -C plugins/in-c",
        "run: plugins/notes is not built here: it has no Cargo.toml",
        "run: plugins/no-library gave no library: its Cargo.toml needs crate-type",
        "run: building the server and the plugins in release",
        "run: put into plugins/: libone.so libtwo.so",
    ] {
        assert!(said.contains(line), "{line}:\n{said}");
    }
    for name in ["libone.so", "libtwo.so"] {
        let bytes = fs::read(plugins.join(name)).expect("it was put there");
        let has = |word: &[u8]| bytes.windows(word.len()).any(|found| found == word);
        assert!(has(b".dynsym"), "{name} is a library");
        assert!(!has(b".symtab"), "{name} is not stripped");
    }
    for name in ["foreign", "in-c", "notes"] {
        fs::remove_dir_all(plugins.join(name)).expect("it is there");
    }
    // What still has no library is still told; of what was built before, nothing is.
    let (_, said) = workspace.run();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(
        lines[0].contains("plugins/no-library gave no library"),
        "{said}"
    );
}
