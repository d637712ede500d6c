//! What waits for a client's turn: calls of its plugin that are about its session and come from elsewhere.
//!
//! Any thread puts one in; who has the client's seat takes them out, its connection thread behind a callback, or the
//! thread of the route's timers where none runs. Knows nothing of what a call is.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::Roster;
use crate::ids::{ClientId, RouteId};
use crate::limits::CALLS_PER_CLIENT_MAX;

/// What waits: the plugin room knows what it is.
pub type Call = Arc<dyn Any + Send + Sync>;

/// Why a call does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTurn {
    /// The client cannot be named any more.
    Gone,
    /// As many wait already as may.
    TooMany,
}

/// The calls that wait for one client.
#[derive(Default)]
pub(super) struct Calls {
    /// There are some; read without the lock behind each callback.
    has_some: AtomicBool,
    list: Mutex<Vec<Call>>,
}

impl Roster {
    /// Has `call` wait for the turn of `client`; one that waits already waits on.
    ///
    /// # Errors
    /// See [`NoTurn`].
    pub fn put_call(&self, client: ClientId, route: RouteId, call: Call) -> Result<(), NoTurn> {
        let slot = self.slot(client);
        let mut list = slot.calls.list.lock();
        // Who ends the client closes it first and takes what waits then.
        if !slot.is_open(client, route) {
            return Err(NoTurn::Gone);
        }
        if list.iter().any(|waiting| Arc::ptr_eq(waiting, &call)) {
            return Ok(());
        }
        if list.len() >= CALLS_PER_CLIENT_MAX {
            return Err(NoTurn::TooMany);
        }
        list.push(call);
        slot.calls.has_some.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether something waits for the turn of `client`.
    pub fn has_calls(&self, client: ClientId) -> bool {
        self.slot(client).calls.has_some.load(Ordering::Acquire)
    }

    /// Takes what waits, in the order it came; who has the seat of `client` calls it.
    pub fn take_calls(&self, client: ClientId) -> Vec<Call> {
        let calls = &self.slot(client).calls;
        let mut list = calls.list.lock();
        calls.has_some.store(false, Ordering::Release);
        std::mem::take(&mut list)
    }
}
