//! The entry points: what the server calls, in C, and the way from there to the trait.
//!
//! Each of them runs the plugin's code inside [`panics::catch`], drops what belongs to the plugin in
//! there too, and turns the outcome into a status. This folder and
//! `calls.rs` handle pointers; the rest of the crate sees values.

#![allow(unsafe_code)]

mod check;
mod clients;
pub(crate) mod extensions;
mod gaps;
mod hand_over;
pub(crate) mod turns;

use std::any::TypeId;
use std::ffi::c_void;
use std::mem::ManuallyDrop;

use crate::abi::{self, Bytes, Functions, Status, TimerId};
use crate::calls::{ErrorSink, HostCalls, LogCalls, RequestCalls, ResponseCalls};
use crate::declaration::Exported;
use crate::journal::JournalError;
use crate::{Config, Error, Host, Plugin, Request, Result, Saved, Timer, logging, panics};

/// What `route` points to. The type of the plugin comes first, so that it can be asked before anything else.
#[repr(C)]
struct Route<P> {
    of: TypeId,
    host: Host,
    plugin: P,
}

/// The callbacks of `P` in C.
pub(crate) const fn functions<P: Exported>() -> Functions {
    Functions {
        size: size_of::<Functions>() as u32,
        reserved: 0,
        create: Some(create::<P>),
        destroy: Some(destroy::<P>),
        on_upgrade: Some(on_upgrade::<P>),
        on_open: Some(clients::on_open::<P>),
        on_message: Some(clients::on_message::<P>),
        on_close: Some(clients::on_close::<P>),
        on_error: Some(clients::on_error::<P>),
        on_request: Some(on_request::<P>),
        on_timer: Some(on_timer::<P>),
        reconfigure: Some(hand_over::reconfigure::<P>),
        save_state: Some(hand_over::save_state::<P>),
        save_session: Some(hand_over::save_session::<P>),
        drop_session: Some(clients::drop_session::<P>),
    }
}

/// Runs one callback and reports how it ended.
///
/// Everything that may run the plugin's code happens inside the guard: an error's `Display` and
/// `Drop` too.
fn answer(error: &ErrorSink, callback: impl FnOnce() -> Result) -> Status {
    match panics::catch(|| callback().map_err(into_text)) {
        Ok(Ok(())) => abi::OK,
        Ok(Err(None)) => abi::LATER,
        Ok(Err(Some(text))) => {
            error.write(&text);
            abi::FAILED
        }
        Err(text) => {
            error.write(&text);
            abi::PANICKED
        }
    }
}

/// The text of an error, and the end of the error; none where it only says that the callback is to be called again.
fn into_text(error: Error) -> Option<String> {
    if let Some(JournalError::Later) = error.downcast_ref() {
        return None;
    }
    // If making the text panics, the error is not dropped on the way out: a second panic there
    // would end the process.
    let error = ManuallyDrop::new(error);
    let text = describe(&**error);
    drop(ManuallyDrop::into_inner(error));
    Some(text)
}

/// An error and what it came from, in one line.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let cause = source.to_string();
        // Many errors repeat their source in their own text.
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = source.source();
    }
    text
}

/// What `init` of the entry does: log and panic hook.
///
/// # Safety
/// `log` is null or the host's log, valid for ever.
pub(crate) unsafe extern "C" fn init<P: Exported>(log: *const abi::Log, level: u32) -> Status {
    // SAFETY: as the caller says.
    let Some(log) = (unsafe { LogCalls::new(log) }) else {
        return abi::INVALID;
    };
    let outcome = panics::catch(|| {
        logging::install(log, P::DECLARATION.name, P::DECLARATION.crate_name());
        logging::set_level(level);
        panics::install_hook();
    });
    if outcome.is_ok() {
        abi::OK
    } else {
        abi::PANICKED
    }
}

pub(crate) unsafe extern "C" fn set_log_level(level: u32) {
    // Nothing in there panics; the guard is there so that this stays true of every entry point.
    let _ = panics::catch(|| logging::set_level(level));
}

