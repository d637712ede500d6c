//! The units, as systemd's own tool judges them, and what they count on from the server.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use tests::deploy::Text;
use tests::unix::{self, Running};
use tests::{Setup, run_server};

/// `systemd-analyze security` of Debian 12 says this of the file, that of Debian 13 less; the README has it.
const EXPOSURE: f32 = 1.2;

const SOCKET: &str = "systemd/detent.socket";

#[test]
fn the_units_are_without_a_mistake() {
    let folder = TempDir::new().expect("a temporary folder");
    let socket = folder.path().join("detent.socket");
    Text::of(SOCKET).write(&socket);
    for unit in units() {
        let file = written(unit, &folder);
        let files = [&file, &socket].map(|file| file.display().to_string());
        let said = analyze(&["verify", &files[0], &files[1]]);
        assert_eq!(said, "", "{unit}");
    }
}

/// What the socket unit binds and names is what the configuration is told to take.
#[test]
fn the_socket_unit_is_what_the_readme_says() {
    let unit = Text::of(SOCKET);
    let line = |text: &Text, of: &str| text.as_str().lines().any(|line| line == of);
    assert!(line(&unit, "FileDescriptorName=detent"));
    assert!(line(&unit, "ListenStream=127.0.0.1:25252"));
    let backlog = unit
        .as_str()
        .lines()
        .find_map(|line| line.strip_prefix("Backlog="));
    assert_eq!(backlog, Some("4096"), "as the server asks for by itself");
}

/// Cause: the command of the README changed every `listen` of the file, the admin listener's too, and the service did not
/// start again.
#[test]
fn the_readme_puts_the_socket_into_the_configuration() {
    let readme = Text::of("README.md");
    let mut lines = readme.as_str().lines();
    let command = lines.find(|line| line.starts_with("sed --in-place"));
    let setup = Setup::new().plugins(&["echo"]);
    let file = setup.folder().join("detent.toml");
    Text::of("detent.toml")
        .put(
            "/opt/detent/plugins",
            &setup.plugins_folder().display().to_string(),
        )
        .write(&file);
    let command = command
        .expect("the README has it")
        .replace("/opt/detent/detent.toml", &file.display().to_string());
    let status = Command::new("sh").args(["-c", &command]).status();
    assert!(status.is_ok_and(|status| status.success()), "{command}");
    let path = file.display().to_string();
    run_server(&["--config", &path, "--check"]).assert_code(0);
    let text = std::fs::read_to_string(&file).expect("it is there");
    let listens: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("listen"))
        .collect();
    assert_eq!(
        listens,
        [
            "listen = [\"systemd:detent\"]",
            "listen = \"127.0.0.1:25250\""
        ]
    );
}

/// systemd's own tool binds, waits for the first connection, and becomes the server with it.
#[test]
fn the_first_connection_starts_the_server_with_its_sockets() {
    let setup = Setup::new().plugins(&["echo"]);
    let folder = setup.folder().to_owned();
    let (one, other) = (folder.join("one.sock"), folder.join("other.sock"));
    let mut command = Command::new("systemd-socket-activate");
    for path in [&one, &other] {
        command.arg("--listen").arg(path);
    }
    command
        .arg("--fdname=detent:second")
        .arg(tests::server_program());
    command.arg("--plugins").arg(setup.plugins_folder());
    command.args(["--listen", "systemd:detent", "--listen", "systemd:second"]);
    let running = Running::start_by(&mut command, setup);
    unix::wait_until_it_listens(&one);
    unix::wait_until_it_listens(&other);
    let mut first = unix::connect(&other, "/echo", &[]).expect("it is admitted");
    for (path, name) in [(&one, "detent"), (&other, "second")] {
        let path = path.display();
        running.wait_for_output(&format!(
            "listening on unix:{path}, passed by systemd as {name}"
        ));
    }
    let mut second = unix::connect(&one, "/echo", &[]).expect("it is admitted");
    for client in [&mut first, &mut second] {
        client.send("here");
        assert_eq!(client.text(), "here");
    }
    running.stop().assert_code(0);
}

#[test]
fn the_units_are_as_hard_as_the_readme_says() {
    let folder = TempDir::new().expect("a temporary folder");
    for unit in units() {
        let file = written(unit, &folder);
        let said = analyze(&["security", "--offline=true", &file.display().to_string()]);
        let level = said.split("Overall exposure level for detent.service: ");
        let level: Option<f32> = level
            .last()
            .and_then(|rest| rest.split(' ').next()?.parse().ok());
        let level = level.unwrap_or_else(|| panic!("no level: {said}"));
        assert!(level <= EXPOSURE, "{unit}: {level}\n{said}");
    }
    let told = format!("says {EXPOSURE} (of 10;");
    assert!(Text::of("README.md").as_str().contains(&told), "{told}");
}

#[test]
fn the_units_differ_in_the_reload_only() {
    let [old, new] = ["debian-12", "debian-13"].map(|of| text(of).as_str().to_owned());
    let (_, old) = old.split_once('\n').expect("a first line");
    let (_, new) = new.split_once('\n').expect("a first line");
    let old = old.replace("Type=notify\n", "Type=notify-reload\n");
    assert_eq!(old.replace("ExecReload=/bin/kill -HUP $MAINPID\n", ""), new);
}

/// What the unit says of an address that comes late: the start ends with 1, which is tried again, and not
/// with 2, which is not.
#[test]
fn an_address_that_is_not_there_ends_the_start_so_that_it_is_tried_again() {
    let folder = TempDir::new().expect("a temporary folder");
    let plugins = folder.path().display().to_string();
    // Of TEST-NET-1 (RFC 5737), which no machine has.
    let missing = "192.0.2.1:25252";
    let finished = run_server(&["--plugins", &plugins, "--listen", missing]);
    finished.assert_code(1);
    let said = &finished.stderr;
    assert!(
        said.contains("cannot listen on 192.0.2.1:25252: "),
        "{said}"
    );
    let unit = text("debian-13");
    for line in [
        "After=network-online.target",
        "Restart=on-failure",
        "RestartPreventExitStatus=2",
        "StartLimitIntervalSec=0",
        "WatchdogSec=30s",
    ] {
        let has = |text: &str| text.lines().any(|one| one == line);
        assert!(has(unit.as_str()), "{line}");
    }
}

/// The units that this machine's systemd knows all words of.
fn units() -> Vec<&'static str> {
    let version = Command::new("systemd-analyze").arg("--version").output();
    let version = version.expect("systemd-analyze runs").stdout;
    let version = String::from_utf8_lossy(&version).into_owned();
    let number = version.split(' ').nth(1).and_then(|text| text.parse().ok());
    let number: u32 = number.unwrap_or_else(|| panic!("no version: {version}"));
    let mut units = vec!["debian-12"];
    if number >= 253 {
        units.push("debian-13");
    }
    units
}

#[track_caller]
fn text(of: &str) -> Text {
    Text::of(&format!("systemd/{of}/detent.service"))
}

/// A unit whose program is there: the tool looks for it.
#[track_caller]
fn written(of: &str, folder: &TempDir) -> PathBuf {
    let file = folder.path().join("detent.service");
    let program = tests::server_program().display().to_string();
    text(of).put("/opt/detent/server", &program).write(&file);
    file
}

/// What the tool says; it has to be content.
#[track_caller]
fn analyze(arguments: &[&str]) -> String {
    let mut command = Command::new("systemd-analyze");
    let output = command.args(arguments).output().expect("it runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}
