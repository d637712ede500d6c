//! Publishers whose messages every listener hears, in order: by requests, or by saying them in a room.

use std::time::Instant;

use super::Script;
use crate::speech::Speech;
use crate::swarm::{Outgoing, Traffic};
use crate::tally::Tally;

/// How publishers speak. Listeners are the clients before them, or among whom they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// By requests: the clients behind all listeners.
    Requests,
    /// In a room, in which the first listeners speak.
    Room,
}

/// When a publisher speaks again, and what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// When its message is taken: it has its answer, or hears itself. Messages count, however many hear them.
    Taken,
    /// When everyone has heard it too. What is heard counts.
    Heard,
}

/// All of them, and who hears them.
pub struct Publishers {
    voice: Voice,
    pace: Pace,
    speech: Speech,
    /// Head of every request.
    head: String,
    listeners: usize,
    /// By publisher: its next number.
    next: Vec<u32>,
    /// By publisher: what its last message still waits for, and when it was said.
    waiting: Vec<(usize, Instant)>,
    /// By listener and publisher: the number that is due.
    expected: Vec<u32>,
    is_stopped: bool,
    missing: u64,
    /// What counts.
    tally: Tally,
    /// What listeners heard, where messages count.
    ears: Tally,
}

impl Publishers {
    /// So many publishers of messages of `bytes` bytes to `target`, and so many listeners.
    pub fn new(
        (voice, pace): (Voice, Pace),
        target: &str,
        (publishers, listeners): (usize, usize),
        bytes: usize,
    ) -> Publishers {
        Publishers {
            voice,
            pace,
            speech: Speech::new(bytes),
            head: format!(
                "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\
                 Content-Length: {bytes}\r\n\r\n"
            ),
            listeners,
            next: vec![0; publishers],
            waiting: vec![(0, Instant::now()); publishers],
            expected: vec![0; publishers * listeners],
            is_stopped: false,
            missing: 0,
            tally: Tally::default(),
            ears: Tally::default(),
        }
    }

    /// Messages so far.
    pub fn published(&self) -> u64 {
        self.next.iter().map(|&next| u64::from(next)).sum()
    }

    fn say(&mut self, publisher: usize, now: Instant, outgoing: &mut Outgoing) {
        let number = self.next[publisher];
        self.next[publisher] += 1;
        let waits_for = match self.pace {
            Pace::Taken => 1,
            Pace::Heard => self.listeners + 1,
        };
        self.waiting[publisher] = (waits_for, now);
        self.missing += self.listeners as u64 + 1;
        match self.voice {
            Voice::Requests => {
                let out = outgoing.of(self.listeners + publisher);
                out.extend_from_slice(self.head.as_bytes());
                self.speech.append_plain(out, publisher as u32, number);
            }
            Voice::Room => {
                let out = outgoing.of(publisher);
                self.speech.append(out, publisher as u32, number);
            }
        }
    }

    /// A message is taken.
    fn take(&mut self, publisher: usize, now: Instant, outgoing: &mut Outgoing) {
        self.missing -= 1;
        if self.pace == Pace::Taken {
            self.tally.heard += 1;
            self.tally.heard_in_all += 1;
            self.tally.time(self.waiting[publisher].1, now);
        }
        self.go_on(publisher, now, outgoing);
    }

    /// Something that a publisher has waited for is there.
    fn go_on(&mut self, publisher: usize, now: Instant, outgoing: &mut Outgoing) {
        let waits_for = &mut self.waiting[publisher].0;
        *waits_for = waits_for.saturating_sub(1);
        if *waits_for == 0 && !self.is_stopped {
            self.say(publisher, now, outgoing);
        }
    }

    /// What a listener heard.
    fn read(&self, payload: &[u8]) -> Option<(usize, u32)> {
        let read = match self.voice {
            Voice::Requests => self.speech.read(payload),
            Voice::Room => self.speech.read_line(payload),
        };
        let (publisher, number) = read?;
        let publisher = publisher as usize;
        let next = self.next.get(publisher)?;
        (number < *next).then_some((publisher, number))
    }
}

impl Traffic for Publishers {
    fn message(&mut self, client: usize, payload: &[u8], now: Instant, outgoing: &mut Outgoing) {
        if client >= self.listeners {
            return self.take(client - self.listeners, now, outgoing);
        }
        let Some((publisher, number)) = self.read(payload) else {
            self.tally.wrong += 1;
            return;
        };
        let seat = client * self.next.len() + publisher;
        let ears = match self.pace {
            Pace::Taken => &mut self.ears,
            Pace::Heard => &mut self.tally,
        };
        let accounted = ears.hear(&mut self.expected[seat], number);
        if accounted == 0 {
            return;
        }
        self.missing -= accounted;
        if self.pace == Pace::Heard {
            self.tally.time(self.waiting[publisher].1, now);
            self.go_on(publisher, now, outgoing);
        }
        if self.voice == Voice::Room && client == publisher {
            self.take(publisher, now, outgoing);
        }
    }
}

impl Script for Publishers {
    fn begin(&mut self, outgoing: &mut Outgoing) {
        for publisher in 0..self.next.len() {
            self.say(publisher, Instant::now(), outgoing);
        }
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn speak(&mut self, _: &mut Outgoing) {}

    fn stop(&mut self) {
        self.is_stopped = true;
        // What listeners have lost or heard twice is no less a fault than what publishers have.
        self.tally.doubled += std::mem::take(&mut self.ears.doubled);
        self.tally.lost += std::mem::take(&mut self.ears.lost);
    }

    fn missing(&self) -> u64 {
        self.missing
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }
}
