//! Replaces a route's instance under its connected clients: all of it, or nothing.
//!
//! Main thread. While a hand-over is prepared and until it is committed or given up, it holds the
//! route's gate and every client's seat, so that no callback of the route runs; clients notice a
//! pause and nothing else. Topics and membership are the hub's and stay as they are.
#![allow(unsafe_code)]

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{MutexGuard, RwLockWriteGuard};
use plugin_api::abi::{Bytes, Sink, Status};

use super::Instance;
use super::callbacks::CallbackError;
use super::lifecycle::{Before, NotDone, call};
use super::route::Route;
use crate::ids::ClientId;
use crate::limits::HAND_OVER_WAIT;
use crate::plugin::host::client_view_table::Shown;
use crate::plugin::host::sink;
use crate::plugin::library::Library;
use crate::roster::{HeldSeats, Seat, Session};
use crate::threads::crash;

/// Why the old instance goes on.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    /// A callback did not return in time: it is put off.
    #[error("a callback has not returned within {} s; reload again when it has", HAND_OVER_WAIT.as_secs())]
    Busy,
    /// The old and the new library do not understand each other's state.
    #[error(
        "the new library reads state format {new}, the one at work writes {old}: restart the server to replace it"
    )]
    StateFormat {
        /// Of the library at work.
        old: u32,
        /// Those that the new one reads.
        new: String,
    },
    /// A call failed or panicked.
    #[error("{0}")]
    Call(String),
}

/// A hand-over that is prepared and can only be committed or given up. Dropping it gives it up.
pub struct HandOver<'a> {
    route: &'a Arc<Route>,
    old: Arc<Instance>,
    new: Arc<Instance>,
    is_committed: bool,
    /// Each client with the session that the new instance made for it.
    moved: Vec<(MutexGuard<'a, Option<Seat>>, Session)>,
    _gate: RwLockWriteGuard<'a, ()>,
    since: Instant,
}

/// What a committed hand-over leaves to do, when the clients go on already.
pub struct Replaced {
    old: Arc<Instance>,
    clients: usize,
    /// For how long callbacks were held back.
    pause: Duration,
}

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.pause.as_secs_f64() * 1000.0;
        write!(
            f,
            "{} clients, paused for {milliseconds:.1} ms",
            self.clients
        )
    }
}

impl<'a> HandOver<'a> {
    /// Stops the route's callbacks and makes an instance of `library` with `config`, and with all
    /// that the old one leaves to it. Blocks for callbacks that run (at most [`HAND_OVER_WAIT`])
    /// and for the plugins' own code.
    ///
    /// # Errors
    /// See [`HandOverError`]; the old instance then goes on as if nothing had happened.
    pub fn prepare(
        route: &'a Arc<Route>,
        library: Arc<Library>,
        config: &str,
    ) -> Result<HandOver<'a>, HandOverError> {
        let old = route.instance();
        let from = old.library.state_format;
        if !library.reads_state_format(from) {
            let new = library.state_formats();
            return Err(HandOverError::StateFormat { old: from, new });
        }
        let since = Instant::now();
        let (gate, mut seats) = hold(route, since + HAND_OVER_WAIT)?;
        run_calls(&old, &mut seats);
        let state = save_state(&old)?;
        let generation = old.generation + 1;
        let parts = route.parts.clone();
        let before = Before {
            state_format: from,
            state: state.as_deref(),
        };
        let new = Instance::create(library, parts, generation, config, Some(before))
            .map_err(HandOverError::Call)?;
        let mut hand_over = HandOver {
            route,
            old,
            new,
            is_committed: false,
            moved: Vec::with_capacity(seats.len()),
            _gate: gate,
            since,
        };
        for (client, mut seat) in seats {
            let Some(taken) = seat.as_mut() else { continue };
            let saved = save_session(&hand_over.old, client, taken)?;
            let session = hand_over
                .new
                .on_resume(client, &taken.request, saved.as_deref())
                .map_err(|error| {
                    HandOverError::Call(format!("client {client}: {}", of_resume(&error)))
                })?;
            hand_over.moved.push((seat, session));
        }
        Ok(hand_over)
    }

    /// The new instance takes over: its held-back messages go out, the clients' callbacks go on.
    pub fn commit(mut self) -> Replaced {
        self.is_committed = true;
        self.old.retire();
        // Before the first seat is free: who gets it looks for the instance of its generation.
        self.route.put_to_work(&self.new);
        let clients = self.moved.len();
        for (mut seat, session) in self.moved.drain(..) {
            if let Some(seat) = seat.as_mut() {
                let left = std::mem::replace(&mut seat.session, session);
                seat.generation = self.new.generation;
                self.old.drop_session(left);
            }
        }
        Replaced {
            old: self.old.clone(),
            clients,
            pause: self.since.elapsed(),
        }
    }
}

