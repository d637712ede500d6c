//! The stream that tungstenite reads from and believes that it writes to.
//!
//! A read flushes the client's outbox before it blocks, and keeps the connection alive while it
//! waits; a write goes into the outbox like everything else. Used by one connection thread.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::info;

use super::bounds;
use super::current_settings::CurrentSettings;
use super::deadlines::{Deadlines, Due, Times};
use super::frames::{Source, Violation};
use crate::http::poll;
use crate::http::request::{Kind, Request};
use crate::limits::LOOK_AGAIN;
use crate::limits::memory::{Account, LEDGER, Part};
use crate::outbox::cause::{Cause, GOING_AWAY, NORMAL, POLICY};
use crate::outbox::frame;
use crate::outbox::{Delivery, Outbox};

/// What a client does beside being written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It sends messages, and answers pings.
    Speaks,
    /// It answers nothing.
    Listens,
    /// It does not either, and waits for one message, for so long.
    Waits(Duration),
}

impl Manner {
    /// That of a client that was let in.
    pub(super) fn of(request: &Request) -> Manner {
        match request.kind {
            Kind::WebSocket | Kind::Plain => Manner::Speaks,
            Kind::EventStream => Manner::Listens,
            // That it is a time was looked at before it was let in.
            Kind::Poll => Manner::Waits(poll::wait(request).ok().flatten().unwrap_or_default()),
        }
    }
}

/// One client's socket for tungstenite.
pub(super) struct OutboxStream {
    outbox: Arc<Outbox>,
    settings: CurrentSettings,
    deadlines: Deadlines,
    manner: Manner,
    /// The client was silent for so long that its buffers are to be small.
    is_resting: bool,
    /// The settings are others than when that was last asked.
    has_new_settings: bool,
    /// Of what comes in.
    account: Account,
}

impl OutboxStream {
    /// Takes over the socket of `outbox` and its read timeout.
    pub(super) fn new(
        outbox: Arc<Outbox>,
        settings: CurrentSettings,
        manner: Manner,
    ) -> OutboxStream {
        let stream = OutboxStream {
            outbox,
            deadlines: Deadlines::new(times(&settings, manner), Instant::now()),
            manner,
            settings,
            is_resting: false,
            has_new_settings: false,
            account: Account::new(Part::Receiving),
        };
        stream.set_read_timeout();
        stream
    }

    /// What the client does.
    pub(super) fn manner(&self) -> Manner {
        self.manner
    }

    /// The settings that hold for the client.
    pub(super) fn settings(&self) -> &CurrentSettings {
        &self.settings
    }

    /// Whether the settings have changed since this was last asked.
    pub(super) fn has_new_settings(&mut self) -> bool {
        std::mem::take(&mut self.has_new_settings)
    }

    /// A message has come.
    pub(super) fn on_message(&mut self) {
        self.deadlines.on_message();
    }

    fn set_read_timeout(&self) {
        let timeout = Some(self.deadlines.timeout());
        // Only a dead socket refuses, and the next read tells of that.
        self.outbox.socket().set_read_timeout(timeout).ok();
    }

    /// A reload may have brought other settings.
    #[inline]
    fn renew_settings(&mut self) {
        if self.settings.renew() {
            self.put_in_force();
        }
    }

    #[cold]
    fn put_in_force(&mut self) {
        self.has_new_settings = true;
        self.outbox.set_bounds(bounds(self.settings.get()));
        let times = times(&self.settings, self.manner);
        self.deadlines.set_times(times, Instant::now());
        self.set_read_timeout();
    }

    /// Something has come that has said nothing yet, such as a part of a record of TLS: the client is there, and
    /// whoever only drips has no more time than others.
    #[cold]
    fn on_nothing_yet(&mut self) {
        self.renew_settings();
        if self.deadlines.on_bytes() {
            self.set_read_timeout();
        }
        match self.deadlines.overdue() {
            Due::Nothing => {}
            due => self.close_if(due),
        }
    }

