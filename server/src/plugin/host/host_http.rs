//! Host calls about a request and its response: made by the thread whose callback got them.
#![allow(unsafe_code)]

use http::StatusCode;
use plugin_api::abi::{
    self, ABSENT, Bytes, FIELD_BODY, FIELD_CERTIFICATE_FINGERPRINT, FIELD_CERTIFICATE_NAMES,
    FIELD_CERTIFICATE_SUBJECT, FIELD_CLIENT_ADDRESS, FIELD_KIND, FIELD_METHOD, FIELD_PAGE,
    FIELD_PATH, FIELD_PEER, FIELD_QUERY, INVALID, OK, Status,
};

use super::guard::guard;
use crate::http::origin::{self, Page};
use crate::http::request::{Kind, Request};
use crate::http::response::{Response, ResponseError};

/// What a plugin's `Response` pointer stands for.
pub(in crate::plugin) struct Draft<'a> {
    pub(in crate::plugin) request: &'a Request,
    /// On the heap, since a draft lies on the stack at its deepest.
    pub(in crate::plugin) response: Box<Response>,
    /// Chosen in `on_upgrade`.
    pub(in crate::plugin) subprotocol: Option<String>,
    /// Asked for in `on_upgrade`.
    pub(in crate::plugin) has_envelope: bool,
    /// Asked for in `on_upgrade`.
    pub(in crate::plugin) is_apart: bool,
}

