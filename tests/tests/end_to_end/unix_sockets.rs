//! Unix sockets that are listened on: whose files they are, who may connect, and who it is.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use tests::unix::{self, Running, connect, connect_as};
use tests::{Client, Finished, Server, Setup, wait_until};

/// Relative paths of the file begin at its folder, which is the setup's.
const LISTENER: &str = "[[listener]]\naddress = \"unix:detent.sock\"\n";

fn setup(more: &str) -> Setup {
    let setup = Setup::new().plugins(&["probe", "echo"]);
    setup.configuration(&format!("{LISTENER}{more}\n"))
}

fn path(folder: &Path) -> PathBuf {
    folder.join("detent.sock")
}

/// Starts a server and waits until it listens on its socket.
#[track_caller]
fn start(more: &str) -> (Server, PathBuf) {
    started(setup(more).start())
}

#[track_caller]
fn started(server: Server) -> (Server, PathBuf) {
    let path = path(server.folder());
    let line = format!("listening on unix:{}", path.display());
    wait_until("it listens on the socket", || {
        server.printed().iter().any(|one| one.starts_with(&line))
    });
    (server, path)
}

#[track_caller]
fn assert_echoes(path: &Path) {
    let mut client = connect(path, "/echo", &[]).expect("it is admitted");
    client.send("here");
    assert_eq!(client.text(), "here");
}

/// The start ends with this sentence behind the address, and without a word of what it is about to do.
#[track_caller]
fn assert_refused(finished: &Finished, path: &Path, why: &str) {
    finished.assert_code(1);
    let expected = format!("cannot listen on unix:{}: {why}", path.display());
    assert!(finished.stderr.contains(&expected), "{}", finished.stderr);
}

#[test]
fn who_comes_by_a_unix_socket_is_served_and_its_file_goes_with_the_server() {
    let (mut server, path) = start("");
    assert_echoes(&path);
    let metadata = fs::metadata(&path).expect("it is there");
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.mode() & 0o777, 0o660);
    server.stop();
    assert!(!path.exists());
    server.start_again();
    let (_server, path) = started(server);
    assert_echoes(&path);
}

#[test]
fn the_command_line_may_name_one_and_it_may_be_the_only_one() {
    let setup = Setup::new().plugins(&["echo"]).listens_as_configured();
    let path = setup.folder().join("only.sock");
    let listen = format!("unix:{}", path.display());
    let running = Running::start(setup.arguments(&["--listen", &listen]));
    running.wait_for_output(&format!("listening on {listen}"));
    assert_echoes(&path);
    running.stop().assert_code(0);
    assert!(!path.exists());
}

/// More than a socket takes at once, so that the drain thread sends it.
#[test]
fn what_a_full_socket_does_not_take_arrives_later() {
    let (_server, path) = start("[client]\nbacklog = \"16 MiB\"");
    let mut client = connect(&path, "/echo", &[]).expect("it is admitted");
    let text = |number: usize| format!("{number} ").repeat(10_000);
    for number in 0..100 {
        client.send(&text(number));
    }
    for number in 0..100 {
        assert!(client.text() == text(number), "message {number}");
    }
}

