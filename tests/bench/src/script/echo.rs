//! Clients that want every message back, in order.

use std::ops::Range;
use std::time::Instant;

use super::Script;
use super::turns::Turns;
use crate::speech::Speech;
use crate::swarm::{Outgoing, Traffic};
use crate::tally::Tally;

/// One client's place in its conversation.
struct Talk {
    next: u32,
    expected: u32,
    /// By number, modulo what may be in flight; not used at a pace.
    said_at: Vec<Instant>,
}

/// Clients of an echo.
pub struct Echo {
    speech: Speech,
    first: usize,
    talks: Vec<Talk>,
    in_flight: usize,
    turns: Turns,
    missing: u64,
    tally: Tally,
}

impl Echo {
    /// Closed loop: each of these clients keeps so many messages of `bytes` bytes in flight.
    pub fn closed(clients: Range<usize>, bytes: usize, in_flight: usize) -> Echo {
        Echo::new(clients, bytes, in_flight, None)
    }

    /// Open loop: these clients take turns and say so many messages a second in all.
    pub fn paced(clients: Range<usize>, bytes: usize, per_second: f64) -> Echo {
        Echo::new(clients, bytes, 1, Some(per_second))
    }

    /// The same with other messages.
    pub fn saying(self, speech: Speech) -> Echo {
        Echo { speech, ..self }
    }

    fn new(clients: Range<usize>, bytes: usize, in_flight: usize, rate: Option<f64>) -> Echo {
        let talk = || Talk {
            next: 0,
            expected: 0,
            said_at: vec![Instant::now(); in_flight],
        };
        Echo {
            speech: Speech::new(bytes),
            first: clients.start,
            talks: clients.map(|_| talk()).collect(),
            in_flight,
            turns: Turns::new(rate),
            missing: 0,
            tally: Tally::default(),
        }
    }

    /// Whether this client is one of these.
    pub fn has(&self, client: usize) -> bool {
        (self.first..self.first + self.talks.len()).contains(&client)
    }

    fn say(&mut self, place: usize, now: Instant, outgoing: &mut Outgoing) {
        let talk = &mut self.talks[place];
        let number = talk.next;
        talk.next += 1;
        talk.said_at[number as usize % self.in_flight] = now;
        self.missing += 1;
        let out = outgoing.of(self.first + place);
        self.speech.append(out, place as u32, number);
    }
}

impl Traffic for Echo {
    fn message(&mut self, client: usize, payload: &[u8], now: Instant, outgoing: &mut Outgoing) {
        let place = client - self.first;
        let Some((speaker, number)) = self.speech.read(payload) else {
            self.tally.wrong += 1;
            return;
        };
        let talk = &mut self.talks[place];
        if speaker as usize != place || number >= talk.next {
            self.tally.wrong += 1;
            return;
        }
        let accounted = self.tally.hear(&mut talk.expected, number);
        if accounted == 0 {
            return;
        }
        self.missing -= accounted;
        let said_at = talk.said_at[number as usize % self.in_flight];
        let index = u64::from(number) * self.talks.len() as u64 + place as u64;
        self.tally.time(self.turns.start_of(index, said_at), now);
        if self.turns.has_next() {
            self.say(place, now, outgoing);
        }
    }
}

impl Script for Echo {
    fn begin(&mut self, outgoing: &mut Outgoing) {
        if !self.turns.begin() {
            return;
        }
        for place in 0..self.talks.len() {
            for _ in 0..self.in_flight {
                self.say(place, Instant::now(), outgoing);
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        self.turns.due()
    }

    fn speak(&mut self, outgoing: &mut Outgoing) {
        if let Some(index) = self.turns.take() {
            let place = index as usize % self.talks.len();
            self.say(place, Instant::now(), outgoing);
        }
    }

    fn stop(&mut self) {
        self.turns.stop();
    }

    fn missing(&self) -> u64 {
        self.missing
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }
}
