//! Journals on a disk that is really full, and in a folder that may not be written any more. Both need root: to mount a
//! small disk, and to run the server as a user whom permissions hold for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::{Client, Raw, Server, Setup, wait_until};

fn configuration(file: &Path) -> String {
    format!(
        "[[route]]\npath = [\"/push\", \"/push/{{topic}}\"]\nplugin = \"push\"\n[route.journal]\nfile = \"{}\"\n",
        file.display()
    )
}

fn post(server: &Server, path: &str, text: &str) -> u16 {
    let length = text.len();
    let head = "Host: localhost\r\nContent-Type: text/plain\r\n";
    let post = format!("POST {path} HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{text}");
    Raw::answer(server, post).0
}

#[track_caller]
fn kept(server: &Server) -> Vec<String> {
    let get =
        "GET /push/news?since=all HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n";
    let (status, _, body) = Raw::answer(server, get);
    assert_eq!(status, 200, "{body}");
    let past: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let messages = past["messages"].as_array().expect("a list").iter();
    let texts = messages.map(|of| of["text"].as_str().expect("a text").to_owned());
    texts.collect()
}

/// A disk of 1 MiB, in memory.
struct SmallDisk(PathBuf);

impl SmallDisk {
    #[track_caller]
    fn mount(at: &Path) -> SmallDisk {
        fs::create_dir(at).expect("the folder can be made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(at);
        assert!(mount.status().expect("mount can be run").success());
        SmallDisk(at.to_owned())
    }

    /// Takes all that is left of it; gives the file to remove.
    #[track_caller]
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let full = fs::write(&path, vec![b'x'; 2 << 20]).expect_err("it does not fit");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, since a server that failed its test may still be there.
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[test]
#[cfg_attr(not(feature = "root"), ignore = "needs root: --features tests/root")]
fn on_a_disk_that_is_really_full_what_is_said_goes_on_and_what_was_durable_stays() {
    let setup = Setup::new().plugins(&["push"]);
    let at = setup.folder().join("disk");
    let disk = SmallDisk::mount(&at);
    let mut server = setup
        .configuration(&configuration(&at.join("push.journal")))
        .start();
    let mut listener = Client::connect(&server, "/push/news");
    assert_eq!(post(&server, "/push/news?durable", "before"), 200);
    assert_eq!(listener.text(), "before");
    let filler = disk.fill();
    // The log of what is written has some room of its own.
    let mut refused = 0;
    for number in 0..200 {
        let text = format!("{number:04000}");
        refused += usize::from(post(&server, "/push/news?durable", &text) == 507);
        assert_eq!(listener.text(), text, "live delivery goes on");
    }
    assert!(refused > 0, "it was full");
    server.assert_logged(1, &["durable publishes are answered 507"]);
    fs::remove_file(filler).expect("it is there");
    assert_eq!(post(&server, "/push/news?durable", "after"), 200);
    server.wait_for_log(&["is written again"]);
    server.stop();
    server.start_again();
    let kept = kept(&server);
    assert_eq!(kept.first().map(String::as_str), Some("before"));
    assert_eq!(kept.last().map(String::as_str), Some("after"));
    assert_eq!(
        kept.len(),
        2 + 200 - refused,
        "what was refused is not there"
    );
    drop(server);
}

#[test]
#[cfg_attr(not(feature = "root"), ignore = "needs root: --features tests/root")]
fn in_a_folder_that_may_not_be_written_any_more_it_says_so_once_and_goes_on() {
    let setup = Setup::new().plugins(&["push"]);
    let folder = setup.folder().join("journals");
    fs::create_dir(&folder).expect("the folder can be made");
    let file = folder.join("push.journal");
    let server = setup
        .configuration(&configuration(&file))
        .as_lone_user()
        .start();
    let mut listener = Client::connect(&server, "/push/news");
    assert_eq!(post(&server, "/push/news?durable", "before"), 200);
    assert_eq!(listener.text(), "before");
    let set_mode = |mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(&folder, permissions).expect("root may");
    };
    set_mode(0o555);
    fs::remove_file(&file).expect("root may");
    for text in ["one", "two"] {
        assert_eq!(post(&server, "/push/news?durable", text), 507);
        assert_eq!(listener.text(), text);
    }
    wait_until("it is told why", || {
        server.count_log(&["WARN", "journal", "it cannot be written"]) == 1
    });
    set_mode(0o755);
    server.wait_for_log(&["is written again"]);
    assert_eq!(post(&server, "/push/news?durable", "after"), 200);
    assert_eq!(listener.text(), "after");
}