impl Drop for HandOver<'_> {
    /// Not committed: what was made of the new instance goes, and the old one goes on.
    fn drop(&mut self) {
        if self.is_committed {
            return;
        }
        self.new.retire();
        for (_, session) in self.moved.drain(..) {
            self.new.drop_session(session);
        }
        self.new.destroy();
    }
}

impl Replaced {
    /// Ends the old instance. Blocks as long as its `destroy` does.
    pub fn destroy_old(self) {
        self.old.destroy();
    }
}

/// Takes the gate and all seats of the route, or none of them.
fn hold(
    route: &Route,
    deadline: Instant,
) -> Result<(RwLockWriteGuard<'_, ()>, HeldSeats<'_>), HandOverError> {
    let gate = route
        .gate
        .try_write_until(deadline)
        .ok_or(HandOverError::Busy)?;
    let roster = &route.parts.services.roster;
    let seats = roster.lock_seats(route.id(), deadline);
    Ok((gate, seats.ok_or(HandOverError::Busy)?))
}

/// What is the callback `on_open` to the ABI is another one to whoever wrote the plugin.
fn of_resume(error: &CallbackError) -> String {
    match error {
        CallbackError::Failed { text, .. } => format!("on_resume failed: {text}"),
        CallbackError::Panicked { text, .. } => format!("on_resume panicked: {text}"),
        other => other.to_string(),
    }
}

/// What waits for the turns of clients is about sessions of the old code, and cannot wait for the new one.
fn run_calls(old: &Instance, seats: &mut HeldSeats<'_>) {
    let roster = &old.host.route.services.roster;
    for (client, seat) in seats {
        if let Some(seat) = seat.as_mut().filter(|_| roster.has_calls(*client)) {
            let _shown = Shown::to_callbacks(*client, seat.request.clone());
            let _says_what = crash::run_for(roster.activity(*client).word(), client.0);
            old.run_calls(*client, &mut seat.session);
        }
    }
}

fn save_state(old: &Instance) -> Result<Option<Vec<u8>>, HandOverError> {
    let Some(save_state) = old.library.functions.save_state else {
        return Ok(None);
    };
    save(old.title, "save_state", |out, error| {
        // SAFETY: as the ABI names them; no callback of the route runs.
        unsafe { save_state(old.data, out, error) }
    })
}

fn save_session(
    old: &Instance,
    client: ClientId,
    seat: &mut Seat,
) -> Result<Option<Vec<u8>>, HandOverError> {
    let Some(save_session) = old.library.functions.save_session else {
        return Ok(None);
    };
    save(old.title, "save_session", |out, error| {
        // SAFETY: as the ABI names them; no callback of the route runs.
        unsafe { save_session(old.data, seat.session.pointer(), client.0, out, error) }
    })
}

/// What one of the two calls wrote; none where the plugin has nothing to say.
fn save(
    title: &str,
    name: &'static str,
    function: impl FnOnce(*const Sink, *const Sink) -> Status,
) -> Result<Option<Vec<u8>>, HandOverError> {
    let mut written = Vec::new();
    let result = call(title, name, |error| {
        let (status, bytes) = sink::collect_all(|out| function(out, error));
        written = bytes;
        status
    });
    match result {
        Ok(()) => Ok(Some(written)),
        Err(NotDone::Unsupported) => Ok(None),
        Err(NotDone::Fault(text)) => Err(HandOverError::Call(text)),
    }
}

impl Instance {
    /// Frees a session without `on_close`: its client lives on in another instance, or never
    /// knew of this one.
    fn drop_session(&self, mut session: Session) {
        if let Some(drop_session) = self.library.functions.drop_session {
            let _says_what = crash::calling("drop_session", self.title);
            // SAFETY: the session is this instance's and not used again.
            unsafe { drop_session(self.data, session.pointer()) };
        }
    }

    /// Main thread: takes over a client, with what its predecessor saved of it.
    ///
    /// # Errors
    /// The callback failed or panicked: there is no session.
    fn on_resume(
        &self,
        client: ClientId,
        request: &crate::http::request::Request,
        saved: Option<&[u8]>,
    ) -> Result<Session, CallbackError> {
        let saved = saved.map_or(Bytes::NONE, Bytes::new);
        let _says_what = crash::calling("on_open of a client that stays", self.title);
        let opened = self.open_session(client, request, Some(saved));
        opened.map_err(|failed| failed.error)
    }
}