#[test]
fn a_plugin_and_the_log_are_told_which_process_it_is() {
    let (server, path) = start("");
    let mut client = connect(&path, "/probe", &[]).expect("it is admitted");
    let who = unix::ourselves();
    let told = unix::request_of_probe(&mut client);
    let expected = format!(" peer={who} address={who} inside=false ");
    assert!(told.contains(&expected), "{told}\n{expected}");
    unix::answer(&path, "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
    server.wait_for_log(&[&format!(": {who} GET /echo: 426 ")]);
    // Before there is a request too.
    unix::answer(&path, "nonsense\r\n\r\n");
    server.wait_for_log(&[&format!(": {who} - -: 400 ")]);
}

#[test]
fn a_proxy_is_believed_as_the_settings_say() {
    let who = unix::ourselves();
    for (trusted, expected) in [
        ("", "203.0.113.7"),
        ("proxy.trusted = [\"127.0.0.1\"]", who.as_str()),
    ] {
        let setup = Setup::new().plugins(&["probe"]);
        let (_server, path) = started(
            setup
                .configuration(&format!("{trusted}\n{LISTENER}"))
                .start(),
        );
        let client = connect(&path, "/probe", &[("X-Forwarded-For", "203.0.113.7")]);
        let told = unix::request_of_probe(&mut client.expect("it is admitted"));
        assert!(
            told.contains(&format!(" address={expected} inside=false ")),
            "{told}"
        );
    }
}

/// As nginx does where nobody tells it otherwise: it asks for localhost, and adds nothing.
#[test]
fn who_comes_by_it_is_inside_only_by_a_word_of_the_settings() {
    let (server, path) = start("");
    let is_inside = |host: &str| {
        let client = connect_as(host, &path, "/probe", &[]);
        let told = unix::request_of_probe(&mut client.expect("it is admitted"));
        told.contains(" inside=true ")
    };
    assert!(!is_inside("localhost"));
    server.reload_with(&format!("{LISTENER}inside = true\n"));
    assert!(is_inside("localhost"));
    assert!(!is_inside("example.org"));
}

#[test]
fn a_client_counts_for_the_address_that_a_proxy_tells() {
    let setup = Setup::new().plugins(&["echo"]);
    let text = format!("limits.connections_per_address = 2\n{LISTENER}");
    let (_server, path) = started(setup.configuration(&text).start());
    let open = |lines: &[(&str, &str)]| connect(&path, "/echo", lines);
    let of_one = [("X-Forwarded-For", "203.0.113.7")];
    let _held = [open(&of_one), open(&of_one)].map(|client| client.expect("it is admitted"));
    assert_eq!(open(&of_one).expect_err("it is the third").status, 429);
    open(&[("X-Forwarded-For", "203.0.113.8")]).expect("another one");
    // Those that cannot be told from each other have one limit; of whom nothing is said, none.
    let unreadable = [("X-Forwarded-For", "nobody")];
    let _unknown = [open(&unreadable), open(&unreadable)].map(|one| one.expect("it is admitted"));
    assert_eq!(open(&unreadable).expect_err("it is the third").status, 429);
    let _own: Vec<_> = (0..5).map(|_| open(&[]).expect("this machine")).collect();
}

#[test]
fn the_proxy_protocol_is_spoken_by_it_too() {
    let (server, path) = start("proxy_protocol = true");
    let mut stream = unix::stream(&path);
    let line = "PROXY TCP4 203.0.113.7 127.0.0.1 56324 443\r\n";
    stream.write_all(line.as_bytes()).expect("it stands");
    let client = Client::over(stream, "ws://localhost/probe", &[]);
    let told = unix::request_of_probe(&mut client.expect("it is admitted"));
    let who = unix::ourselves();
    assert!(
        told.contains(&format!(" peer={who} address=203.0.113.7 ")),
        "{told}"
    );
    server.reload_with(&format!(
        "proxy.trusted = []\n{LISTENER}proxy_protocol = true\n"
    ));
    let answer = unix::answer(&path, line);
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[test]
fn a_socket_on_which_nobody_listens_any_more_is_replaced() {
    let setup = setup("");
    drop(UnixListener::bind(path(setup.folder())).expect("a new socket"));
    let (mut server, path) = started(setup.start());
    assert_echoes(&path);
    // As a server leaves it that had no time for its end.
    let inode = fs::metadata(&path).expect("it is there").ino();
    server.signal(Signal::KILL);
    server.wait();
    assert_eq!(fs::metadata(&path).expect("it is left behind").ino(), inode);
    server.start_again();
    let (_server, path) = started(server);
    assert_echoes(&path);
}

#[test]
fn a_socket_of_another_server_is_not_taken() {
    let (mut server, path) = start("");
    let listen = format!("unix:{}", path.display());
    let second = || {
        let second = Setup::new().arguments(&["--listen", &listen]);
        second.listens_as_configured().run()
    };
    assert_refused(&second(), &path, "another server listens there");
    assert_echoes(&path);
    server.stop();
    // One that takes nobody at the moment, and one of another kind.
    let full = UnixListener::bind(&path).expect("it was removed");
    rustix::net::listen(&full, 0).expect("it is bound");
    let _waiting = UnixStream::connect(&path).expect("one has room");
    assert_refused(&second(), &path, "another server listens there");
    drop(full);
    fs::remove_file(&path).expect("it is ours");
    let _datagrams = UnixDatagram::bind(&path).expect("it was removed");
    assert_refused(&second(), &path, "another server listens there");
    assert!(path.exists());
}

/// Two that see the same dead socket: the one who comes second must not take the new one for it.
#[test]
fn of_servers_that_start_at_once_one_gets_the_socket() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let path = path(folder.path());
    let listen = format!("unix:{}", path.display());
    drop(UnixListener::bind(&path).expect("a new socket"));
    let start = || {
        let setup = Setup::new().plugins(&["echo"]).listens_as_configured();
        Running::start(setup.arguments(&["--listen", &listen]))
    };
    let mut servers: Vec<_> = (0..4).map(|_| start()).collect();
    wait_until("all but one have ended", || {
        let ended = servers.iter_mut().map(Running::has_ended);
        ended.filter(|&has_ended| has_ended).count() == 3
    });
    for mut server in servers {
        if server.has_ended() {
            assert_refused(&server.finish(), &path, "another server listens there");
        } else {
            server.wait_for_output(&format!("listening on {listen}"));
            assert_echoes(&path);
            server.stop().assert_code(0);
        }
    }
    assert!(!path.exists());
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let path = path(folder.path());
    let assert_is_left_alone = || {
        let listen = format!("unix:{}", path.display());
        let setup = Setup::new().arguments(&["--listen", &listen]);
        let finished = setup.listens_as_configured().run();
        let why = "a file is there that is no socket, and is left alone: ";
        assert_refused(&finished, &path, why);
    };
    fs::write(&path, "dear").expect("the folder can be written");
    assert_is_left_alone();
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "dear");
    fs::remove_file(&path).expect("it is ours");

    fs::create_dir(&path).expect("the name is free");
    assert_is_left_alone();
    fs::remove_dir(&path).expect("it is there");

    let dead = path.with_extension("dead");
    drop(UnixListener::bind(&dead).expect("the name is free"));
    symlink(&dead, &path).expect("the name is free");
    assert_is_left_alone();
    assert!(dead.exists() && path.is_symlink());
}

