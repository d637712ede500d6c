//! Waits until everyone is really in its room: some servers answer the handshake first and put the
//! client into the room later, and what is said in between would count as lost.

use std::time::{Duration, Instant};

use super::Shape;
use crate::speech::Speech;
use crate::swarm::{Outgoing, Swarm, Traffic};

/// Time for one word to reach everyone before another is said.
const PATIENCE: Duration = Duration::from_millis(500);
const WORDS_MAX: u32 = 60;
const WORD_BYTES: usize = 64;

/// One member of each room says word after word until all have heard the last one. What all have heard
/// last is the last on its way, as everyone hears a speaker in order.
///
/// # Errors
/// Not all hear, even after half a minute.
pub fn settle(swarm: &mut Swarm, shape: Shape) -> Result<(), String> {
    let members = swarm.len();
    repeat(swarm, members, |outgoing, speech, word| {
        for room in 0..shape.rooms {
            let out = outgoing.of(room * shape.members);
            speech.append(out, room as u32, word);
        }
    })
}

/// The same by requests to `target` of the client behind all listeners.
///
/// # Errors
/// See [`settle`].
pub fn settle_listeners(swarm: &mut Swarm, listeners: usize, target: &str) -> Result<(), String> {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\
         Content-Length: {WORD_BYTES}\r\n\r\n"
    );
    repeat(swarm, listeners, |outgoing, speech, word| {
        let out = outgoing.of(listeners);
        out.extend_from_slice(head.as_bytes());
        speech.append_plain(out, 0, word);
    })
}

fn repeat(
    swarm: &mut Swarm,
    listeners: usize,
    mut say: impl FnMut(&mut Outgoing, &Speech, u32),
) -> Result<(), String> {
    let mut ears = Ears {
        speech: Speech::new(WORD_BYTES),
        last: vec![0; listeners],
        word: 0,
        waiting: listeners,
        answers: 0,
    };
    let has_answers = swarm.len() > listeners;
    for word in 1..=WORDS_MAX {
        ears.word = word;
        ears.waiting = listeners;
        swarm.say(|outgoing| say(outgoing, &ears.speech, word));
        let deadline = Instant::now() + PATIENCE;
        let is_silent = |ears: &Ears| ears.waiting == 0 && (!has_answers || ears.answers == word);
        while !is_silent(&ears) && Instant::now() < deadline {
            swarm.poll(deadline, &mut ears)?;
        }
        if is_silent(&ears) {
            return Ok(());
        }
    }
    let fault = swarm.first_fault().unwrap_or("no connection ended");
    Err(format!(
        "{} members of rooms hear nothing ({fault})",
        ears.waiting
    ))
}

struct Ears {
    speech: Speech,
    /// By listener: the last word it heard.
    last: Vec<u32>,
    word: u32,
    /// Listeners that have not heard the last word.
    waiting: usize,
    /// Answers to requests.
    answers: u32,
}

impl Traffic for Ears {
    fn message(&mut self, client: usize, payload: &[u8], _: Instant, _: &mut Outgoing) {
        let Some(last) = self.last.get_mut(client) else {
            self.answers += 1;
            return;
        };
        let read = self.speech.read_line(payload);
        if let Some((_, word)) = read.or_else(|| self.speech.read(payload))
            && word == self.word
            && *last != word
        {
            *last = word;
            self.waiting -= 1;
        }
    }
}
