//! The hook of `scripts/deploy/certbot`, with a folder as certbot leaves it, and a `systemctl` that does what the unit says.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use tests::Setup;
use tests::secure::{self, Authority, LISTENER, ask, reach};

const HOOK: &str = include_str!("../../../scripts/deploy/certbot/detent");

#[test]
fn what_certbot_renews_is_shown_without_a_restart() {
    let authority = Authority::new();
    let setup = Setup::new();
    authority
        .sign(&["localhost"], 20)
        .write(setup.folder(), "old");
    let to = setup.folder().join("tls");
    fs::create_dir(&to).expect("ours");
    for (from, name) in [("old.pem", "fullchain.pem"), ("old.key", "privkey.pem")] {
        fs::copy(setup.folder().join(from), to.join(name)).expect("it is there");
    }
    let text = LISTENER
        .replace("own.pem", "tls/fullchain.pem")
        .replace("own.key", "tls/privkey.pem");
    let server = setup.configuration(&text).start();

    // As certbot has it: links to numbered files, which only root may read.
    let lineage = server.folder().join("live");
    fs::create_dir(&lineage).expect("ours");
    let new = authority.sign(&["localhost"], 90);
    for (name, text) in [("fullchain", &new.chain), ("privkey", &new.key)] {
        let file = server.folder().join(format!("{name}2.pem"));
        fs::write(&file, text).expect("ours");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("ours");
        symlink(&file, lineage.join(format!("{name}.pem"))).expect("ours");
    }
    let programs = server.folder().join("programs");
    fs::create_dir(&programs).expect("ours");
    let systemctl = programs.join("systemctl");
    let reload = format!(
        "#!/bin/sh\n[ \"$*\" = 'reload detent' ] && kill -HUP {}\n",
        server.pid()
    );
    fs::write(&systemctl, reload).expect("ours");
    fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).expect("ours");

    // The user and the group of a deployment need not be here.
    let hook = HOOK
        .replace("--owner=root --group=detent ", "")
        .replace("/etc/detent/tls", to.to_str().expect("a plain name"));
    assert_ne!(hook, HOOK);
    let path = std::env::var("PATH").expect("there is one");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &hook])
        .env("RENEWED_LINEAGE", &lineage)
        .env("PATH", format!("{}:{path}", programs.display()));
    let output = shell.output().expect("sh runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    server.wait_for_log(&["reload done: new certificate on 127.0.0.1:0"]);

    let mode = |name: &str| {
        let metadata = fs::metadata(to.join(name)).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!((mode("privkey.pem"), mode("fullchain.pem")), (0o640, 0o640));
    let mut stream = reach(secure::address(&server), "localhost", &authority.trust());
    ask(
        &mut stream,
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    let shown = stream.conn.peer_certificates().expect("one is shown");
    assert!(shown[0] == new.own(), "the new one");
}
