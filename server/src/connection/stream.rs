//! The stream that tungstenite reads from and believes that it writes to.
//!
//! A read flushes the client's outbox before it blocks, and keeps the connection alive while it
//! waits; a write goes into the outbox like everything else. Used by one connection thread.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::outbox::frame::{self, Opcode};
use crate::outbox::{Delivery, Outbox};

/// When a silent client is asked whether it is still there.
pub(super) struct Keepalive {
    /// Silence before a ping; none for no pings.
    pub(super) ping_interval: Option<Duration>,
    /// Time for its answer; any byte is one.
    pub(super) pong_timeout: Duration,
}

/// One client's socket for tungstenite.
pub(super) struct OutboxStream {
    outbox: Arc<Outbox>,
    keepalive: Keepalive,
    /// A ping is unanswered, and the socket's read timeout is that of the pong.
    awaits_pong: bool,
}

impl OutboxStream {
    /// Takes over the socket of `outbox` and its read timeout.
    pub(super) fn new(outbox: Arc<Outbox>, keepalive: Keepalive) -> OutboxStream {
        let stream = OutboxStream {
            outbox,
            keepalive,
            awaits_pong: false,
        };
        stream.set_read_timeout(stream.keepalive.ping_interval);
        stream
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) {
        // Only a dead socket refuses, and the next read tells of that.
        self.outbox.socket().set_read_timeout(timeout).ok();
    }

    /// The client was silent for as long as the read timeout says.
    fn on_silence(&mut self) -> io::Result<()> {
        if self.awaits_pong && !self.outbox.is_closing() && !self.outbox.is_waiting() {
            let time = humantime::format_duration(self.keepalive.pong_timeout);
            return Err(io::Error::new(
                ErrorKind::TimedOut,
                format!("no pong within {time}"),
            ));
        }
        let ping = frame::encode(Opcode::Ping, &[]);
        if !self.awaits_pong && self.outbox.queue(&ping) == Delivery::Queued {
            self.awaits_pong = true;
            self.set_read_timeout(Some(self.keepalive.pong_timeout));
            self.outbox.flush();
        }
        Ok(())
    }
}

impl Read for OutboxStream {
    /// Blocks until the client sends something, has been silent for too long (`TimedOut`), or the
    /// socket is shut down by another thread.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.outbox.flush();
        self.outbox.wait_for_room();
        loop {
            match self.outbox.socket().read(buffer) {
                Ok(count) => {
                    if self.awaits_pong {
                        self.awaits_pong = false;
                        self.set_read_timeout(self.keepalive.ping_interval);
                    }
                    return Ok(count);
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => self.on_silence()?,
                    _ => return Err(error),
                },
            }
        }
    }
}

impl Write for OutboxStream {
    /// Takes one whole frame: tungstenite's own pongs and Close frames, and nothing else.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if frame::is_close(bytes) {
            self.outbox.answer_close(bytes);
        } else {
            // Where the connection is closing, nobody waits for a pong.
            self.outbox.queue(bytes);
        }
        Ok(bytes.len())
    }

    /// Does nothing: the outbox is flushed before the next read blocks.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
