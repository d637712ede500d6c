//! The calls of the host in memory, in C layout: each turns C's types into Rust's and calls [`MemoryHost`].
//!
//! Any thread may be inside any of the calls at any time. None waits, none calls the plugin back. What `SAFETY: the
//! plugin vouches` points to is the ABI: `host` is what `create` got, bytes and places are valid during the call.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::host::MemoryHost;
use super::place::{fill, status, write};
use super::world::{Order, message, topic};
use super::{
    body_file_table, client_view_table, hosts_table, http, journal_table, label_table,
    members_table, metrics_table, reading_table, turns_table,
};
use crate::abi::{self, Bytes, Status};

/// The table that stands in front of every [`MemoryHost`].
pub(super) fn table() -> abi::Host {
    abi::Host {
        size: size_of::<abi::Host>() as u32,
        abi_minor: abi::ABI_MINOR,
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
        request_field: http::request_field,
        request_header: http::request_header,
        request_header_at: http::request_header_at,
        request_param: http::request_param,
        request_is_inside: http::request_is_inside,
        response_status: http::response_status,
        response_header: http::response_header,
        response_body: http::response_body,
        response_subprotocol: http::response_subprotocol,
        get_extension,
        config_folder,
        state_folder,
        request_query: http::request_query,
        request_cookie: http::request_cookie,
        config_string: reading_table::config_string,
        config_integer: reading_table::config_integer,
        config_boolean: reading_table::config_boolean,
        config_only: reading_table::config_only,
        old_state_format,
    }
}

unsafe extern "C" fn old_state_format(host: *const abi::Host, format: *mut u32) -> Status {
    // SAFETY: the plugin vouches.
    let host = unsafe { MemoryHost::from_abi(host) };
    // SAFETY: the plugin vouches.
    unsafe { fill(format, host.old_state_format.ok_or(abi::ABSENT)) }
}

unsafe extern "C" fn send(
    host: *const abi::Host,
    client: u64,
    kind: u32,
    payload: Bytes,
) -> Status {
    // SAFETY: the plugin vouches.
    let (host, payload) = unsafe { (MemoryHost::from_abi(host), payload.as_slice()) };
    status(message(kind, payload).and_then(|message| {
        host.check()?;
        let answer = host
            .world
            .lock()
            .clients
            .get(&client)
            .and_then(|guest| guest.send_answer);
        if let Some(answer) = answer {
            return Err(answer);
        }
        host.check_client(client)?;
        host.post(Order::Send(client, message))
    }))
}

unsafe extern "C" fn flush(host: *const abi::Host, client: u64) -> Status {
    // SAFETY: the plugin vouches.
    status(unsafe { MemoryHost::from_abi(host) }.check_client(client))
}

unsafe extern "C" fn close(
    host: *const abi::Host,
    client: u64,
    code: u32,
    reason: Bytes,
) -> Status {
    // SAFETY: the plugin vouches.
    let (host, reason) = unsafe { (MemoryHost::from_abi(host), reason.as_slice()) };
    let may_be_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    match std::str::from_utf8(reason) {
        Ok(reason) if may_be_sent && reason.len() <= 123 => {
            let order = Order::Close(client, code as u16, reason.to_owned());
            status(host.check_client(client).and_then(|()| host.post(order)))
        }
        _ => abi::INVALID,
    }
}

unsafe extern "C" fn join(host: *const abi::Host, client: u64, name: Bytes) -> Status {
    // SAFETY: the plugin vouches.
    let (host, name) = unsafe { (MemoryHost::from_abi(host), name.as_slice()) };
    status(topic(name).and_then(|topic| {
        host.check_client(client)?;
        host.post(Order::Join(client, topic))
    }))
}

unsafe extern "C" fn leave(host: *const abi::Host, client: u64, name: Bytes) -> Status {
    // SAFETY: the plugin vouches.
    let (host, name) = unsafe { (MemoryHost::from_abi(host), name.as_slice()) };
    status(topic(name).and_then(|topic| {
        host.check_client(client)?;
        host.post(Order::Leave(client, topic))
    }))
}

unsafe extern "C" fn publish(
    host: *const abi::Host,
    name: Bytes,
    kind: u32,
    payload: Bytes,
    except: u64,
) -> Status {
    // SAFETY: the plugin vouches.
    let (host, name, payload) = unsafe {
        (
            MemoryHost::from_abi(host),
            name.as_slice(),
            payload.as_slice(),
        )
    };
    status(topic(name).and_then(|topic| {
        let message = message(kind, payload)?;
        host.post(Order::Publish(Some(topic), message, except))
    }))
}

