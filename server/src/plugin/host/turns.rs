//! Tasks of a plugin for the turn of one of its clients, and the calls that bring them: extension `detent.session/1`.
//!
//! Any thread. The plugin vouches, by the ABI, for `host` being what `create` got, and for tasks and places being valid.
#![allow(unsafe_code)]

use std::sync::Arc;

use plugin_api::abi::{self, EXHAUSTED, GONE, INVALID, LATER, OK, Status, TimerId};

use super::RouteHost;
use super::guard::guard;
use super::job::Job;
use crate::roster::NoTurn;

/// The table; the same for all routes.
pub(super) static TURNS: abi::Turns = abi::Turns {
    size: size_of::<abi::Turns>() as u32,
    reserved: 0,
    call,
    set_timer,
};

unsafe extern "C" fn call(host: *const abi::Host, client: u64, task: *const abi::Task) -> Status {
    guard(|| {
        // SAFETY: see above.
        let Some(job) = (unsafe { Job::take(host, task) }) else {
            return INVALID;
        };
        // SAFETY: see above.
        let host = unsafe { RouteHost::from_abi(host) };
        host.call_turn(client, job)
    })
}

unsafe extern "C" fn set_timer(
    host: *const abi::Host,
    client: u64,
    delay_ms: u64,
    period_ms: u64,
    task: *const abi::Task,
    timer: *mut TimerId,
) -> Status {
    guard(|| {
        if timer.is_null() {
            return INVALID;
        }
        // SAFETY: see above.
        let Some(job) = (unsafe { Job::take(host, task) }) else {
            return INVALID;
        };
        // SAFETY: see above.
        let host = unsafe { RouteHost::from_abi(host) };
        let client = match host.open_client(client) {
            Ok(client) => client,
            Err(status) => {
                job.give_back();
                return status;
            }
        };
        match host.timers.set_for(client, job, delay_ms, period_ms) {
            Ok(id) => {
                // A client that has gone meanwhile has been forgotten before its timer was known.
                if !host.route.services.roster.is_open(client, host.route.id) {
                    host.timers.forget(client);
                }
                // SAFETY: see above.
                unsafe { timer.write(id) };
                OK
            }
            Err((status, job)) => {
                job.give_back();
                status
            }
        }
    })
}

impl RouteHost {
    fn call_turn(&'static self, client: u64, job: Job) -> Status {
        let client = match self.open_client(client) {
            Err(status) => {
                job.give_back();
                return status;
            }
            Ok(_) if self.outgoing.is_held() => {
                job.give_back();
                return LATER;
            }
            Ok(client) => client,
        };
        let job = Arc::new(job);
        let put = self
            .route
            .services
            .roster
            .put_call(client, self.route.id, job.clone());
        let status = match put {
            Ok(()) => {
                self.timers.attend(client);
                return OK;
            }
            Err(NoTurn::Gone) => GONE,
            Err(NoTurn::TooMany) => EXHAUSTED,
        };
        // Nobody else has got it.
        if let Some(job) = Arc::into_inner(job) {
            job.give_back();
        }
        status
    }
}
