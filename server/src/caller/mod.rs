//! The other side, for scripts and for people at a shell: `server push` and `server listen`, and what asks the admin
//! listener ([`remote`]).
//!
//! The main thread of a process that serves nothing. Blocks on its socket, on standard input and on standard
//! output. Knows nothing of the server but its address.

mod http;
mod letter;
mod listen;
mod place;
mod push;
pub mod remote;
mod socket;

use std::io;

use crate::logging::push_visible;

pub use listen::listen;
pub use push::push;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server has refused it: with its status and reason.
    #[error("refused: {0}")]
    Refused(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is no answer.
    #[error("not reachable: {0}")]
    Unreachable(String),
    /// What was to be sent cannot be read, or what came cannot be written.
    #[error("{0}")]
    Local(#[from] io::Error),
}

impl CallError {
    /// The process's exit code: those that scripts tell apart.
    pub fn exit_code(&self) -> u8 {
        match self {
            CallError::Refused(_) | CallError::Local(_) => 1,
            CallError::Usage(_) => 2,
            // EX_UNAVAILABLE of sysexits.h.
            CallError::Unreachable(_) => 69,
        }
    }
}

/// The token that the command line gives, or the environment, where no other user sees it.
fn token(given: Option<&str>) -> Option<String> {
    let in_environment = || std::env::var("DETENT_TOKEN").ok();
    given.map(str::to_owned).or_else(in_environment)
}

/// What another process has answered, which need not be the server that one means, for a terminal: lines stay lines, and
/// nothing in them steers.
fn harmless(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => clean.push('\n'),
            other => push_visible(&mut clean, other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn what_was_answered_cannot_steer_the_terminal() {
        assert_eq!(
            harmless("a\u{1b}]0;x\u{7}\nb\r"),
            "a\\u{1b}]0;x\\u{7}\nb\\r"
        );
    }
}
