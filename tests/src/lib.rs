//! What the end-to-end tests need: the real server with real plugins, clients, and a look at the
//! process from outside.
//!
//! Everything waits by deadline and panics when it passes, with the server's log: what goes wrong
//! here is a failed test. Ports are always 0; only processes that were started here are signalled.

mod admin;
mod artifacts;
mod by_tls;
mod client;
mod events;
mod closes;
mod compressing;
#[cfg(feature = "deploy")]
pub mod deploy;
pub mod flood;
pub mod page;
mod kept_port;
mod lone_user;
mod numbered_chat;
mod over;
#[cfg(feature = "redis")]
mod passage;
mod process;
mod raw;
#[cfg(feature = "redis")]
mod redis;
pub mod secure;
mod server;
mod setup;
mod transport;
pub mod unix;
mod variant;
#[cfg(feature = "browser")]
pub mod webdriver;

pub use admin::{ADMIN, Admin, TOKEN};
#[cfg(feature = "cplusplus")]
pub use artifacts::compile_cplusplus;
pub use artifacts::{
    compile_c, compile_c_file, compile_c_file_with_header, compile_c_with, library,
    server as server_program,
};
pub use client::{Client, Refused};
pub use compressing::{COMPRESSED, Compressing, Heard, json_line};
pub use events::{Event, Events};
pub use numbered_chat::{Answer, NumberedChat};
pub use over::{Over, UntilOver};
#[cfg(feature = "redis")]
pub use passage::{Passage, Quality, Way};
pub use process::Finished;
pub use raw::{
    BINARY, CLOSE, CONTINUATION, PING, PONG, Raw, TEXT, answer_of_probe, frame, handshake,
    unmasked_frame,
};
#[cfg(feature = "redis")]
pub use redis::{Redis, Sentinel};
pub use server::Server;
pub use setup::{PATIENT, Setup, run_server};
pub use transport::Transport;
pub use tungstenite::Message;
pub use variant::{set_state_format, variant};

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long anything may take before a test fails: long, since the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until `is_true`, looking again and again: for what nobody tells, such as the number of a
/// process's threads.
#[track_caller]
pub fn wait_until(what: &str, is_true: impl FnMut() -> bool) {
    assert!(
        becomes_true(DEADLINE, is_true),
        "not within {DEADLINE:?}: {what}"
    );
}

/// An answer of push without the positions in it, each of which has to be one.
#[track_caller]
pub fn without_positions(answer: &str) -> String {
    let mut parts = answer.split("\"position\":\"");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (position, behind) = part.split_once("\",").expect("something follows it");
        assert_eq!(position.len(), 24, "{answer}");
        rest.push_str(behind);
    }
    rest
}

/// Looks again and again whether `is_true`; false where it is not within `time`.
pub fn becomes_true(time: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + time;
    while !is_true() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    true
}

/// Lets this process open as many files as the machine allows, and asserts that these are enough.
#[track_caller]
pub fn need_open_files(count: u64) {
    let hard = getrlimit(Resource::Nofile).maximum;
    assert!(
        hard.is_none_or(|hard| hard >= count),
        "this test needs {count} open files, the hard limit is {hard:?}: raise it (ulimit -H -n)"
    );
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: hard,
            maximum: hard,
        },
    )
    .expect("up to the hard limit");
}
