//! A host that notes what it is asked for, and requests and responses that are plain structs.

use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use plugin_api::abi::{self, Bytes, ClientId, Status, TimerId};

/// The table comes first, so that a pointer to it is a pointer to all of it.
#[repr(C)]
pub(crate) struct FakeHost {
    table: abi::Host,
    noted: Mutex<Vec<String>>,
}

/// The client that has gone.
pub(crate) const GONE_CLIENT: ClientId = 404;

#[derive(Default)]
pub(crate) struct FakeRequest {
    pub(crate) method: &'static str,
    pub(crate) query: Option<&'static str>,
    pub(crate) headers: Vec<(&'static str, &'static [u8])>,
    pub(crate) inside: bool,
    pub(crate) body: Option<&'static [u8]>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct FakeResponse {
    pub(crate) status: u32,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) subprotocol: String,
}

impl FakeHost {
    /// A host that lives for ever, as the ABI wants it.
    pub(crate) fn new() -> &'static FakeHost {
        FakeHost::with_table(|_| {})
    }

    /// A host whose table is changed.
    pub(crate) fn with_table(change: impl FnOnce(&mut abi::Host)) -> &'static FakeHost {
        let mut table = table();
        change(&mut table);
        Box::leak(Box::new(FakeHost {
            table,
            noted: Mutex::default(),
        }))
    }

    pub(crate) fn pointer(&'static self) -> *const abi::Host {
        (&raw const *self).cast()
    }

    /// What it was asked for since the last time.
    pub(crate) fn noted(&self) -> Vec<String> {
        std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn table() -> abi::Host {
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
        request_field,
        request_header,
        request_header_at,
        request_param,
        request_is_inside,
        response_status,
        response_header,
        response_body,
        response_subprotocol,
        get_extension,
        config_folder,
        state_folder,
        request_query,
        request_cookie,
        config_string,
        config_integer,
        config_boolean,
        config_only,
        old_state_format,
    }
}

pub(crate) fn text(bytes: Bytes) -> String {
    // SAFETY: every caller is inside the call that the bytes came with.
    String::from_utf8_lossy(unsafe { bytes.as_slice() }).into_owned()
}

fn note(host: *const abi::Host, line: String) -> Status {
    // SAFETY: the pointer came from `FakeHost::pointer` of a host that is never freed.
    let host = unsafe { &*host.cast::<FakeHost>() };
    host.noted
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(line);
    abi::OK
}

fn fill<T>(place: *mut T, value: T) -> Status {
    // SAFETY: the plugin passes a place to write to.
    unsafe { place.write(value) };
    abi::OK
}

unsafe extern "C" fn send(
    host: *const abi::Host,
    client: ClientId,
    kind: u32,
    payload: Bytes,
) -> Status {
    if client == GONE_CLIENT {
        return abi::GONE;
    }
    note(host, format!("send {client} {kind} {}", text(payload)))
}

unsafe extern "C" fn flush(host: *const abi::Host, client: ClientId) -> Status {
    note(host, format!("flush {client}"))
}

unsafe extern "C" fn close(
    host: *const abi::Host,
    client: ClientId,
    code: u32,
    reason: Bytes,
) -> Status {
    if code == 1005 {
        return abi::INVALID;
    }
    note(host, format!("close {client} {code} {}", text(reason)))
}

unsafe extern "C" fn join(host: *const abi::Host, client: ClientId, topic: Bytes) -> Status {
    if topic.len == 0 {
        return abi::INVALID;
    }
    note(host, format!("join {client} {}", text(topic)))
}

unsafe extern "C" fn leave(host: *const abi::Host, client: ClientId, topic: Bytes) -> Status {
    note(host, format!("leave {client} {}", text(topic)))
}

unsafe extern "C" fn publish(
    host: *const abi::Host,
    topic: Bytes,
    kind: u32,
    payload: Bytes,
    except: ClientId,
) -> Status {
    if topic.len == 0 {
        return abi::INVALID;
    }
    note(
        host,
        format!(
            "publish {} {kind} {} except {except}",
            text(topic),
            text(payload)
        ),
    )
}

unsafe extern "C" fn broadcast(
    host: *const abi::Host,
    kind: u32,
    payload: Bytes,
    except: ClientId,
) -> Status {
    note(
        host,
        format!("broadcast {kind} {} except {except}", text(payload)),
    )
}

unsafe extern "C" fn client_count(_: *const abi::Host, count: *mut u64) -> Status {
    fill(count, 3)
}

unsafe extern "C" fn member_count(_: *const abi::Host, topic: Bytes, count: *mut u64) -> Status {
    if topic.len == 0 {
        abi::INVALID
    } else {
        fill(count, 2)
    }
}

unsafe extern "C" fn set_timer(
    host: *const abi::Host,
    delay_ms: u64,
    period_ms: u64,
    timer: *mut TimerId,
) -> Status {
    fill(timer, 9);
    note(host, format!("set_timer {delay_ms} {period_ms}"))
}

unsafe extern "C" fn cancel_timer(host: *const abi::Host, timer: TimerId) -> Status {
    note(host, format!("cancel_timer {timer}"))
}

pub(crate) fn write(out: *const abi::Sink, parts: &[&str]) -> Status {
    for part in parts {
        // SAFETY: the plugin passes a sink that is there until this returns.
        unsafe { ((*out).write)((*out).context, Bytes::new(part.as_bytes())) };
    }
    abi::OK
}

unsafe extern "C" fn route_path(_: *const abi::Host, out: *const abi::Sink) -> Status {
    write(out, &["/ro", "ute"])
}

