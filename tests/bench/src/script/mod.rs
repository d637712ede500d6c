//! What clients say and when, and the one loop that lets them.

mod echo;
mod publishers;
mod room;
mod settle;
mod turns;

pub use echo::Echo;
pub use publishers::{Pace, Publishers, Voice};
pub use room::{Room, Shape};
pub use settle::{settle, settle_listeners};

use std::time::{Duration, Instant};

use crate::swarm::{Outgoing, Swarm, Traffic};
use crate::tally::Tally;

/// Time for what is on its way when the clients fall silent.
const REST_TIMEOUT: Duration = Duration::from_secs(10);

/// A load's clients as actors.
pub trait Script: Traffic {
    /// The first messages; a script at a pace begins its clock.
    fn begin(&mut self, outgoing: &mut Outgoing);
    /// When [`Script::speak`] is to be called next; none where only answers matter.
    fn due(&self) -> Option<Instant>;
    /// Says what is due.
    fn speak(&mut self, outgoing: &mut Outgoing);
    /// From now on nothing new is said.
    fn stop(&mut self);
    /// Messages on their way.
    fn missing(&self) -> u64;
    /// What was heard.
    fn tally(&mut self) -> &mut Tally;
}

/// Plays a script until `until`.
///
/// # Errors
/// The kernel's.
pub fn play(swarm: &mut Swarm, script: &mut impl Script, until: Instant) -> Result<(), String> {
    loop {
        let mut wake = until;
        while let Some(due) = script.due() {
            if due > Instant::now() {
                wake = wake.min(due);
                break;
            }
            swarm.say(|outgoing| script.speak(outgoing));
        }
        if Instant::now() >= until {
            return Ok(());
        }
        swarm.poll(wake, script)?;
    }
}

/// Lets the clients fall silent and waits for what is on its way, or for the time it is given.
///
/// # Errors
/// The kernel's.
pub fn rest(swarm: &mut Swarm, script: &mut impl Script) -> Result<(), String> {
    script.stop();
    let deadline = Instant::now() + REST_TIMEOUT;
    while script.missing() > 0 && Instant::now() < deadline && swarm.ended() < swarm.len() {
        swarm.poll(deadline, script)?;
    }
    Ok(())
}