impl<'a> Draft<'a> {
    pub(in crate::plugin) fn new(request: &'a Request, status: StatusCode) -> Draft<'a> {
        Draft {
            request,
            response: Box::new(Response::new(status)),
            subprotocol: None,
            has_envelope: false,
            is_apart: false,
        }
    }

    /// As the plugin sees it.
    pub(in crate::plugin) fn as_abi(&mut self) -> *mut abi::Response {
        (&raw mut *self).cast()
    }
}

/// As the plugin sees it.
pub(in crate::plugin) fn request_as_abi(request: &Request) -> *const abi::Request {
    (&raw const *request).cast()
}

pub(in crate::plugin) unsafe extern "C" fn request_field(
    request: *const abi::Request,
    field: u32,
    value: *mut Bytes,
) -> Status {
    guard(|| {
        // SAFETY: the plugin hands back what its callback got, and a place for the answer.
        let request = unsafe { &*request.cast::<Request>() };
        let certificate = request.certificate.as_deref();
        let text = match field {
            FIELD_METHOD => Some(request.method().as_bytes()),
            FIELD_PATH => Some(request.path().as_bytes()),
            FIELD_QUERY => request.query().map(str::as_bytes),
            FIELD_BODY => Some(request.body.as_slice()),
            FIELD_PEER => Some(request.peer().as_bytes()),
            FIELD_CLIENT_ADDRESS => Some(request.client_address().as_bytes()),
            FIELD_KIND => match request.kind {
                Kind::Plain => None,
                Kind::WebSocket => Some(b"websocket".as_slice()),
                Kind::EventStream => Some(b"event-stream".as_slice()),
                Kind::Poll => Some(b"poll".as_slice()),
            },
            FIELD_PAGE => origin::page(request).map(|page| match page {
                Page::Own => b"own".as_slice(),
                Page::Other => b"other".as_slice(),
            }),
            FIELD_CERTIFICATE_SUBJECT => certificate.map(|of| of.subject.as_bytes()),
            FIELD_CERTIFICATE_NAMES => certificate.map(|of| of.names.as_bytes()),
            FIELD_CERTIFICATE_FINGERPRINT => certificate.map(|of| of.fingerprint.as_bytes()),
            _ => return INVALID,
        };
        // SAFETY: the plugin's place for the answer.
        unsafe { answer(text, value) }
    })
}

pub(in crate::plugin) unsafe extern "C" fn request_header(
    request: *const abi::Request,
    name: Bytes,
    index: usize,
    value: *mut Bytes,
) -> Status {
    guard(|| {
        // SAFETY: as in `request_field`; the name is borrowed for the call.
        let (request, name) = unsafe { (&*request.cast::<Request>(), name.as_slice()) };
        let Ok(name) = std::str::from_utf8(name) else {
            return INVALID;
        };
        // SAFETY: the plugin's place for the answer.
        unsafe { answer(request.header_values(name).nth(index), value) }
    })
}

pub(in crate::plugin) unsafe extern "C" fn request_header_at(
    request: *const abi::Request,
    index: usize,
    name: *mut Bytes,
    value: *mut Bytes,
) -> Status {
    guard(|| {
        // SAFETY: as in `request_field`.
        let request = unsafe { &*request.cast::<Request>() };
        let header = request.header_at(index);
        // SAFETY: the plugin's places for the answers, which may be one.
        let (named, valued) = unsafe {
            (
                answer(header.map(|(name, _)| name), name),
                answer(header.map(|(_, value)| value), value),
            )
        };
        named.min(valued)
    })
}

pub(in crate::plugin) unsafe extern "C" fn request_param(
    request: *const abi::Request,
    name: Bytes,
    value: *mut Bytes,
) -> Status {
    guard(|| {
        // SAFETY: as in `request_header`.
        let (request, name) = unsafe { (&*request.cast::<Request>(), name.as_slice()) };
        let mut params = request.params.iter();
        let param = params.find(|(of, _)| of.as_bytes() == name);
        // SAFETY: the plugin's place for the answer.
        unsafe { answer(param.map(|(_, param)| param.as_bytes()), value) }
    })
}

pub(in crate::plugin) unsafe extern "C" fn request_is_inside(request: *const abi::Request) -> u32 {
    // SAFETY: as in `request_field`.
    let request = unsafe { &*request.cast::<Request>() };
    u32::from(request.provenance.is_inside)
}

pub(in crate::plugin) unsafe extern "C" fn response_status(
    response: *mut abi::Response,
    status: u32,
) -> Status {
    guard(|| {
        // SAFETY: the plugin hands back what its callback got.
        let draft = unsafe { &mut *response.cast::<Draft<'_>>() };
        status_of(draft.response.set_status(status))
    })
}

pub(in crate::plugin) unsafe extern "C" fn response_header(
    response: *mut abi::Response,
    name: Bytes,
    value: Bytes,
) -> Status {
    guard(|| {
        // SAFETY: as in `response_status`; name and value are borrowed for the call.
        let (draft, name, value) = unsafe {
            (
                &mut *response.cast::<Draft<'_>>(),
                name.as_slice(),
                value.as_slice(),
            )
        };
        status_of(draft.response.add_header(name, value))
    })
}

pub(in crate::plugin) unsafe extern "C" fn response_body(
    response: *mut abi::Response,
    body: Bytes,
) -> Status {
    guard(|| {
        // SAFETY: as in `response_status`; the body is borrowed for the call.
        let (draft, body) = unsafe { (&mut *response.cast::<Draft<'_>>(), body.as_slice()) };
        status_of(draft.response.add_body(body))
    })
}

pub(in crate::plugin) unsafe extern "C" fn response_subprotocol(
    response: *mut abi::Response,
    subprotocol: Bytes,
) -> Status {
    guard(|| {
        // SAFETY: as in `response_status`; the name is borrowed for the call.
        let (draft, name) = unsafe { (&mut *response.cast::<Draft<'_>>(), subprotocol.as_slice()) };
        let offered = draft.request.list("sec-websocket-protocol");
        draft.subprotocol = offered
            .map(str::to_owned)
            .find(|offer| offer.as_bytes() == name);
        if draft.subprotocol.is_some() {
            OK
        } else {
            INVALID
        }
    })
}

fn status_of(result: Result<(), ResponseError>) -> Status {
    result.map_or(INVALID, |()| OK)
}

/// Puts bytes where the plugin wants them; see `host_table::answer`.
///
/// # Safety
/// `place` is null or may be written.
pub(super) unsafe fn answer(found: Option<&[u8]>, place: *mut Bytes) -> Status {
    if place.is_null() {
        return INVALID;
    }
    // SAFETY: the caller vouches for it.
    unsafe { place.write(found.map_or(Bytes::NONE, Bytes::new)) };
    if found.is_some() { OK } else { ABSENT }
}
