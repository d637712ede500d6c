//! The host's extension `detent.client/1` in C layout.
//!
//! Any thread. The plugin vouches, by the ABI, for `host` being what `create` got and for the places being valid for the
//! time of the call.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use plugin_api::abi::{self, ABSENT, GONE, OK, Status};

use super::RouteHost;
use super::guard::guard;
use super::host_http::request_as_abi;
use super::sink::answer;
use crate::http::request::Request;
use crate::ids::ClientId;

type Handshake = Option<(ClientId, Arc<Request>)>;

thread_local! {
    /// The client whose callbacks run on this thread, and its handshake. [`Shown`] takes it out again, so that no thread
    /// has it to drop at its end, which every client would pay for.
    static HANDSHAKE: RefCell<ManuallyDrop<Handshake>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Callbacks of a client run on this thread, and may see its handshake, until this is dropped on it.
#[must_use = "it ends with this"]
pub(in crate::plugin) struct Shown {
    before: Handshake,
}

impl Shown {
    pub(in crate::plugin) fn to_callbacks(client: ClientId, request: Arc<Request>) -> Shown {
        Shown {
            before: replace(Some((client, request))),
        }
    }
}

fn replace(handshake: Handshake) -> Handshake {
    ManuallyDrop::into_inner(HANDSHAKE.replace(ManuallyDrop::new(handshake)))
}

impl Drop for Shown {
    fn drop(&mut self) {
        drop(replace(self.before.take()));
    }
}

/// The table; the same for all routes.
pub(super) static CLIENT_VIEW: abi::ClientView = abi::ClientView {
    size: size_of::<abi::ClientView>() as u32,
    reserved: 0,
    buffered,
    request,
    connected,
};

unsafe extern "C" fn buffered(host: *const abi::Host, client: u64, bytes: *mut u64) -> Status {
    guard(|| {
        // SAFETY: see above.
        let host = unsafe { RouteHost::from_abi(host) };
        let backlog = host.open_client(client).and_then(|client| {
            let outbox = host.route.services.roster.outbox(client);
            outbox.map_or(Err(GONE), |outbox| Ok(outbox.figures().backlog))
        });
        // SAFETY: see above.
        unsafe { answer(backlog, bytes) }
    })
}

unsafe extern "C" fn connected(host: *const abi::Host, client: u64) -> Status {
    guard(|| {
        // SAFETY: see above.
        let host = unsafe { RouteHost::from_abi(host) };
        let client = match host.open_client(client) {
            Ok(client) => client,
            Err(status) => return status,
        };
        let outbox = host.route.services.roster.outbox(client);
        match outbox {
            Some(outbox) if outbox.is_connected() => OK,
            _ => GONE,
        }
    })
}

unsafe extern "C" fn request(
    _: *const abi::Host,
    client: u64,
    request: *mut *const abi::Request,
) -> Status {
    guard(|| {
        let handshake = HANDSHAKE.with_borrow(|handshake| match &**handshake {
            Some((of, request)) if of.0 == client => Ok(request_as_abi(request)),
            _ => Err(ABSENT),
        });
        // SAFETY: see above.
        unsafe { answer(handshake, request) }
    })
}
