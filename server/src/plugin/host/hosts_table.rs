//! The host's extension `detent.hosts/1` in C layout.
//!
//! Any thread. The plugin vouches, by the ABI, for `host` being what `create` got, for the sink being as the ABI has it, and
//! for bytes and places being valid for the time of the call.
#![allow(unsafe_code)]

use plugin_api::abi::{self, Bytes, ClientEverywhere, INVALID, OK, Status};
use plugin_api::covers;

use super::RouteHost;
use super::guard::guard;
use crate::engine;

/// The table; the same for all routes.
pub(super) static HOSTS: abi::Hosts = abi::Hosts {
    size: size_of::<abi::Hosts>() as u32,
    reserved: 0,
    this_host,
    count,
    list,
    send,
    close,
};

unsafe extern "C" fn this_host(
    host: *const abi::Host,
    number: *mut u64,
    is_shared: *mut u32,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let host = unsafe { RouteHost::from_abi(host) };
        if !number.is_null() {
            // SAFETY: see above.
            unsafe { number.write(engine::this_host().0.into()) };
        }
        if !is_shared.is_null() {
            // SAFETY: see above.
            unsafe { is_shared.write(host.is_shared().into()) };
        }
        OK
    })
}

unsafe extern "C" fn count(host: *const abi::Host, count: *mut u64) -> Status {
    guard(|| {
        if count.is_null() {
            return INVALID;
        }
        // SAFETY: see above.
        let host = unsafe { RouteHost::from_abi(host) };
        match host.count_everywhere() {
            Err(status) => status,
            Ok(all) => {
                // SAFETY: see above.
                unsafe { count.write(all) };
                OK
            }
        }
    })
}

unsafe extern "C" fn list(
    host: *const abi::Host,
    label: Bytes,
    sink: *const abi::EverywhereSink,
    count: *mut u64,
) -> Status {
    guard(|| {
        // SAFETY: see above; the size is asked for before anything else.
        if sink.is_null() || !unsafe { covers!((*sink).size, abi::EverywhereSink, member) } {
            return INVALID;
        }
        // SAFETY: see above.
        let (host, label) = unsafe { (RouteHost::from_abi(host), label.as_slice()) };
        let listed = host.list_everywhere(label, |client, label| {
            // SAFETY: see above; function and context belong together.
            unsafe { ((*sink).member)((*sink).context, client, Bytes::new(label.as_bytes())) };
        });
        match listed {
            Err(status) => status,
            Ok(all) => {
                if !count.is_null() {
                    // SAFETY: see above.
                    unsafe { count.write(all) };
                }
                OK
            }
        }
    })
}

unsafe extern "C" fn send(
    host: *const abi::Host,
    client: ClientEverywhere,
    kind: u32,
    payload: Bytes,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let (route, bytes) = unsafe { (RouteHost::from_abi(host), payload.as_slice()) };
        match route.send_elsewhere(client, kind, bytes) {
            Ok(true) => OK,
            // By the host call for one client, so that its code stands in one place and is inlined there: every echo goes
            // through it. SAFETY: see above.
            Ok(false) => unsafe { ((*host).send)(host, client.client, kind, payload) },
            Err(status) => status,
        }
    })
}

unsafe extern "C" fn close(
    host: *const abi::Host,
    client: ClientEverywhere,
    code: u32,
    reason: Bytes,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let (host, reason) = unsafe { (RouteHost::from_abi(host), reason.as_slice()) };
        host.close_everywhere(client, code, reason)
            .err()
            .unwrap_or(OK)
    })
}