    /// The client was silent for as long as the read timeout says.
    fn on_silence(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let mut due = self.deadlines.on_silence(now);
        let cannot_answer = || self.outbox.is_closing() || self.outbox.is_waiting();
        if matches!(due, Due::Ping | Due::Vanished) && cannot_answer() {
            // A ping would stand behind all that waits, or behind our Close frame. Who is full or closing
            // has other deadlines, which the drain thread keeps.
            self.deadlines.ask_later(now);
            due = Due::Nothing;
        }
        self.set_read_timeout();
        match due {
            Due::Nothing => self.rest(),
            Due::Ping => {
                self.rest();
                self.outbox.queue_ping();
                self.outbox.flush_own();
                if self.manner != Manner::Speaks {
                    // Whether it is there, the socket tells when it takes nothing any more.
                    self.deadlines.ask_later(now);
                    self.set_read_timeout();
                }
            }
            Due::Vanished => {
                let time = humantime::format_duration(self.settings.times().pong_timeout);
                let text = format!("no pong within {time}");
                return Err(io::Error::new(ErrorKind::TimedOut, text));
            }
            Due::Idle | Due::Expired => self.close_if(due),
        }
        Ok(())
    }

    /// Closes the client where it has been here, or without a message, for too long.
    #[cold]
    fn close_if(&self, due: Due) {
        if due == Due::Expired && matches!(self.manner, Manner::Waits(_)) {
            self.outbox.close(Cause::server(NORMAL, "nothing was said"));
            return;
        }
        let settings = self.settings.get();
        let time = |time: Option<Duration>| humantime::format_duration(time.unwrap_or_default());
        match due {
            Due::Idle => {
                let time = time(settings.idle_timeout);
                self.close(&format!("no message within {time}"));
            }
            Due::Expired => {
                let time = time(settings.lifetime);
                self.close(&format!("connected for {time}: connect again"));
            }
            Due::Nothing | Due::Ping | Due::Vanished => {}
        }
    }

    /// What a silent client does not need is given back.
    fn rest(&mut self) {
        self.is_resting = true;
        self.outbox.shrink();
    }

    fn close(&self, reason: &str) {
        let name = self.outbox.name();
        let cause = Cause::server(GOING_AWAY, reason.to_owned());
        if self.outbox.close(cause) == Delivery::Queued {
            info!(code = GOING_AWAY; "{name}: {reason}; closed with {GOING_AWAY}");
        }
    }
}

/// The times that hold for a client; who only listens need not speak, and who waits is not asked meanwhile.
fn times(settings: &CurrentSettings, manner: Manner) -> Times {
    let times = settings.times();
    match manner {
        Manner::Speaks => times,
        Manner::Listens => Times {
            idle_timeout: None,
            ..times
        },
        Manner::Waits(wait) => Times {
            idle_timeout: None,
            ping_interval: None,
            lifetime: Some(times.lifetime.map_or(wait, |lifetime| lifetime.min(wait))),
            ..times
        },
    }
}

/// Ends the reading of one that was closed for want of memory, so that what came of its message is let go.
fn evicted() -> Violation {
    Violation {
        code: POLICY,
        reason: "the server is short of memory".into(),
    }
}

impl Source for OutboxStream {
    fn message_bytes_max(&self) -> usize {
        self.settings.get().message_bytes_max
    }

    fn holds(&mut self, bytes: usize) {
        if self.account.set(bytes) {
            self.outbox.set_incoming(self.account.told());
        }
    }
}

impl Drop for OutboxStream {
    /// What it held of a message that is not whole goes with it.
    fn drop(&mut self) {
        self.holds(0);
    }
}

impl Read for OutboxStream {
    /// Blocks until the client sends something, is silent (`WouldBlock`, once in a while), has
    /// vanished (`TimedOut`), or the socket is shut down by another thread.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.outbox.flush_own();
        self.outbox.wait_for_room();
        self.renew_settings();
        match self.deadlines.overdue() {
            Due::Nothing => {}
            due => self.close_if(due),
        }
        if LEDGER.is_paused() && (self.account.told() > 0 || self.outbox.is_waiting()) {
            let look_again = Instant::now() + LOOK_AGAIN;
            self.outbox.wait_for_memory(&LEDGER, look_again);
        }
        loop {
            if self.outbox.is_evicted() {
                return Err(io::Error::other(evicted()));
            }
            match self.outbox.receive(buffer) {
                // Woken to go, see above.
                Ok(0) if self.outbox.is_evicted() => {}
                Ok(count) => {
                    self.renew_settings();
                    if self.deadlines.on_bytes() {
                        self.set_read_timeout();
                    }
                    return Ok(count);
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => self.on_nothing_yet(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        self.renew_settings();
                        self.on_silence()?;
                        if std::mem::take(&mut self.is_resting) {
                            return Err(ErrorKind::WouldBlock.into());
                        }
                    }
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

#[cfg(test)]
mod tests;
