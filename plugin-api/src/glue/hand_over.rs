//! The entry points of a replacement and of changed options: what one value of a plugin leaves to the next.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::{answer, clients, route_of};
use crate::abi::{self, Bytes, Status};
use crate::calls::{ErrorSink, OutputSink};
use crate::{Client, ClientId, Config, Plugin, Reconfigured, Result};

pub(super) unsafe extern "C" fn reconfigure<P: Plugin>(
    route: *mut c_void,
    config: Bytes,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    // SAFETY: the host passes what `create` gave out.
    let route = unsafe { route_of::<P>(route) };
    // SAFETY: the bytes are valid until this returns, and nothing keeps them.
    let config = unsafe { config.as_slice() };
    let mut outcome = Reconfigured::HandOver;
    let status = answer(&error, || {
        let config = Config::from_json(config);
        let unread = config.unread();
        outcome = route.plugin.reconfigure(config)?;
        // A plugin that never looked at them is made anew, and is asked again then.
        if outcome == Reconfigured::Done {
            unread.check()?;
        }
        Ok(())
    });
    implemented(status, outcome == Reconfigured::Done)
}

pub(super) unsafe extern "C" fn save_state<P: Plugin>(
    route: *mut c_void,
    out: *const abi::Sink,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sinks are those of this call.
    let (out, error) = unsafe { (OutputSink::new(out), ErrorSink::new(error)) };
    // SAFETY: the host passes what `create` gave out.
    let route = unsafe { route_of::<P>(route) };
    save(&out, &error, || route.plugin.save_state())
}

pub(super) unsafe extern "C" fn save_session<P: Plugin>(
    route: *mut c_void,
    session: *mut c_void,
    client: abi::ClientId,
    out: *const abi::Sink,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sinks are those of this call.
    let (out, error) = unsafe { (OutputSink::new(out), ErrorSink::new(error)) };
    // SAFETY: the host passes what `create` gave out.
    let route = unsafe { route_of::<P>(route) };
    let client = Client::new(route.host, ClientId(client));
    save(&out, &error, || {
        // SAFETY: `on_open` made it for this client, none of whose callbacks runs.
        let session = unsafe { clients::session_of::<P>(session) }?;
        route.plugin.save_session(&client, session)
    })
}

/// Writes what `callback` gives to `out`; nothing given counts as not implemented.
fn save(
    out: &OutputSink,
    error: &ErrorSink,
    callback: impl FnOnce() -> Result<Option<Vec<u8>>>,
) -> Status {
    let mut is_given = false;
    let status = answer(error, || {
        if let Some(bytes) = callback()? {
            is_given = true;
            out.write(&bytes);
        }
        Ok(())
    });
    implemented(status, is_given)
}

fn implemented(status: Status, is_implemented: bool) -> Status {
    if status == abi::OK && !is_implemented {
        abi::UNSUPPORTED
    } else {
        status
    }
}
