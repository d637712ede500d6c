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
use elsewhere::Standing;
pub use elsewhere::{Elsewhere, Far, Known, OtherHost, OtherRoute};
use thread::Thread;

use super::terms::Terms;
use crate::ids::{HostNumber, RouteId};
use crate::limits::HOSTS_ASK;

/// Whoever wants to know whether a host is there; any thread.
pub(super) struct Ask {
    desk: Arc<Desk>,
    elsewhere: Arc<Elsewhere>,
}

impl Ask {
    /// Whether nothing reaches the host of this number: it has gone, or no host has it. Where it was never seen and Redis
    /// `is_up`, that is asked for its list anew, and waited for, [`HOSTS_ASK`] at most: a host may have come in this second.
    pub(super) fn has_gone(&self, host: HostNumber, is_up: impl Fn() -> bool) -> bool {
        match self.elsewhere.standing(host) {
            Standing::Gone => true,
            Standing::Unseen if is_up() && self.desk.look_anew(HOSTS_ASK) => {
                let is_unseen = self.elsewhere.standing(host) == Standing::Unseen;
                if is_unseen {
                    self.elsewhere.note_nobody(host);
                }
                is_unseen
            }
            Standing::There | Standing::Unseen => false,
        }
    }
}

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

    /// A route is shared from now on. Gives the look behind which others can know.
    pub(super) fn add(&self, id: RouteId, path: Arc<str>, here: Here) -> u64 {
        self.desk.add(OwnRoute { id, path, here })
    }

    /// Waits until others can know, [`HOSTS_ASK`] at most: so that nobody takes the numbers of the clients that come then
    /// for nobody's.
    pub(super) fn wait_for(&self, look: u64) {
        self.desk.wait_for(look, HOSTS_ASK);
    }

    /// A route is shared no more.
    pub fn remove(&self, id: RouteId) {
        self.desk.state.lock().routes.retain(|of| of.id != id);
    }

    /// Whether no route is left.
    pub fn is_idle(&self) -> bool {
        self.desk.state.lock().routes.is_empty()
    }

    /// For whoever wants to know whether a host is there.
    pub(super) fn ask(&self) -> Ask {
        Ask {
            desk: self.desk.clone(),
            elsewhere: self.elsewhere.clone(),
        }
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