#[test]
fn a_folder_that_is_not_there_is_told_at_the_start_and_by_the_check() {
    let setup = || {
        let setup = Setup::new().configuration("listen = [\"unix:nowhere/detent.sock\"]\n");
        let path = setup.folder().join("nowhere/detent.sock");
        (setup.listens_as_configured(), path)
    };
    let why = "its folder: No such file or directory (os error 2): make the folder, ";
    let (start, path) = setup();
    assert_refused(&start.run(), &path, why);
    let (check, path) = setup();
    let checked = check.arguments(&["--check"]).run();
    checked.assert_code(2);
    let expected = format!("cannot listen on unix:{}: {why}", path.display());
    assert!(checked.stderr.starts_with(&expected), "{}", checked.stderr);
}

#[test]
fn the_check_does_not_disturb_a_server_that_listens_there() {
    let (server, path) = start("");
    let listen = format!("unix:{}", path.display());
    let check = Setup::new().plugins(&["echo"]);
    let check = check.arguments(&["--check", "--listen", &listen]);
    check.listens_as_configured().run().assert_code(0);
    assert_echoes(&path);
    drop(server);
}

#[test]
fn a_socket_that_has_become_anothers_is_left_to_it() {
    let (mut server, path) = start("");
    fs::remove_file(&path).expect("it is there");
    let other = UnixListener::bind(&path).expect("the name is free");
    server.stop();
    UnixStream::connect(&path).expect("it is there");
    drop(other);
}

