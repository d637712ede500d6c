//! The turn of a client for what does not come from it: tasks that its plugin has for its session.
//!
//! Who runs them has the client's seat: its connection thread behind a callback, the thread of the route's timers where
//! none runs, the main thread before it replaces the code. So none of them overlaps a callback of the client, and nobody
//! has to wake a thread that sleeps in a read: whoever has something for a client takes the seat, which that thread holds
//! during callbacks alone, or leaves the task to whoever has it. A read costs nothing for that, and behind a callback one
//! look at a flag in the slot that the callback has touched anyway.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use log::log;

use super::Instance;
use super::callbacks::CallbackError;
use super::route::Route;
use crate::ids::ClientId;
use crate::outbox::cause::{Cause, INTERNAL};
use crate::outbox::{Outbox, with_own_outbox};
use crate::plugin::host::client_view_table::Shown;
use crate::plugin::host::job::Job;
use crate::roster::Session;
use crate::roster::activity::Callback;
use crate::threads::crash;

impl Instance {
    /// Runs what waits for the turn of `client`; the caller has its seat. Blocks as long as the plugin does.
    pub(in crate::plugin) fn run_calls(&self, client: ClientId, session: &mut Session) {
        let roster = &self.host.route.services.roster;
        let calls = roster.take_calls(client);
        let Some(outbox) = roster.outbox(client) else {
            return;
        };
        for call in calls {
            if outbox.is_closing() {
                return;
            }
            let job = call.downcast_ref::<Job>();
            // One of the code that was here before has nothing to do with this session.
            if let Some(job) = job.filter(|job| job.is_of(self.host.as_abi())) {
                self.run_call(client, session, job, &outbox);
            }
        }
    }

    fn run_call(&self, client: ClientId, session: &mut Session, job: &Job, outbox: &Arc<Outbox>) {
        let result = self.call(self.activity(client), Callback::Turn, |error| {
            // SAFETY: the session is this instance's and this client's, whose seat the caller has.
            unsafe { job.run(self.data, session.pointer(), client, error) }
        });
        match result {
            Ok(()) => {}
            Err(CallbackError::OutOfService) => {
                outbox.close(Instance::out_of_service());
            }
            Err(error) => {
                log!(error.level(), "{}: {error}", outbox.name());
                if !self.on_error(client, session, &error) {
                    outbox.close(Cause::server(INTERNAL, error.reason()));
                }
            }
        }
    }
}

/// After which time a client whose callback runs is looked at again, should that have missed what waits.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

impl Route {
    /// Timers thread: runs what waits for the turn of `client`, where no callback of it runs; else whoever runs that
    /// does so behind it. Says after which time to look again. Blocks as long as the plugin does.
    pub(in crate::plugin) fn attend(
        &self,
        instance: &Arc<Instance>,
        client: ClientId,
    ) -> Option<Duration> {
        let roster = &self.parts.services.roster;
        if !roster.has_calls(client) {
            return None;
        }
        let Some(mut held) = roster.seat_of(client).try_lock() else {
            return Some(LOOK_AGAIN);
        };
        let Some(seat) = held.as_mut() else {
            // Its `on_open` runs, or it has gone.
            return roster.is_open(client, self.id()).then_some(LOOK_AGAIN);
        };
        if seat.route != self.id() || seat.generation != instance.generation {
            return None;
        }
        let outbox = roster.outbox(client)?;
        let _shown = Shown::to_callbacks(client, seat.request.clone());
        let _says_whose = crash::run_for(roster.activity(client).word(), client.0);
        with_own_outbox(client, self.id(), outbox.clone(), || {
            instance.run_calls(client, &mut seat.session);
        });
        outbox.flush();
        None
    }
}
