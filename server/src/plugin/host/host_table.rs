//! The host's functions in C layout: each turns C's types into Rust's and calls [`RouteHost`].
//!
//! Any thread may be inside any of them at any time. The plugin vouches, by the ABI, for `host`
//! being what `create` got, and for bytes and places being valid for the time of the call.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use plugin_api::abi::{self, ABI_MINOR, ABSENT, Bytes, FAILED, INVALID, OK, Sink, Status, TimerId};

use super::body_file_table::BODY_FILE;
use super::client_view_table::CLIENT_VIEW;
use super::compression_table::COMPRESSION;
use super::guard::guard;
use super::hosts_table::HOSTS;
use super::label_table::LABEL;
use super::members_table::MEMBERS;
use super::metrics_table::METRICS;
use super::sink::answer;
use super::turns::TURNS;
use super::{NoFolder, RouteHost};
use super::{host_http, journal_table, reading_table, sink};

/// The table that stands in front of every [`RouteHost`].
pub(in crate::plugin) fn table() -> abi::Host {
    abi::Host {
        size: size_of::<abi::Host>() as u32,
        abi_minor: ABI_MINOR,
        send,
        flush,
        close,
        join,
        leave,
        publish,
        broadcast,
        client_count,
        member_count,
        set_timer,
        cancel_timer,
        route_path,
        config,
        request_field: host_http::request_field,
        request_header: host_http::request_header,
        request_header_at: host_http::request_header_at,
        request_param: host_http::request_param,
        request_is_inside: host_http::request_is_inside,
        response_status: host_http::response_status,
        response_header: host_http::response_header,
        response_body: host_http::response_body,
        response_subprotocol: host_http::response_subprotocol,
        get_extension,
        config_folder,
        state_folder,
        request_query: reading_table::request_query,
        request_cookie: reading_table::request_cookie,
        config_string: reading_table::config_string,
        config_integer: reading_table::config_integer,
        config_boolean: reading_table::config_boolean,
        config_only: reading_table::config_only,
        old_state_format,
    }
}

impl RouteHost {
    /// As the plugin sees it.
    pub(in crate::plugin) fn as_abi(&'static self) -> *const abi::Host {
        (&raw const *self).cast()
    }

    /// # Safety
    /// `host` is what [`RouteHost::as_abi`] gave out.
    pub(in crate::plugin) unsafe fn from_abi(host: *const abi::Host) -> &'static RouteHost {
        // SAFETY: it was leaked, and the table is its first field.
        unsafe { &*host.cast::<RouteHost>() }
    }
}

fn status(result: Result<(), Status>) -> Status {
    result.err().unwrap_or(OK)
}

// What `SAFETY: see above` points to: the plugin vouches, by the ABI, for `host` being what
// `create` got and for bytes and places being valid for the time of the call.

unsafe extern "C" fn send(
    host: *const abi::Host,
    client: u64,
    kind: u32,
    payload: Bytes,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let (host, payload) = unsafe { (RouteHost::from_abi(host), payload.as_slice()) };
        status(host.send(client, kind, payload))
    })
}

unsafe extern "C" fn flush(host: *const abi::Host, client: u64) -> Status {
    guard(|| {
        // SAFETY: see above.
        let host = unsafe { RouteHost::from_abi(host) };
        status(host.flush(client))
    })
}

unsafe extern "C" fn close(
    host: *const abi::Host,
    client: u64,
    code: u32,
    reason: Bytes,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let (host, reason) = unsafe { (RouteHost::from_abi(host), reason.as_slice()) };
        status(host.close(client, code, reason))
    })
}

unsafe extern "C" fn join(host: *const abi::Host, client: u64, topic: Bytes) -> Status {
    guard(|| {
        // SAFETY: see above.
        let (host, topic) = unsafe { (RouteHost::from_abi(host), topic.as_slice()) };
        status(host.join(client, topic))
    })
}

unsafe extern "C" fn leave(host: *const abi::Host, client: u64, topic: Bytes) -> Status {
    guard(|| {
        // SAFETY: see above.
        let (host, topic) = unsafe { (RouteHost::from_abi(host), topic.as_slice()) };
        status(host.leave(client, topic))
    })
}

unsafe extern "C" fn publish(
    host: *const abi::Host,
    topic: Bytes,
    kind: u32,
    payload: Bytes,
    except: u64,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let (host, topic, payload) = unsafe {
            (
                RouteHost::from_abi(host),
                topic.as_slice(),
                payload.as_slice(),
            )
        };
        status(host.publish(topic, kind, payload, except))
    })
}

