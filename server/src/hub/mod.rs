//! The thread `hub`: the one owner of who is here and who is a member of what; every broadcast.
//!
//! It never runs plugin code, never waits but for the next event and, in a busy room, for a
//! millisecond at most in which more is said (`gather`); it takes no lock that is held across a
//! blocking call. Knows outboxes; knows neither connections nor plugins.
//!
//! # The way of an event
//!
//! ```text
//! any thread                         hub thread
//! RouteHandle::post ─> Queue ══════> Lane ─> Run ══ walk ══> Outbox of each member ─> socket
//!     waits while it    one a route   │
//!     is full           │             └ Members: who is on the route, who is in which topic
//!                       └─> Intake (routes that have something) ─> Turns (whose turn it is)
//! ```
//!
//! | what | type on the border | owned by | bounded by |
//! | --- | --- | --- | --- |
//! | what is said about one route | [`Event`] | `queue::Queue`, shared | `limits.route_queue` bytes, an event counts 2 KiB at least |
//! | routes that have something and that the hub has not looked at | `Arc<Queue>` | `intake::Intake`, shared | one entry a route |
//! | the routes that there are | `handle::RouteHandle` | `register::Register`, shared | one entry a route |
//! | what one route wants of the hub | `lane::Lane` | the hub thread | the queue, and a run |
//! | whose turn it is | `turns::Turns` | the hub thread | one entry a route |
//! | consecutive broadcasts to one topic | `run::Run` | its lane | `RUN_BYTES_MAX`, or one message |
//! | what is kept of topics, and who is behind | `past::Past` | its lane | `[route.journal]`, one piece, `client.backlog` for each who is behind |
//! | who is where | `members::Members` | its lane | clients, topics of a client |
//!
//! # Routes do not hold each other up
//!
//! Each route has a queue of its own, so that who speaks on a full one waits in front of that one:
//! first come, first served, since an event stands in the queue before its thread waits. `Opened`,
//! `Closed` and what ends a route stand in the same order and never wait.
//!
//! The hub works on one lane at a time, in turns that are paid for with the time they took
//! (`turns`: deficit round robin, in which a lane that has been silent comes first). A lane's
//! round is: take events, collecting broadcasts to one topic into a run; then send the run to each
//! member from where it was collected, and flush every outbox that was touched. Each of these walks
//! can be left between two members and is taken up there in the lane's next turn: nothing but the lane's own
//! events changes its members. A lane is left when it has used up its turn (`TURN`), and, if it is one that
//! goes on and on, as soon as a silent one has something, which is looked at after `STEPS_PER_LOOK` sends
//! or so many pages of bytes. So what a quiet route says waits for some 50 µs of another's work, and for at most
//! a `TURN` of each other route that is busy. Within a route, what a round has queued for members of one topic is
//! flushed before a walk through a much larger one and, at the latest, in the lane's next turn: not only when
//! the route's queue is empty, which it never is while it is flooded.
//!
//! # Wake-ups, and why none is lost
//!
//! A queue is `Unknown` to the hub (it is empty and its lane rests), `Listed` (it stands in the intake,
//! and the hub was not woken for it), or `Known` (the hub was woken for it, or works on it and looks again
//! before it rests). The state changes only under the queue's lock. Who puts something into a queue that is
//! unknown lists it; who does it loudly rings the bell once it is listed, or if it was listed quietly.
//! A lane rests only by finding its queue empty under that lock, so that an event is either seen
//! then or finds the queue unknown. The bell: who rings has listed before it looks whether the hub sleeps,
//! and the hub says that it sleeps before it looks at the list a last time; a fence between the two on
//! either side lets one of them see the other.
//!
//! # What it costs
//!
//! An event costs its sender one lock of its own route's queue; a list entry and a bell only where the
//! hub did not know of the route. A round costs the hub four short locks of the queue and one look at the clock for
//! each turn and walk; a member costs its outbox's lock and one `send`, with no return of a function
//! behind the system call (see [`Outbox::deliver`]). An idle route costs its queue and, if
//! somebody is on it, its lane with its tables: some hundred bytes.
//!
//! # Order
//!
//! Everything that is said about a route passes its one queue, so that all members of a topic see its messages
//! in one order. [`RouteHandle::post`] gives an event's number, and [`RouteHandle::has_settled`] says whether what it
//! causes stands in the outboxes: with these a thread keeps what it does past the hub in order with what it
//! does through it.
//!
//! [`Outbox::deliver`]: crate::outbox::Outbox::deliver

mod event;
mod gather;
mod handle;
mod intake;
mod keeping;
mod lane;
mod members;
mod message;
mod newcomers;
mod past;
mod presence;
mod queue;
mod register;
mod requests;
mod run;
mod run_order;
mod slice;
mod topic;
mod turns;
mod walk;
mod worker;

use std::io;
use std::thread::{self, JoinHandle};

pub use event::Event;
pub use handle::{HubHandle, RouteHandle};
pub use message::{Audience, Message};
pub use queue::QueueLoad;
pub use requests::{
    Answer, JoinFrom, JoinTold, Joined, Joining, Keep, Kept, Late, Listed, Notice, Notices,
    Published, Read, Share, StreamNews,
};

use crate::ids::ClientId;
use register::Register;
#[cfg(any(test, fuzzing))]
pub(crate) use run::fuzz::compressed_runs_hold;
use worker::Worker;

/// The running thread.
pub struct Hub {
    handle: HubHandle,
    thread: JoinHandle<()>,
}

impl Hub {
    /// Starts the thread. It calls `on_left` for each client whose [`Event::Closed`] it has taken: nothing
    /// here knows of that client any more. `on_left` must not wait.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn start(on_left: impl Fn(ClientId) + Send + 'static) -> io::Result<Hub> {
        let register = Register::new();
        let worker = Worker::new(register.clone(), Box::new(on_left));
        let thread = thread::Builder::new()
            .name("hub".to_owned())
            .spawn(move || worker.run())?;
        let handle = HubHandle::new(register);
        Ok(Hub { handle, thread })
    }

    /// The way to it.
    pub fn handle(&self) -> HubHandle {
        self.handle.clone()
    }

    /// Ends the thread behind everything posted so far, and waits for it.
    pub fn end(self) {
        self.handle.end();
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}

#[cfg(test)]
mod tests;
