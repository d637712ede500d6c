//! What runs on the turn of a client that is not the callback's own: closures of the plugin, as tasks in C.
//!
//! A task owns its closure in a box; the host runs it and then ends it, or ends it alone.

#![allow(unsafe_code)]

use std::any::TypeId;
use std::ffi::c_void;

use super::{answer, clients, route_of, type_of};
use crate::abi::{self, Status};
use crate::calls::ErrorSink;
use crate::{Client, ClientId, Plugin, Result, panics};

/// What runs, again and again or once.
type Turn<P> = dyn FnMut(&P, &Client, &mut <P as Plugin>::Session) -> Result + Send;

/// A task that runs `turn`; [`end`] or the host frees it.
pub(crate) fn task<P: Plugin>(
    turn: impl FnMut(&P, &Client, &mut P::Session) -> Result + Send + 'static,
) -> abi::Task {
    let turn: Box<Turn<P>> = Box::new(turn);
    abi::Task {
        size: size_of::<abi::Task>() as u32,
        reserved: 0,
        data: Box::into_raw(Box::new(turn)).cast(),
        run: run::<P>,
        end: Some(free::<P>),
    }
}

/// Frees a task that the host has not taken.
pub(crate) fn end(task: &abi::Task) {
    if let Some(end) = task.end {
        // SAFETY: the data is the task's, and nobody else has it.
        unsafe { end(task.data) };
    }
}

unsafe extern "C" fn run<P: Plugin>(
    route: *mut c_void,
    session: *mut c_void,
    client: abi::ClientId,
    data: *mut c_void,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    answer(&error, || {
        // SAFETY: every route of this crate begins with the type of its plugin.
        if unsafe { type_of(route) } != TypeId::of::<P>() {
            return Err("the closure is for the session of another plugin than the route's".into());
        }
        // SAFETY: the host passes what `create` gave out, which is a `P`'s.
        let route = unsafe { route_of::<P>(route) };
        let client = Client::new(route.host, ClientId(client));
        // SAFETY: `on_open` made it for this client, whose callbacks never overlap.
        let session = unsafe { clients::session_of::<P>(session) }?;
        // SAFETY: the data is `task`'s, which the host runs on one thread at a time and has not ended.
        let turn = unsafe { &mut *data.cast::<Box<Turn<P>>>() };
        turn(&route.plugin, &client, session)
    })
}

unsafe extern "C" fn free<P: Plugin>(data: *mut c_void) {
    panics::catch_and_log("the end of a closure for a session", || {
        // SAFETY: `task` made it, and this is the last that is done with it.
        drop(unsafe { Box::from_raw(data.cast::<Box<Turn<P>>>()) });
    });
}
