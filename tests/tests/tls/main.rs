//! TLS with the programs that people try it with, against the real server: what they agree on, what they refuse, and
//! that a recipe of `server/README.md` is one. A feature for each, since not every machine has it.

#[cfg(feature = "curl")]
mod curl;
#[cfg(feature = "openssl")]
mod keys;
#[cfg(feature = "openssl")]
mod openssl;
#[cfg(feature = "openssl")]
mod tickets;

use std::io::Write;
use std::process::{Command, Stdio};

use tests::Server;
use tests::secure::{self, Authority};

/// What a program that has ended has printed, and how it has ended.
struct Told {
    text: String,
    code: Option<i32>,
}

impl Told {
    #[track_caller]
    fn has(&self, part: &str) {
        assert!(self.text.contains(part), "no {part:?} in: {}", self.text);
    }

    #[track_caller]
    fn lacks(&self, part: &str) {
        assert!(!self.text.contains(part), "{part:?} in: {}", self.text);
    }
}

/// Runs a program that reads `input`, and knows that nothing more comes only when it has ended.
#[track_caller]
fn run(command: &mut Command, input: &[u8]) -> Told {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is installed");
    let mut says = child.stdin.take().expect("a pipe");
    // One that has refused what it was started with reads nothing.
    says.write_all(input).ok();
    let output = child.wait_with_output().expect("it was started");
    drop(says);
    let both = [output.stdout, output.stderr].concat();
    Told {
        text: String::from_utf8_lossy(&both).into_owned(),
        code: output.status.code(),
    }
}

/// A server by TLS whose authority stands in its folder, as `authority.pem`.
#[track_caller]
fn start(plugins: &[&str], configuration: &str) -> (Server, Authority) {
    let (server, authority) = secure::start_of(plugins, configuration);
    authority.write(server.folder());
    (server, authority)
}
