//! The examples of `scripts/examples` with the real languages, against the real server. A feature for each
//! language, since not every machine has it.

#[cfg(feature = "curl")]
mod curl;
#[cfg(feature = "php")]
mod forward;
#[cfg(any(feature = "node", feature = "python"))]
mod languages;
#[cfg(all(feature = "php", feature = "browser"))]
mod php_page;
#[cfg(feature = "php")]
mod php;

use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use tests::{Raw, Server};

/// A file of the examples.
fn example(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/examples");
    PathBuf::from(folder).join(name)
}

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address())
}

/// A program that prints what it hears; it ends with the test.
struct Listener {
    program: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Listener {
    /// Starts it and waits until `topic` has a listener.
    fn start(server: &Server, command: &mut Command, topic: &str) -> Listener {
        let mut program = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("it is installed");
        let lines = BufReader::new(program.stdout.take().expect("a pipe")).lines();
        let listener = Listener { program, lines };
        wait_for_listener(server, topic);
        listener
    }

    /// The next line that is not empty.
    fn line(&mut self) -> String {
        loop {
            let line = self.lines.next().expect("it goes on").expect("text");
            // What `wait_for_listener` says.
            if !matches!(line.as_str(), "" | "data: ") {
                return line;
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It may have ended already.
        self.program.kill().ok();
        self.program.wait().ok();
    }
}

/// Waits until somebody listens to `topic`, which hears empty messages.
fn wait_for_listener(server: &Server, topic: &str) {
    tests::wait_until("somebody listens", || {
        publish(server, topic, "").contains("\"clients\":1")
    });
}

fn publish(server: &Server, topic: &str, text: &str) -> String {
    let length = text.len();
    let (status, _, body) = Raw::answer(
        server,
        format!(
            "POST /push/{topic} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}"
        ),
    );
    assert_eq!(status, 200, "{body}");
    body
}
