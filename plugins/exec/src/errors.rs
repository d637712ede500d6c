//! What a program writes on standard error: lines of the log, so many a second.

use std::time::{Duration, Instant};

use plugin_api::{ClientId, log};

use crate::lines::Lines;

/// Bytes of a line that are logged.
const BYTES_MAX: usize = 1024;

/// Lines that are logged in a second; the rest is counted.
const LINES_PER_SECOND: u32 = 20;

pub(crate) struct Errors {
    client: ClientId,
    lines: Lines,
    second: Instant,
    logged: u32,
    left_out: u64,
}

impl Errors {
    pub(crate) fn new(client: ClientId) -> Errors {
        Errors {
            client,
            lines: Lines::new(BYTES_MAX),
            second: Instant::now(),
            logged: 0,
            left_out: 0,
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let mut whole = Vec::new();
        if self
            .lines
            .add(bytes, |line| whole.push(line.to_owned()))
            .is_err()
        {
            // What is too long is cut, and goes on as another line.
            whole.extend(self.lines.end());
        }
        for line in whole {
            self.log(&line);
        }
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self) {
        if let Some(rest) = self.lines.end() {
            self.log(&rest);
        }
        self.tell_left_out();
    }

    fn log(&mut self, line: &[u8]) {
        if self.second.elapsed() >= Duration::from_secs(1) {
            self.tell_left_out();
            (self.second, self.logged) = (Instant::now(), 0);
        }
        if self.logged == LINES_PER_SECOND {
            self.left_out += 1;
            return;
        }
        self.logged += 1;
        let line = String::from_utf8_lossy(&line[..line.len().min(BYTES_MAX)]);
        log::info!("client {}: its program says: {line}", self.client);
    }

    fn tell_left_out(&mut self) {
        match std::mem::take(&mut self.left_out) {
            0 => {}
            count => log::warn!(
                "client {}: {count} lines of its program are left out",
                self.client
            ),
        }
    }
}
