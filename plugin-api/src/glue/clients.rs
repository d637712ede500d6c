//! The entry points that are about one client, and the ownership of its session.
//!
//! `on_open` boxes the session and gives the pointer away; `on_close` or `drop_session` takes it back.
//! In between it is borrowed by one callback at a time, since those of one client never overlap.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::{answer, old_state_format, route_of};
use crate::abi::{self, Bytes, Status};
use crate::calls::{ErrorSink, RequestCalls};
use crate::cause::Initiator;
use crate::declaration::Exported;
use crate::fault::FaultKind;
use crate::plugin::NoSession;
use crate::{
    Cause, Client, ClientId, Error, Fault, Message, Plugin, Request, Result, Saved, panics,
};

pub(super) unsafe extern "C" fn on_open<P: Exported>(
    route: *mut c_void,
    client: abi::ClientId,
    request: *const abi::Request,
    resumed: *const abi::Resumed,
    session: *mut *mut c_void,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    // SAFETY: the host passes what `create` gave out.
    let route = unsafe { route_of::<P>(route) };
    let client = Client::new(route.host, ClientId(client));
    answer(&error, || {
        // SAFETY: the request is this call's and gone at the end of this closure.
        let request = Request::new(unsafe { RequestCalls::new(route.host.calls(), request) });
        // SAFETY: null for a new client, else valid until this returns.
        let opened = match unsafe { resumed.as_ref() } {
            None => route.plugin.on_open(&client, &request),
            Some(resumed) => {
                // SAFETY: the bytes are valid until this returns, and nothing keeps them.
                let saved = unsafe { saved_session(resumed) };
                let format = old_state_format::<P>(route.host.calls());
                let saved = saved.map(|bytes| Saved::new(format, bytes));
                route.plugin.on_resume(&client, &request, saved)
            }
        };
        let opened = Box::new(or_default::<P>(opened)?);
        // SAFETY: the host passes a place to write to.
        unsafe { *session = Box::into_raw(opened).cast() };
        Ok(())
    })
}

pub(super) unsafe extern "C" fn on_message<P: Plugin>(
    route: *mut c_void,
    session: *mut c_void,
    client: abi::ClientId,
    kind: u32,
    payload: Bytes,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    // SAFETY: the host passes what `create` gave out.
    let route = unsafe { route_of::<P>(route) };
    let client = Client::new(route.host, ClientId(client));
    // SAFETY: the bytes are valid until this returns, and `Message` keeps them no longer.
    let payload = unsafe { payload.as_slice() };
    answer(&error, || {
        // SAFETY: `on_open` made it for this client, whose callbacks never overlap.
        let session = unsafe { session_of::<P>(session) }?;
        let message = Message::from_abi(kind, payload)
            .ok_or("a message that is neither binary nor UTF-8 text")?;
        route.plugin.on_message(&client, session, message)
    })
}

pub(super) unsafe extern "C" fn on_close<P: Plugin>(
    route: *mut c_void,
    session: *mut c_void,
    client: abi::ClientId,
    cause: *const abi::Cause,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    // SAFETY: the host passes what `create` gave out.
    let route = unsafe { route_of::<P>(route) };
    let client = Client::new(route.host, ClientId(client));
    answer(&error, || {
        // SAFETY: the cause is valid until this returns, and is copied.
        let cause = unsafe { cause_of(cause) };
        // Our `on_open` gives a session wherever it does not fail.
        if session.is_null() {
            return route.plugin.on_open_failed(&client, &cause);
        }
        // SAFETY: `on_open` made it for this client; this is the last callback that gets it.
        let session = unsafe { take_session::<P>(session) }?;
        route.plugin.on_close(&client, *session, &cause)
    })
}

pub(super) unsafe extern "C" fn on_error<P: Plugin>(
    route: *mut c_void,
    session: *mut c_void,
    client: abi::ClientId,
    what: *const abi::Fault,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    // SAFETY: the host passes what `create` gave out.
    let route = unsafe { route_of::<P>(route) };
    let client = Client::new(route.host, ClientId(client));
    answer(&error, || {
        // SAFETY: the fault is valid until this returns, and is copied.
        let fault = unsafe { fault_of(what) };
        if session.is_null() {
            return Err(fault.into());
        }
        // SAFETY: `on_open` made it for this client, whose callbacks never overlap.
        let session = unsafe { session_of::<P>(session) }?;
        route.plugin.on_error(&client, session, &fault)
    })
}

pub(super) unsafe extern "C" fn drop_session<P: Plugin>(_route: *mut c_void, session: *mut c_void) {
    panics::catch_and_log("the end of a session", || {
        // SAFETY: `on_open` made it, and the host passes it for the last time.
        drop(unsafe { take_session::<P>(session) });
    });
}

/// The session that was opened, or that which its type has by default where the plugin does not open any.
fn or_default<P: Exported>(opened: Result<P::Session>) -> Result<P::Session> {
    opened.or_else(|error| {
        if error.is::<NoSession>()
            && let Some(session) = P::session_by_default()
        {
            return Ok(session);
        }
        Err(error)
    })
}

/// What `save_session` of the old plugin wrote, where it did.
///
/// # Safety
/// The bytes of `resumed` are valid as long as `'a` lasts.
unsafe fn saved_session<'a>(resumed: &abi::Resumed) -> Option<&'a [u8]> {
    // SAFETY: as the caller says.
    (!resumed.session.data.is_null()).then(|| unsafe { resumed.session.as_slice() })
}

/// # Safety
/// `session` is null or came from `on_open::<P>`, is not freed, and nothing else holds it.
pub(super) unsafe fn session_of<'a, P: Plugin>(session: *mut c_void) -> Result<&'a mut P::Session> {
    // SAFETY: as the caller says.
    unsafe { session.cast::<P::Session>().as_mut() }.ok_or_else(no_session)
}

/// # Safety
/// As [`session_of`], and the pointer is never used again.
unsafe fn take_session<P: Plugin>(session: *mut c_void) -> Result<Box<P::Session>> {
    if session.is_null() {
        return Err(no_session());
    }
    // SAFETY: as the caller says, and `on_open` made it with `Box::into_raw`.
    Ok(unsafe { Box::from_raw(session.cast()) })
}

fn no_session() -> Error {
    "the server passed no session".into()
}

/// # Safety
/// `cause` points to a cause that is valid during the call.
unsafe fn cause_of(cause: *const abi::Cause) -> Cause {
    // SAFETY: as the caller says.
    let (cause, reason) = unsafe { (&*cause, (*cause).reason.as_slice()) };
    Cause {
        // A code has 16 bits (RFC 6455 section 5.5.1).
        code: cause.code as u16,
        reason: String::from_utf8_lossy(reason).into_owned(),
        initiator: Initiator::from_abi(cause.initiator),
    }
}

/// # Safety
/// `fault` points to a fault that is valid during the call.
unsafe fn fault_of(fault: *const abi::Fault) -> Fault {
    // SAFETY: as the caller says.
    let (fault, what) = unsafe { (&*fault, (*fault).what.as_slice()) };
    Fault {
        kind: FaultKind::from_abi(fault.kind),
        what: String::from_utf8_lossy(what).into_owned(),
    }
}