#[test]
fn a_reload_adds_changes_and_removes_one_and_keeps_who_is_there() {
    let server = Setup::new().plugins(&["echo"]).configuration("").start();
    let path = path(server.folder());
    let line = server.reload_with(LISTENER);
    let told = format!("listening on unix:{}", path.display());
    assert!(line.contains(&told), "{line}");
    let inode = fs::metadata(&path).expect("it is there").ino();
    let mut client = connect(&path, "/echo", &[]).expect("it is admitted");

    let line = server.reload_with(&format!("{LISTENER}mode = \"0606\"\n"));
    assert!(
        line.contains(&format!("listener unix:{}", path.display())),
        "{line}"
    );
    let metadata = fs::metadata(&path).expect("it is there");
    assert_eq!((metadata.mode() & 0o777, metadata.ino()), (0o606, inode));

    let line = server.reload_with("");
    let told = format!("no longer listening on unix:{}", path.display());
    assert!(line.contains(&told), "{line}");
    assert!(!path.exists());
    client.send("still here");
    assert_eq!(client.text(), "still here");
    let mut other = Client::connect(&server, "/echo");
    other.send("here");
    assert_eq!(other.text(), "here");
}

#[test]
fn a_reload_that_is_given_up_leaves_no_socket_behind_and_permissions_as_they_were() {
    let (server, path) = start("");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("it is bound");
    let line = server.reload_with(&format!(
        "{LISTENER}mode = \"0600\"\n[[listener]]\naddress = \"unix:second.sock\"\n\
         [[listener]]\naddress = \"{taken}\"\n"
    ));
    assert!(
        line.ends_with("given up, everything is as before"),
        "{line}"
    );
    assert!(!path.with_file_name("second.sock").exists());
    // The log file is opened behind the permissions.
    let line = server.reload_with(&format!(
        "log.file = \"nowhere/at-all\"\n{LISTENER}mode = \"0600\"\n"
    ));
    assert!(
        line.ends_with("given up, everything is as before"),
        "{line}"
    );
    let mode = fs::metadata(&path).expect("it is there").mode() & 0o777;
    assert_eq!(mode, 0o660);
    assert_echoes(&path);
}

#[test]
#[cfg_attr(not(feature = "root"), ignore = "needs root: --features tests/root")]
fn what_a_server_may_not_give_away_is_told() {
    let (server, path) = started(setup("mode = \"0666\"").as_lone_user().start());
    let user = fs::metadata(&path).expect("it is there").uid();
    assert_ne!(user, 0);
    let line = server.reload_with(&format!("{LISTENER}mode = \"0600\"\ngroup = \"root\"\n"));
    assert!(
        line.ends_with("given up, everything is as before"),
        "{line}"
    );
    server.wait_for_log(&[
        "reload: cannot listen on unix:",
        "a group that its user is in",
    ]);
    let metadata = fs::metadata(&path).expect("it is there");
    assert_eq!((metadata.mode() & 0o777, metadata.gid()), (0o666, user));

    let setup = setup("owner = \"root\"\n").as_lone_user();
    let path = self::path(setup.folder());
    assert_refused(&setup.run(), &path, "its owner or group cannot be set: ");
    assert!(!path.exists());
}

/// As a service that root starts with a `[[listener]]` for nginx.
#[test]
#[cfg_attr(not(feature = "root"), ignore = "needs root: --features tests/root")]
fn root_may_give_a_socket_to_anybody() {
    let (server, path) = start("owner = \"12345\"\ngroup = \"54321\"");
    let metadata = fs::metadata(&path).expect("it is there");
    assert_eq!((metadata.uid(), metadata.gid()), (12345, 54321));
    server.reload_with(LISTENER);
    let metadata = fs::metadata(&path).expect("it is there");
    assert_eq!(
        (metadata.uid(), metadata.gid()),
        (0, 0),
        "as if it were new"
    );
}
