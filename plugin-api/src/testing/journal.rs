//! What is kept of a topic, as the server's journals keep it in memory.
//!
//! It knows messages and positions; who is a member is [`super::world`]'s.

use std::collections::VecDeque;

use super::received::Received;
use crate::abi::{self, POSITION_BYTES, Status};

/// Of a journal in a file, what is in memory too: so much of all of a route in the server.
const MEMORY_BYTES_MAX: usize = 4 << 20;

/// Messages of one topic, the oldest first.
#[derive(Clone)]
pub(super) struct Journal {
    kept: VecDeque<(u64, Received)>,
    /// Number of the last message; 0 where there was none.
    pub(super) last: u64,
    /// The counting, in every position of it.
    pub(super) epoch: u64,
    /// The first number that is in memory, and not in a file alone.
    memory_from: u64,
    /// From there on.
    memory_bytes: usize,
}

/// From where on to join or read.
#[derive(Clone)]
pub(super) enum Since {
    Now,
    Last(u64),
    /// A position as text, and how many of the last where there is a gap.
    After(Vec<u8>, u64),
}

pub(super) struct Published {
    pub(super) epoch: u64,
    pub(super) position: u64,
    pub(super) members: u64,
}

/// How joining went: a `JOINED_`, and the position behind which everything comes.
pub(super) struct Joined {
    pub(super) outcome: u32,
    pub(super) epoch: u64,
    pub(super) position: u64,
}

pub(super) struct Kept {
    pub(super) outcome: u32,
    pub(super) epoch: u64,
    pub(super) messages: Vec<(u64, Received)>,
    pub(super) next: u64,
    pub(super) has_more: bool,
}

/// What is said to who joins, with the place of the position: fresh, recovered, gap.
#[derive(Clone)]
pub(super) struct Notices(pub(super) [Option<(Received, Option<usize>)>; 3]);

impl Notices {
    pub(super) fn of(&self, joined: &Joined) -> Option<Received> {
        let index = match joined.outcome {
            abi::JOINED_FRESH => 0,
            abi::JOINED_RECOVERED => 1,
            _ => 2,
        };
        let (notice, place) = self.0[index].clone()?;
        Some(with_position(
            notice,
            place,
            &text(joined.epoch, joined.position),
        ))
    }
}

impl Since {
    /// # Errors
    /// It is no `SINCE_`.
    pub(super) fn read(since: u32, position: &[u8], last: u64) -> Result<Since, Status> {
        match since {
            abi::SINCE_NOW => Ok(Since::Now),
            abi::SINCE_LAST => Ok(Since::Last(last)),
            abi::SINCE_AFTER => Ok(Since::After(position.to_vec(), last)),
            _ => Err(abi::INVALID),
        }
    }
}

impl Journal {
    pub(super) fn new(epoch: u64) -> Journal {
        Journal {
            kept: VecDeque::new(),
            last: 0,
            epoch,
            memory_from: 1,
            memory_bytes: 0,
        }
    }

    /// What is too much for memory is in the file alone.
    pub(super) fn leave_memory(&mut self) {
        for (number, message) in &self.kept {
            if self.memory_bytes <= MEMORY_BYTES_MAX {
                return;
            }
            if *number >= self.memory_from {
                self.memory_bytes -= message.as_bytes().len();
                self.memory_from = number + 1;
            }
        }
    }

    /// Whether something that is wanted is in a file alone.
    pub(super) fn asks_disk(&self, since: &Since) -> bool {
        let (_, mut missed) = self.find(since);
        missed
            .next()
            .is_some_and(|(number, _)| *number < self.memory_from)
    }

    pub(super) fn push(&mut self, message: Received, kept_max: usize) -> u64 {
        self.last += 1;
        self.memory_bytes += message.as_bytes().len();
        self.kept.push_back((self.last, message));
        while self.kept.len() > kept_max {
            let gone = self.kept.pop_front();
            if let Some((number, message)) = gone.filter(|(of, _)| *of >= self.memory_from) {
                self.memory_bytes -= message.as_bytes().len();
                self.memory_from = number + 1;
            }
        }
        self.last
    }

    pub(super) fn keep(
        &mut self,
        message: Received,
        position_at: Option<usize>,
        kept_max: usize,
    ) -> (u64, Received) {
        let position = text(self.epoch, self.last + 1);
        let message = with_position(message, position_at, &position);
        (self.push(message.clone(), kept_max), message)
    }