unsafe extern "C" fn create<P: Exported>(
    host: *const abi::Host,
    config: Bytes,
    old_state: *const Bytes,
    route: *mut *mut c_void,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    // SAFETY: the host's table is valid for ever.
    let Some(host) = (unsafe { HostCalls::new(host) }) else {
        error.write("the server's table of calls is shorter than that of plugin ABI 1.0");
        return abi::FAILED;
    };
    // SAFETY: the bytes are valid until this returns, and nothing keeps them.
    let config = unsafe { config.as_slice() };
    // SAFETY: null, or bytes that are valid until this returns.
    let state = unsafe { old_state.as_ref().map(|state| state.as_slice()) };
    answer(&error, || {
        let host = Host::new(host);
        let config = Config::from_json(config);
        let unread = config.unread();
        let plugin = match state {
            Some(state) => {
                let format = old_state_format::<P>(host.calls());
                P::resume(host, config, Saved::new(format, state))?
            }
            None => P::create(host, config)?,
        };
        unread.check()?;
        let made = Box::into_raw(Box::new(Route {
            of: TypeId::of::<P>(),
            host,
            plugin,
        }));
        // SAFETY: the host passes a place to write to.
        unsafe { *route = made.cast() };
        Ok(())
    })
}

/// The format of what the value before has written; an older server takes over from none but its own.
fn old_state_format<P: Exported>(host: HostCalls) -> u32 {
    host.old_state_format()
        .unwrap_or(P::DECLARATION.state_format)
}

unsafe extern "C" fn destroy<P: Plugin>(route: *mut c_void) {
    // SAFETY: `create` made it with `Box::into_raw`, and the host calls this once, as the last.
    let route = move || drop(unsafe { Box::from_raw(route.cast::<Route<P>>()) });
    panics::catch_and_log("the end of the plugin", route);
}

/// The type of the plugin that a route is of.
///
/// # Safety
/// `route` came from some `create` of this crate and `destroy` has not been called.
unsafe fn type_of(route: *mut c_void) -> TypeId {
    // SAFETY: as the caller says; it is the first field of each `Route`.
    unsafe { *route.cast::<TypeId>() }
}

/// The route that `create` made.
///
/// # Safety
/// `route` came from `create::<P>` and `destroy` has not been called.
unsafe fn route_of<'a, P: Plugin>(route: *mut c_void) -> &'a Route<P> {
    // SAFETY: as the caller says; the route is only ever shared, never changed.
    unsafe { &*route.cast::<Route<P>>() }
}

unsafe extern "C" fn on_upgrade<P: Plugin>(
    route: *mut c_void,
    request: *const abi::Request,
    response: *mut abi::Response,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    // SAFETY: the host passes what `create` gave out.
    let route = unsafe { route_of::<P>(route) };
    let host = route.host.calls();
    answer(&error, || {
        // SAFETY: request and response are this call's and gone at the end of this closure.
        let request = Request::new(unsafe { RequestCalls::new(host, request) });
        // SAFETY: as above.
        let response = unsafe { ResponseCalls::new(host, response) };
        Ok(route.plugin.on_upgrade(&request)?.write(&response)?)
    })
}

unsafe extern "C" fn on_request<P: Plugin>(
    route: *mut c_void,
    request: *const abi::Request,
    response: *mut abi::Response,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    // SAFETY: the host passes what `create` gave out.
    let route = unsafe { route_of::<P>(route) };
    let host = route.host.calls();
    answer(&error, || {
        // SAFETY: request and response are this call's and gone at the end of this closure.
        let request = Request::new(unsafe { RequestCalls::new(host, request) });
        // SAFETY: as above.
        let response = unsafe { ResponseCalls::new(host, response) };
        Ok(route.plugin.on_request(&request)?.write(&response)?)
    })
}

unsafe extern "C" fn on_timer<P: Plugin>(
    route: *mut c_void,
    timer: TimerId,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    // SAFETY: the host passes what `create` gave out.
    let route = unsafe { route_of::<P>(route) };
    answer(&error, || route.plugin.on_timer(Timer(timer)))
}
