//! Waits until everyone is really in its room: some servers answer the handshake first and put the
//! client into the room later, and what is said in between would count as lost.

use std::time::{Duration, Instant};

use super::Shape;
use crate::speech::Speech;
use crate::swarm::{Outgoing, Swarm, Traffic};

/// Time for one word to reach everyone before another is said.
const PATIENCE: Duration = Duration::from_millis(500);
const WORDS_MAX: u32 = 60;

/// One member of each room says word after word until all have heard the last one. What all have heard
/// last is the last on its way, as everyone hears a speaker in order.
///
/// # Errors
/// Not all hear, even after half a minute.
pub fn settle(swarm: &mut Swarm, shape: Shape) -> Result<(), String> {
    let mut ears = Ears {
        speech: Speech::new(64),
        last: vec![0; swarm.len()],
        word: 0,
        waiting: swarm.len(),
    };
    for word in 1..=WORDS_MAX {
        ears.word = word;
        ears.waiting = swarm.len();
        swarm.say(|outgoing| {
            for room in 0..shape.rooms {
                let out = outgoing.of(room * shape.members);
                ears.speech.append(out, room as u32, word);
            }
        });
        let deadline = Instant::now() + PATIENCE;
        while ears.waiting > 0 && Instant::now() < deadline {
            swarm.poll(deadline, &mut ears)?;
        }
        if ears.waiting == 0 {
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
    /// By client: the last word it heard.
    last: Vec<u32>,
    word: u32,
    /// Clients that have not heard the last word.
    waiting: usize,
}

impl Traffic for Ears {
    fn message(&mut self, client: usize, payload: &[u8], _: Instant, _: &mut Outgoing) {
        if let Some((_, word)) = self.speech.read_line(payload)
            && word == self.word
            && self.last[client] != word
        {
            self.last[client] = word;
            self.waiting -= 1;
        }
    }
}