unsafe extern "C" fn config_folder(_: *const abi::Host, out: *const abi::Sink) -> Status {
    write(out, &["/etc/de", "tent"])
}

unsafe extern "C" fn state_folder(
    _: *const abi::Host,
    out: *const abi::Sink,
    _: *const abi::Sink,
) -> Status {
    write(out, &["/var/lib/detent/", "probe"])
}

unsafe extern "C" fn config(_: *const abi::Host, out: *const abi::Sink) -> Status {
    write(out, &["{\"answer\"", ":42}"])
}

fn request_of<'a>(request: *const abi::Request) -> &'a FakeRequest {
    // SAFETY: `instance.rs` made the pointer from a request that outlives the call.
    unsafe { &*request.cast() }
}

unsafe extern "C" fn request_field(
    request: *const abi::Request,
    field: u32,
    value: *mut Bytes,
) -> Status {
    let request = request_of(request);
    if field == abi::FIELD_BODY
        && let Some(body) = request.body
    {
        return fill(value, Bytes::new(body));
    }
    let bytes = match field {
        abi::FIELD_METHOD => Some(request.method),
        abi::FIELD_PATH => Some("/route"),
        abi::FIELD_QUERY => request.query,
        abi::FIELD_BODY => Some("the body"),
        abi::FIELD_PEER => Some("127.0.0.1:40000"),
        abi::FIELD_CLIENT_ADDRESS => Some("192.0.2.1"),
        _ => return abi::INVALID,
    };
    bytes.map_or(abi::ABSENT, |bytes| {
        fill(value, Bytes::new(bytes.as_bytes()))
    })
}

unsafe extern "C" fn request_header(
    request: *const abi::Request,
    name: Bytes,
    index: usize,
    value: *mut Bytes,
) -> Status {
    let name = text(name);
    let mut named = request_of(request)
        .headers
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(&name));
    named
        .nth(index)
        .map_or(abi::ABSENT, |(_, bytes)| fill(value, Bytes::new(bytes)))
}

unsafe extern "C" fn request_header_at(
    request: *const abi::Request,
    index: usize,
    name: *mut Bytes,
    value: *mut Bytes,
) -> Status {
    let Some((key, bytes)) = request_of(request).headers.get(index) else {
        return abi::ABSENT;
    };
    fill(name, Bytes::new(key.as_bytes()));
    fill(value, Bytes::new(bytes))
}

unsafe extern "C" fn request_param(
    _: *const abi::Request,
    name: Bytes,
    value: *mut Bytes,
) -> Status {
    match text(name).as_str() {
        "room" => fill(value, Bytes::new(b"green")),
        _ => abi::ABSENT,
    }
}

unsafe extern "C" fn request_is_inside(request: *const abi::Request) -> u32 {
    request_of(request).inside.into()
}

fn response_of<'a>(response: *mut abi::Response) -> &'a mut FakeResponse {
    // SAFETY: `instance.rs` made the pointer from a response that outlives the call and that nobody
    // else looks at meanwhile.
    unsafe { &mut *response.cast() }
}

unsafe extern "C" fn response_status(response: *mut abi::Response, status: u32) -> Status {
    if !(200..600).contains(&status) {
        return abi::INVALID;
    }
    response_of(response).status = status;
    abi::OK
}

unsafe extern "C" fn response_header(
    response: *mut abi::Response,
    name: Bytes,
    value: Bytes,
) -> Status {
    if text(name) == "Connection" {
        return abi::INVALID;
    }
    response_of(response)
        .headers
        .push((text(name), text(value)));
    abi::OK
}

unsafe extern "C" fn response_body(response: *mut abi::Response, body: Bytes) -> Status {
    response_of(response).body.push_str(&text(body));
    abi::OK
}

unsafe extern "C" fn response_subprotocol(
    response: *mut abi::Response,
    subprotocol: Bytes,
) -> Status {
    if text(subprotocol) != "offered" {
        return abi::INVALID;
    }
    response_of(response).subprotocol = text(subprotocol);
    abi::OK
}

unsafe extern "C" fn get_extension(_: *const abi::Host, _: Bytes) -> *const c_void {
    std::ptr::null()
}

// What the Rust face reads by itself: nothing that this host answers.

unsafe extern "C" fn request_query(
    _: *const abi::Request,
    _: Bytes,
    _: usize,
    _: *const abi::Sink,
) -> Status {
    abi::UNSUPPORTED
}

unsafe extern "C" fn request_cookie(_: *const abi::Request, _: Bytes, _: *mut Bytes) -> Status {
    abi::UNSUPPORTED
}

unsafe extern "C" fn config_string(
    _: Bytes,
    _: Bytes,
    _: *const abi::Sink,
    _: *const abi::Sink,
) -> Status {
    abi::UNSUPPORTED
}

unsafe extern "C" fn config_integer(
    _: Bytes,
    _: Bytes,
    _: *mut i64,
    _: *const abi::Sink,
) -> Status {
    abi::UNSUPPORTED
}

unsafe extern "C" fn config_boolean(
    _: Bytes,
    _: Bytes,
    _: *mut u32,
    _: *const abi::Sink,
) -> Status {
    abi::UNSUPPORTED
}

unsafe extern "C" fn config_only(
    _: Bytes,
    _: *const Bytes,
    _: usize,
    _: *const abi::Sink,
) -> Status {
    abi::UNSUPPORTED
}

unsafe extern "C" fn old_state_format(_: *const abi::Host, format: *mut u32) -> Status {
    fill(format, 6)
}
