//! Rooms in which everyone hears everyone, the speaker too; all hear one speaker in order.

use std::time::Instant;

use super::Script;
use super::turns::Turns;
use crate::speech::Speech;
use crate::swarm::{Outgoing, Traffic};
use crate::tally::Tally;

/// How many rooms, and who is in each.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Rooms.
    pub rooms: usize,
    /// Clients of each.
    pub members: usize,
    /// Members that speak, the first of each room.
    pub speakers: usize,
    /// Members that are not waited for, the last of each room.
    pub deaf: usize,
    /// Bytes of a message.
    pub bytes: usize,
}

/// Clients of rooms; client `n` is in room `n / members`.
pub struct Room {
    shape: Shape,
    speech: Speech,
    /// By speaker: its next number.
    next: Vec<u32>,
    /// By client and speaker of its room: the number that is due.
    expected: Vec<u32>,
    /// By speaker: who has not heard its last message yet, and when it was said.
    waiting: Vec<(usize, Instant)>,
    turns: Turns,
    missing: u64,
    tally: Tally,
}

impl Room {
    /// Closed loop: who spoke speaks again when everyone has heard it.
    pub fn closed(shape: Shape) -> Room {
        Room::new(shape, None)
    }

    /// Open loop: speakers take turns and say so many messages a second in all.
    pub fn paced(shape: Shape, per_second: f64) -> Room {
        Room::new(shape, Some(per_second))
    }

    /// The same with other messages.
    pub fn saying(self, speech: Speech) -> Room {
        Room { speech, ..self }
    }

    fn new(shape: Shape, rate: Option<f64>) -> Room {
        let speakers = shape.rooms * shape.speakers;
        Room {
            shape,
            speech: Speech::new(shape.bytes),
            next: vec![0; speakers],
            expected: vec![0; shape.rooms * shape.members * shape.speakers],
            waiting: vec![(0, Instant::now()); speakers],
            turns: Turns::new(rate),
            missing: 0,
            tally: Tally::default(),
        }
    }

    fn say(&mut self, speaker: usize, now: Instant, outgoing: &mut Outgoing) {
        let number = self.next[speaker];
        self.next[speaker] += 1;
        let listeners = self.shape.members - self.shape.deaf;
        self.waiting[speaker] = (listeners, now);
        self.missing += listeners as u64;
        let room = speaker / self.shape.speakers;
        let client = room * self.shape.members + speaker % self.shape.speakers;
        self.speech
            .append(outgoing.of(client), speaker as u32, number);
    }
}

impl Traffic for Room {
    fn message(&mut self, client: usize, payload: &[u8], now: Instant, outgoing: &mut Outgoing) {
        let shape = self.shape;
        if client % shape.members >= shape.members - shape.deaf {
            return;
        }
        let Some((speaker, number)) = self.speech.read_line(payload) else {
            self.tally.wrong += 1;
            return;
        };
        let speaker = speaker as usize;
        let is_ours = speaker / shape.speakers == client / shape.members;
        if !is_ours || number >= self.next[speaker] {
            self.tally.wrong += 1;
            return;
        }
        let seat = client * shape.speakers + speaker % shape.speakers;
        let accounted = self.tally.hear(&mut self.expected[seat], number);
        if accounted == 0 {
            return;
        }
        self.missing -= accounted;
        let (waiting, said_at) = &mut self.waiting[speaker];
        let index = u64::from(number) * self.next.len() as u64 + speaker as u64;
        self.tally.time(self.turns.start_of(index, *said_at), now);
        *waiting = waiting.saturating_sub(1);
        if *waiting == 0 && self.turns.has_next() {
            self.say(speaker, now, outgoing);
        }
    }
}

impl Script for Room {
    fn begin(&mut self, outgoing: &mut Outgoing) {
        if !self.turns.begin() {
            return;
        }
        for speaker in 0..self.next.len() {
            self.say(speaker, Instant::now(), outgoing);
        }
    }

    fn due(&self) -> Option<Instant> {
        self.turns.due()
    }

    fn speak(&mut self, outgoing: &mut Outgoing) {
        if let Some(index) = self.turns.take() {
            let speaker = index as usize % self.next.len();
            self.say(speaker, Instant::now(), outgoing);
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