unsafe extern "C" fn broadcast(
    host: *const abi::Host,
    kind: u32,
    payload: Bytes,
    except: u64,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let (host, payload) = unsafe { (RouteHost::from_abi(host), payload.as_slice()) };
        status(host.broadcast(kind, payload, except))
    })
}

unsafe extern "C" fn client_count(host: *const abi::Host, count: *mut u64) -> Status {
    guard(|| {
        // SAFETY: see above.
        unsafe { answer(RouteHost::from_abi(host).client_count(), count) }
    })
}

unsafe extern "C" fn member_count(host: *const abi::Host, topic: Bytes, count: *mut u64) -> Status {
    guard(|| {
        // SAFETY: see above.
        unsafe {
            answer(
                RouteHost::from_abi(host).member_count(topic.as_slice()),
                count,
            )
        }
    })
}

unsafe extern "C" fn set_timer(
    host: *const abi::Host,
    delay_ms: u64,
    period_ms: u64,
    timer: *mut TimerId,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let host = unsafe { RouteHost::from_abi(host) };
        // Asked first: a timer that nobody can cancel must not be set.
        if timer.is_null() {
            return INVALID;
        }
        // SAFETY: see above.
        unsafe { answer(host.set_timer(delay_ms, period_ms), timer) }
    })
}

unsafe extern "C" fn cancel_timer(host: *const abi::Host, timer: TimerId) -> Status {
    guard(|| {
        // SAFETY: see above.
        let host = unsafe { RouteHost::from_abi(host) };
        host.timers.cancel(timer)
    })
}

unsafe extern "C" fn route_path(host: *const abi::Host, out: *const Sink) -> Status {
    guard(|| {
        // SAFETY: see above.
        unsafe { sink::write(out, RouteHost::from_abi(host).route.path.as_bytes()) };
        OK
    })
}

unsafe extern "C" fn config(host: *const abi::Host, out: *const Sink) -> Status {
    guard(|| {
        // SAFETY: see above.
        unsafe { sink::write(out, RouteHost::from_abi(host).config().as_bytes()) };
        OK
    })
}

unsafe extern "C" fn config_folder(host: *const abi::Host, out: *const Sink) -> Status {
    guard(|| {
        // SAFETY: see above.
        unsafe {
            let folders = &RouteHost::from_abi(host).route.services.folders;
            sink::write(out, folders.config.as_os_str().as_bytes());
        }
        OK
    })
}

unsafe extern "C" fn state_folder(
    host: *const abi::Host,
    out: *const Sink,
    error: *const Sink,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let host = unsafe { RouteHost::from_abi(host) };
        let (status, sink, text) = match host.state_folder() {
            Ok(folder) => (OK, out, folder.into_os_string().into_vec()),
            Err(NoFolder::None) => return ABSENT,
            Err(NoFolder::Unusable(text)) => (FAILED, error, text.into_bytes()),
        };
        // SAFETY: see above.
        unsafe { sink::write(sink, &text) };
        status
    })
}

unsafe extern "C" fn old_state_format(host: *const abi::Host, format: *mut u32) -> Status {
    guard(|| {
        // SAFETY: see above.
        let host = unsafe { RouteHost::from_abi(host) };
        // SAFETY: see above.
        unsafe { answer(host.old_state_format.ok_or(ABSENT), format) }
    })
}

unsafe extern "C" fn get_extension(_: *const abi::Host, id: Bytes) -> *const c_void {
    // SAFETY: see above.
    match unsafe { id.as_slice() } {
        id if id == abi::JOURNAL.as_bytes() => journal_table::first(),
        id if id == abi::JOURNAL_EVERYONE.as_bytes() => journal_table::second(),
        id if id == abi::METRICS.as_bytes() => (&raw const METRICS).cast(),
        id if id == abi::BODY_FILE.as_bytes() => (&raw const BODY_FILE).cast(),
        id if id == abi::LABEL.as_bytes() => (&raw const LABEL).cast(),
        id if id == abi::MEMBERS.as_bytes() => (&raw const MEMBERS).cast(),
        id if id == abi::CLIENT_VIEW.as_bytes() => (&raw const CLIENT_VIEW).cast(),
        id if id == abi::COMPRESSION.as_bytes() => (&raw const COMPRESSION).cast(),
        id if id == abi::HOSTS.as_bytes() => (&raw const HOSTS).cast(),
        id if id == abi::TURNS.as_bytes() => (&raw const TURNS).cast(),
        _ => std::ptr::null(),
    }
}
