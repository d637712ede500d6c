//! What the main thread wants of the thread `engine-hosts`. Shared by both; locked by that thread while it looks at who is
//! here, which is some milliseconds where there are many.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::ids::{ClientId, RouteId};
use crate::outbox::Outbox;

/// Shows each client that is open on a route to a function. Takes no lock that anybody holds for long.
pub type EachClient = Box<dyn Fn(&mut dyn FnMut(ClientId, &Arc<Outbox>)) + Send>;

/// Which clients a route has here.
pub struct Here {
    /// How many.
    pub count: Arc<AtomicU64>,
    /// Who.
    pub each: EachClient,
}

/// A route of this host that is shared.
pub(super) struct OwnRoute {
    pub(super) id: RouteId,
    pub(super) path: Arc<str>,
    pub(super) here: Here,
}

/// Between the main thread and that of the hosts.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) state: Mutex<Orders>,
    /// Signalled where there is something to do before the next look is due.
    pub(super) bell: Condvar,
}

#[derive(Default)]
pub(super) struct Orders {
    pub(super) routes: Vec<OwnRoute>,
    pub(super) has_changed: bool,
    pub(super) is_ending: bool,
}

impl Desk {
    /// Waits so long, or until there is something to do; whether that is to end.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut state = self.state.lock();
        while !state.is_ending && !std::mem::take(&mut state.has_changed) {
            if self.bell.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.is_ending
    }

    pub(super) fn is_ending(&self) -> bool {
        self.state.lock().is_ending
    }
}