unsafe extern "C" fn broadcast(
    host: *const abi::Host,
    kind: u32,
    payload: Bytes,
    except: u64,
) -> Status {
    // SAFETY: the plugin vouches.
    let (host, payload) = unsafe { (MemoryHost::from_abi(host), payload.as_slice()) };
    status(
        message(kind, payload).and_then(|message| host.post(Order::Publish(None, message, except))),
    )
}

unsafe extern "C" fn client_count(host: *const abi::Host, count: *mut u64) -> Status {
    // SAFETY: the plugin vouches.
    unsafe {
        let host = MemoryHost::from_abi(host);
        let answer = host.check().map(|()| host.world.lock().client_count());
        fill(count, answer)
    }
}

unsafe extern "C" fn member_count(host: *const abi::Host, name: Bytes, count: *mut u64) -> Status {
    // SAFETY: the plugin vouches.
    unsafe {
        let host = MemoryHost::from_abi(host);
        let answer = topic(name.as_slice()).and_then(|topic| {
            host.check()?;
            Ok(host.world.lock().members(&topic).len() as u64)
        });
        fill(count, answer)
    }
}

unsafe extern "C" fn set_timer(
    host: *const abi::Host,
    delay_ms: u64,
    period_ms: u64,
    timer: *mut u64,
) -> Status {
    if timer.is_null() {
        return abi::INVALID;
    }
    // SAFETY: the plugin vouches.
    unsafe {
        fill(
            timer,
            MemoryHost::from_abi(host).set_timer(delay_ms, period_ms),
        )
    }
}

unsafe extern "C" fn cancel_timer(host: *const abi::Host, timer: u64) -> Status {
    // SAFETY: the plugin vouches.
    unsafe { MemoryHost::from_abi(host) }.cancel_timer(timer)
}

unsafe extern "C" fn route_path(host: *const abi::Host, out: *const abi::Sink) -> Status {
    // SAFETY: the plugin vouches.
    unsafe { write(out, MemoryHost::from_abi(host).path.as_bytes()) };
    abi::OK
}

unsafe extern "C" fn config(host: *const abi::Host, out: *const abi::Sink) -> Status {
    // SAFETY: the plugin vouches.
    unsafe {
        // The lock is free before the plugin's sink is called.
        let config = MemoryHost::from_abi(host).config();
        write(out, config.as_bytes());
    }
    abi::OK
}

unsafe extern "C" fn config_folder(host: *const abi::Host, out: *const abi::Sink) -> Status {
    // SAFETY: the plugin vouches.
    unsafe {
        let folder = &MemoryHost::from_abi(host).folders.config;
        write(out, folder.as_os_str().as_encoded_bytes());
    }
    abi::OK
}

unsafe extern "C" fn state_folder(
    host: *const abi::Host,
    out: *const abi::Sink,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the plugin vouches.
    let Some(folder) = (unsafe { &MemoryHost::from_abi(host).folders.state }) else {
        return abi::ABSENT;
    };
    if let Err(why) = std::fs::create_dir_all(folder) {
        let why = format!("{}: {why}", folder.display());
        // SAFETY: the plugin vouches.
        unsafe { write(error, why.as_bytes()) };
        return abi::FAILED;
    }
    // SAFETY: the plugin vouches.
    unsafe { write(out, folder.as_os_str().as_encoded_bytes()) };
    abi::OK
}

unsafe extern "C" fn get_extension(_: *const abi::Host, id: Bytes) -> *const c_void {
    // SAFETY: the plugin vouches.
    match unsafe { id.as_slice() } {
        id if id == abi::BODY_FILE.as_bytes() => body_file_table::table(),
        id if id == abi::JOURNAL.as_bytes() => journal_table::first(),
        id if id == abi::JOURNAL_EVERYONE.as_bytes() => journal_table::second(),
        id if id == abi::CLIENT_VIEW.as_bytes() => client_view_table::table(),
        id if id == abi::LABEL.as_bytes() => label_table::table(),
        id if id == abi::MEMBERS.as_bytes() => members_table::table(),
        id if id == abi::HOSTS.as_bytes() => hosts_table::table(),
        id if id == abi::TURNS.as_bytes() => turns_table::table(),
        id if id == abi::METRICS.as_bytes() => metrics_table::table(),
        _ => std::ptr::null(),
    }
}