    pub(super) fn joined_already(&self) -> Joined {
        Joined {
            outcome: abi::JOINED_RECOVERED,
            epoch: self.epoch,
            position: self.last,
        }
    }

    /// How it goes for who asks from there on, and what it has missed.
    pub(super) fn since(&self, since: &Since) -> (Joined, Vec<(u64, Received)>) {
        let (joined, missed) = self.find(since);
        let missed = missed.cloned().collect();
        (joined, missed)
    }

    pub(super) fn read(&self, since: &Since, messages_max: u64, bytes_max: u64) -> Kept {
        let (joined, found) = self.find(since);
        let mut messages: Vec<(u64, Received)> = Vec::new();
        let (mut bytes, mut has_more) = (0, false);
        for (number, message) in found {
            bytes += message.as_bytes().len() as u64;
            let is_full = messages.len() as u64 >= messages_max;
            if is_full || (bytes > bytes_max && !messages.is_empty()) {
                has_more = true;
                break;
            }
            messages.push((*number, message.clone()));
        }
        Kept {
            outcome: joined.outcome,
            epoch: self.epoch,
            next: messages
                .last()
                .map_or(joined.position, |(number, _)| *number),
            messages,
            has_more,
        }
    }

    fn find(&self, since: &Since) -> (Joined, impl Iterator<Item = &(u64, Received)>) {
        let oldest = self
            .kept
            .front()
            .map_or(self.last + 1, |(number, _)| *number);
        let last = |count: u64| (self.last.saturating_sub(count)).max(oldest - 1);
        let (outcome, position) = match since {
            Since::Now => (abi::JOINED_FRESH, self.last),
            Since::Last(count) => (abi::JOINED_FRESH, last(*count)),
            Since::After(position, count) => match parse(self.epoch, position) {
                Some(position) if (oldest - 1..=self.last).contains(&position) => {
                    (abi::JOINED_RECOVERED, position)
                }
                Some(position) if position < oldest => {
                    (abi::JOINED_GAP_TOO_OLD, last(*count).max(position))
                }
                _ => (abi::JOINED_GAP_OTHER_EPOCH, last(*count)),
            },
        };
        let behind = self
            .kept
            .iter()
            .filter(move |(number, _)| *number > position);
        let epoch = self.epoch;
        let joined = Joined {
            outcome,
            epoch,
            position,
        };
        (joined, behind)
    }
}

/// A position as text.
pub(super) fn text(epoch: u64, position: u64) -> [u8; POSITION_BYTES] {
    let mut text = [0; POSITION_BYTES];
    text.copy_from_slice(format!("{epoch:08x}-{position:015x}").as_bytes());
    text
}

fn parse(counting: u64, position: &[u8]) -> Option<u64> {
    let (epoch, number) = std::str::from_utf8(position).ok()?.split_once('-')?;
    let is_ours =
        position.len() == POSITION_BYTES && u64::from_str_radix(epoch, 16) == Ok(counting);
    is_ours
        .then(|| u64::from_str_radix(number, 16).ok())
        .flatten()
}

/// Why something is missing, as clients are told.
pub(super) fn gap(outcome: u32) -> Option<&'static str> {
    match outcome {
        abi::JOINED_GAP_TOO_OLD => Some("too-old"),
        abi::JOINED_GAP_OTHER_EPOCH => Some("other-epoch"),
        _ => None,
    }
}

/// The message with the position written where its author wants it; what stands there is ASCII.
fn with_position(message: Received, place: Option<usize>, position: &[u8]) -> Received {
    let Some(at) = place else { return message };
    let mut bytes = message.as_bytes().to_vec();
    bytes[at..at + POSITION_BYTES].copy_from_slice(position);
    match message {
        Received::Text(_) => Received::Text(String::from_utf8_lossy(&bytes).into_owned()),
        Received::Binary(_) => Received::Binary(bytes),
    }
}

/// A place for a position inside a payload, as the ABI has it.
///
/// # Errors
/// It is not inside, or what stands there is not ASCII.
pub(super) fn place(at: u64, payload: &[u8]) -> Result<Option<usize>, Status> {
    if at == abi::NO_PLACE {
        return Ok(None);
    }
    let begin = usize::try_from(at).map_err(|_| abi::INVALID)?;
    let end = begin.checked_add(POSITION_BYTES).ok_or(abi::INVALID)?;
    match payload.get(begin..end) {
        Some(place) if place.is_ascii() => Ok(Some(begin)),
        _ => Err(abi::INVALID),
    }
}
