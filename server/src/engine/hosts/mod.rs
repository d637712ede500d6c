//! What the hosts of one Redis know of each other: who is there, and which clients each has on the routes that they share.
//!
//! One thread for all shared routes, `engine-hosts`: every second it tells what this host has, where that has changed, and
//! reads what the others have. It alone waits for Redis; whoever asks gets what was read last ([`Elsewhere`]).
//!
//! | file | holds |
//! | --- | --- |
//! | `desk` | what the main thread wants of the thread |
//! | `elsewhere` | what is known of the other hosts |
//! | `own` | what this host has |
//! | `word` | what stands in Redis of a host |
//! | `others` | how that is read |
//! | `thread` | the thread |

mod desk;
mod elsewhere;
mod others;
mod own;
mod thread;
mod word;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use desk::{Desk, OwnRoute};
pub use desk::{EachClient, Here};
pub use elsewhere::{Elsewhere, Far, Known, OtherHost, OtherRoute};
use thread::Thread;

use super::terms::Terms;
use crate::ids::RouteId;

/// The thread of all shared routes, and what it knows. The main thread adds and removes routes.
pub struct Hosts {
    desk: Arc<Desk>,
    elsewhere: Arc<Elsewhere>,
    thread: JoinHandle<()>,
}

impl Hosts {
    /// Starts the thread. Waits for nothing.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn start(terms: &Terms) -> io::Result<Hosts> {
        let (desk, elsewhere) = (Arc::<Desk>::default(), Arc::<Elsewhere>::default());
        let thread = Thread::new(terms, desk.clone(), elsewhere.clone());
        let thread = std::thread::Builder::new()
            .name("engine-hosts".to_owned())
            .spawn(move || thread.run())?;
        Ok(Hosts {
            desk,
            elsewhere,
            thread,
        })
    }

    /// A route is shared from now on.
    pub(super) fn add(&self, id: RouteId, path: Arc<str>, here: Here) {
        let route = OwnRoute { id, path, here };
        let mut state = self.desk.state.lock();
        state.routes.push(route);
        state.has_changed = true;
        drop(state);
        self.desk.bell.notify_all();
    }

    /// A route is shared no more.
    pub fn remove(&self, id: RouteId) {
        self.desk.state.lock().routes.retain(|of| of.id != id);
    }

    /// Whether no route is left.
    pub fn is_idle(&self) -> bool {
        self.desk.state.lock().routes.is_empty()
    }

    /// What it knows of the others.
    pub(super) fn elsewhere(&self) -> Arc<Elsewhere> {
        self.elsewhere.clone()
    }

    /// The other hosts are told that this one goes, as far as Redis is there. Never waits.
    pub fn end(&self) {
        self.desk.state.lock().is_ending = true;
        self.desk.bell.notify_all();
    }

    /// Whether the thread has ended.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the thread, which ends behind [`Hosts::end`], and waits for Redis.
    pub fn join(self) {
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}
