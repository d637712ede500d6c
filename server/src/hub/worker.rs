//! The loop of the hub's thread: which lane is worked on, for how long, and when the thread sleeps.

use std::collections::HashMap;
use std::sync::Arc;

use super::lane::{Lane, Outcome};
use super::queue::Queue;
use super::register::Register;
use super::slice::Slice;
use super::turns::{Turn, Turns};
use crate::counters::{COUNTERS, is_measured};
use crate::ids::{ByNumber, ClientId, RouteId};
use crate::threads::{fault_point, stall_point};

/// State of the thread; nobody else sees it.
pub(super) struct Worker {
    register: Arc<Register>,
    turns: Turns<Box<Lane>>,
    /// Lanes that have nothing to do.
    resting: HashMap<RouteId, Box<Lane>, ByNumber>,
    on_left: Box<dyn Fn(ClientId) + Send>,
    /// Memory for what the intake gives.
    listed: Vec<Arc<Queue>>,
}

impl Worker {
    pub(super) fn new(register: Arc<Register>, on_left: Box<dyn Fn(ClientId) + Send>) -> Worker {
        Worker {
            register,
            turns: Turns::new(),
            resting: HashMap::default(),
            on_left,
            listed: Vec::new(),
        }
    }

    /// The thread's body; blocks while no route has anything, and ends behind the end of all of them.
    pub(super) fn run(mut self) {
        loop {
            self.take_in();
            match self.turns.next() {
                Some(turn) => self.work(turn),
                None if self.register.is_over() => return,
                None => {
                    let register = &self.register;
                    register.intake().sleep(|| register.is_over());
                }
            }
        }
    }

    /// A queue that was listed is that of a lane that rests, or that there is none of yet.
    fn take_in(&mut self) {
        self.register.intake().take(&mut self.listed);
        for queue in self.listed.drain(..) {
            let resting = self.resting.remove(&queue.route());
            let lane = resting.unwrap_or_else(|| Box::new(Lane::new(queue)));
            self.turns.enter(lane);
        }
    }

    fn work(&mut self, mut turn: Turn<Box<Lane>>) {
        fault_point("hub");
        stall_point("hub");
        let others = turn.gives_way().then_some(self.register.intake());
        let mut slice = Slice::new(turn.time(), others);
        let outcome = turn.who.work(&mut slice, &*self.on_left);
        let elapsed = slice.elapsed();
        turn.charge(elapsed);
        if is_measured() {
            COUNTERS.hub.turns.add(elapsed);
            turn.who.note_work(elapsed);
        }
        match outcome {
            Outcome::Left => self.turns.put_back(turn),
            Outcome::Gathers(time) => {
                // Where others have something there is no time for that.
                if self.turns.is_empty() {
                    let intake = self.register.intake();
                    let queue = turn.who.queue();
                    intake.sleep_at_most(time, || queue.has_enough_or_rings());
                }
                self.turns.put_back(turn);
            }
            Outcome::Done => {
                let Some(mut turn) = self.turns.let_go(turn) else {
                    return;
                };
                if turn.who.rests() {
                    let lane = turn.who;
                    self.resting.insert(lane.queue().route(), lane);
                } else {
                    self.turns.put_back(turn);
                }
            }
            Outcome::Ended => self.register.forget(turn.who.queue().route()),
        }
    }
}
