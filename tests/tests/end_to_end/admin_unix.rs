//! The admin listener on a unix socket: its file says who may come.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tests::{Admin, Client, Server, Setup, run_server};

fn start(more: &str) -> (Server, PathBuf) {
    let setup = Setup::new().plugins(&["echo"]);
    let socket = setup.folder().join("admin.sock");
    let text = format!("[admin]\nlisten = \"unix:admin.sock\"\n{more}");
    (setup.configuration(&text).start(), socket)
}

#[track_caller]
fn ask(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).expect("it listens");
    write!(stream, "{request}\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("it answers and closes");
    answer
}

#[test]
fn whoever_may_open_its_file_sees_and_steers_without_a_token() {
    let (server, socket) = start("mode = \"600\"\n");
    let mode = fs::metadata(&socket)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = Client::connect(&server, "/echo");
    // No page leads here, so that it may be asked for by any name.
    let answer = ask(&socket, "GET /clients HTTP/1.1\r\nHost: whatever");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("\"route\":\"/echo\""), "{answer}");
    // But through a proxy a page may come after all.
    let answer = ask(
        &socket,
        "POST /kick?client=1 HTTP/1.1\r\nHost: h\r\nOrigin: http://evil.example",
    );
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let answer = ask(
        &socket,
        "POST /kick?client=1 HTTP/1.1\r\nHost: h\r\nX-Detent-Admin: me",
    );
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(client.closed().0, 1008);
    // The kernel says which process it was.
    let who = format!("admin: unix:pid={},uid=", std::process::id());
    server.wait_for_log(&[&who, "who says to be me closes "]);
}

#[test]
fn a_reload_changes_who_may_open_its_file() {
    let (server, socket) = start("mode = \"600\"\n");
    let mode = || {
        let of = fs::metadata(&socket).expect("it is there");
        of.permissions().mode() & 0o777
    };
    let before = fs::metadata(&socket).expect("it is there");
    let text = |mode: &str| format!("[admin]\nlisten = \"unix:admin.sock\"\nmode = \"{mode}\"\n");
    let line = server.reload_with(&text("666"));
    assert!(line.contains("done: admin.mode"), "{line}");
    assert_eq!(mode(), 0o666);
    let answer = ask(&socket, "GET /healthz HTTP/1.1\r\nHost: h");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // Where the rest of a reload comes to nothing, so does this.
    server.reload_with(&(text("600") + "nonsense = 1\n"));
    assert_eq!(mode(), 0o666);
    let after = fs::metadata(&socket).expect("it is there");
    assert_eq!(
        std::os::unix::fs::MetadataExt::ino(&before),
        std::os::unix::fs::MetadataExt::ino(&after),
        "it is the same socket"
    );
}

#[test]
fn the_command_line_finds_it_by_the_settings() {
    let (server, socket) = start("");
    let folder = server.folder().display().to_string();
    let config = format!("{folder}/detent.toml");
    let finished = run_server(&["status", "--config", &config]);
    finished.assert_code(0);
    assert!(
        finished.stdout.contains("detent 0.1.0, ready"),
        "{}",
        finished.stdout
    );
    let admin = format!("unix:{}", socket.display());
    run_server(&["clients", "--admin", &admin]).assert_code(0);
    let finished = run_server(&["clients", "--admin", "unix:/nowhere/at.all"]);
    finished.assert_code(69);
    assert!(
        finished.stderr.contains("unix:/nowhere/at.all: "),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_reload_moves_it_and_takes_its_file_away() {
    let (server, socket) = start("");
    server.reload_with("[admin]\nlisten = \"unix:other.sock\"\n");
    let other = server.folder().join("other.sock");
    assert!(ask(&other, "GET /readyz HTTP/1.1\r\nHost: h").starts_with("HTTP/1.1 200 "));
    tests::wait_until("its file is gone", || !socket.exists());
    let line = server.reload_with("[admin]\nlisten = \"unix:other.sock\"\nmode = \"600\"\n");
    assert!(line.contains("done: admin.mode"), "{line}");
    let mut server = server;
    server.stop();
    assert!(!other.exists());
}

/// Of two that are to listen at one place the second does not start, and takes nothing away.
#[test]
fn two_servers_do_not_share_it() {
    let (server, socket) = start("");
    let second = Setup::new().plugins(&["echo"]);
    let text = format!("[admin]\nlisten = \"unix:{}\"\n", socket.display());
    let finished = second.configuration(&text).run();
    finished.assert_code(1);
    assert!(
        finished.stderr.contains("another server listens there"),
        "{}",
        finished.stderr
    );
    // Nor by a reload, which changes nothing then.
    let third = Setup::new().plugins(&["echo"]).configuration("").start();
    let line = third.reload_with(&text);
    assert!(line.contains("given up"), "{line}");
    third.wait_for_log(&["another server listens there"]);
    let mut client = Client::connect(&third, "/echo");
    client.send("here");
    assert_eq!(client.text(), "here");
    let answer = ask(&socket, "GET /healthz HTTP/1.1\r\nHost: h");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // By TCP it is the kernel that says so.
    let (other, admin) = Admin::start(&["echo"]);
    let text = format!("[admin]\nlisten = \"{}\"\n", admin.0);
    let finished = Setup::new().plugins(&["echo"]).configuration(&text).run();
    finished.assert_code(1);
    assert!(
        finished.stderr.contains(&admin.0.to_string()),
        "{}",
        finished.stderr
    );
    drop((server, other));
}

/// Who may write into its folder can put something else in its place: that is not given away, nor removed.
#[test]
fn what_was_put_in_its_place_is_left_alone() {
    let (mut server, socket) = start("mode = \"600\"\n");
    fs::remove_file(&socket).expect("the folder is ours");
    fs::write(&socket, "a letter").expect("the folder is ours");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let text = "[admin]\nlisten = \"unix:admin.sock\"\nmode = \"666\"\n";
    let line = server.reload_with(text);
    assert!(line.contains("given up"), "{line}");
    let mode = || {
        fs::metadata(&socket)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(), 0o600);
    // A link leads to what is another's, too.
    let letter = server.folder().join("letter");
    fs::rename(&socket, &letter).expect("the folder is ours");
    std::os::unix::fs::symlink(&letter, &socket).expect("the folder is ours");
    let line = server.reload_with(text);
    assert!(line.contains("given up"), "{line}");
    assert_eq!(mode(), 0o600);
    server.stop();
    assert_eq!(
        fs::read_to_string(&letter).expect("it is there"),
        "a letter"
    );
    assert!(fs::symlink_metadata(&socket).is_ok());
}
