//! Requests and responses of the host in memory, and the calls that read and write them.

#![allow(unsafe_code)]

use super::place::{fill, text, write};
use crate::Response;
use crate::abi::{self, Bytes, Status};
use crate::reading::{cookie_pairs, query_pairs};

/// A request as the plugin reads it.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryRequest {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) params: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) peer: String,
    pub(super) client_address: String,
    pub(super) is_inside: bool,
    /// `websocket`, `event-stream`, or none.
    pub(super) kind: Option<&'static str>,
    /// `own`, `other`, or none.
    pub(super) page: Option<&'static str>,
    /// Subject, names a line each, and fingerprint of what the client has shown by TLS.
    pub(super) certificate: Option<[String; 3]>,
}

/// A response as the plugin writes it.
pub(super) struct Draft<'a> {
    pub(super) request: &'a MemoryRequest,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// A part of a file stands in the body.
    pub(super) has_file: bool,
    pub(super) subprotocol: Option<String>,
    /// The client does not hear everyone yet.
    pub(super) is_apart: bool,
}

impl Draft<'_> {
    pub(super) fn new(request: &MemoryRequest, status: u16) -> Draft<'_> {
        Draft {
            request,
            status,
            headers: Vec::new(),
            body: Vec::new(),
            has_file: false,
            subprotocol: None,
            is_apart: false,
        }
    }

    pub(super) fn into_response(self) -> Response {
        let with_headers = self
            .headers
            .into_iter()
            .fold(Response::new(self.status), |response, (name, value)| {
                response.header(name, value)
            });
        with_headers.body(self.body)
    }
}

impl MemoryRequest {
    fn of_certificate(&self, index: usize) -> Option<&[u8]> {
        let certificate = self.certificate.as_ref();
        certificate.map(|parts| parts[index].as_bytes())
    }
}

fn request_of<'a>(request: *const abi::Request) -> &'a MemoryRequest {
    // SAFETY: the plugin hands back what its callback got, which outlives the call.
    unsafe { &*request.cast() }
}

pub(super) fn draft_of<'a>(response: *mut abi::Response) -> &'a mut Draft<'a> {
    // SAFETY: the plugin hands back what its callback got; nobody else uses it meanwhile.
    unsafe { &mut *response.cast() }
}

fn answer(found: Option<&[u8]>, place: *mut Bytes) -> Status {
    // SAFETY: the plugin passes a place to write to.
    unsafe { fill(place, found.map(Bytes::new).ok_or(abi::ABSENT)) }
}

pub(super) unsafe extern "C" fn request_field(
    request: *const abi::Request,
    field: u32,
    value: *mut Bytes,
) -> Status {
    let request = request_of(request);
    let found = match field {
        abi::FIELD_METHOD => Some(request.method.as_bytes()),
        abi::FIELD_PATH => Some(request.path.as_bytes()),
        abi::FIELD_QUERY => request.query.as_deref().map(str::as_bytes),
        abi::FIELD_BODY => Some(request.body.as_slice()),
        abi::FIELD_PEER => Some(request.peer.as_bytes()),
        abi::FIELD_CLIENT_ADDRESS => Some(request.client_address.as_bytes()),
        abi::FIELD_KIND => request.kind.map(str::as_bytes),
        abi::FIELD_PAGE => request.page.map(str::as_bytes),
        abi::FIELD_CERTIFICATE_SUBJECT => request.of_certificate(0),
        abi::FIELD_CERTIFICATE_NAMES => request.of_certificate(1),
        abi::FIELD_CERTIFICATE_FINGERPRINT => request.of_certificate(2),
        _ => return abi::INVALID,
    };
    answer(found, value)
}

pub(super) unsafe extern "C" fn request_header(
    request: *const abi::Request,
    name: Bytes,
    index: usize,
    value: *mut Bytes,
) -> Status {
    // SAFETY: the plugin vouches for the name.
    let name = unsafe { text(name) };
    let mut named = request_of(request).named(&name);
    answer(named.nth(index), value)
}

pub(super) unsafe extern "C" fn request_header_at(
    request: *const abi::Request,
    index: usize,
    name: *mut Bytes,
    value: *mut Bytes,
) -> Status {
    let header = request_of(request).headers.get(index);
    let named = answer(header.map(|(name, _)| name.as_bytes()), name);
    named.min(answer(header.map(|(_, value)| value.as_slice()), value))
}

pub(super) unsafe extern "C" fn request_param(
    request: *const abi::Request,
    name: Bytes,
    value: *mut Bytes,
) -> Status {
    // SAFETY: the plugin vouches for the name.
    let name = unsafe { text(name) };
    let mut params = request_of(request).params.iter();
    let found = params.find(|(of, _)| *of == name);
    answer(found.map(|(_, param)| param.as_bytes()), value)
}

pub(super) unsafe extern "C" fn request_is_inside(request: *const abi::Request) -> u32 {
    request_of(request).is_inside.into()
}

pub(super) unsafe extern "C" fn request_query(
    request: *const abi::Request,
    name: Bytes,
    index: usize,
    out: *const abi::Sink,
) -> Status {
    // SAFETY: the plugin vouches for the name.
    let name = unsafe { text(name) };
    let query = request_of(request).query.as_deref().unwrap_or_default();
    let mut named = query_pairs(query.as_bytes()).filter(|(of, _)| *of == name);
    let Some((_, value)) = named.nth(index) else {
        return abi::ABSENT;
    };
    // SAFETY: the plugin vouches for the sink.
    unsafe { write(out, value.as_bytes()) };
    abi::OK
}

pub(super) unsafe extern "C" fn request_cookie(
    request: *const abi::Request,
    name: Bytes,
    value: *mut Bytes,
) -> Status {
    // SAFETY: the plugin vouches for the name.
    let name = unsafe { text(name) };
    let headers = request_of(request).named("cookie");
    let texts = headers.filter_map(|header| std::str::from_utf8(header).ok());
    let mut cookies = texts.flat_map(cookie_pairs);
    let found = cookies.find(|(of, _)| *of == name);
    answer(found.map(|(_, cookie)| cookie.as_bytes()), value)
}

pub(super) unsafe extern "C" fn response_status(
    response: *mut abi::Response,
    status: u32,
) -> Status {
    if !(200..600).contains(&status) {
        return abi::INVALID;
    }
    draft_of(response).status = status as u16;
    abi::OK
}

/// What the host writes itself, besides all that begins with `Sec-WebSocket-`.
const OWN_HEADERS: [&str; 4] = [
    "connection",
    "upgrade",
    "content-length",
    "transfer-encoding",
];

pub(super) unsafe extern "C" fn response_header(
    response: *mut abi::Response,
    name: Bytes,
    value: Bytes,
) -> Status {
    // SAFETY: the plugin vouches for both.
    let (name, value) = unsafe { (text(name), text(value)) };
    let lower = name.to_ascii_lowercase();
    let is_token = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    let is_own = OWN_HEADERS.contains(&&*lower) || lower.starts_with("sec-websocket-");
    let is_value = value
        .bytes()
        .all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
    if !is_token || is_own || !is_value {
        return abi::INVALID;
    }
    draft_of(response).headers.push((name, value));
    abi::OK
}

pub(super) unsafe extern "C" fn response_body(response: *mut abi::Response, body: Bytes) -> Status {
    // SAFETY: the plugin vouches for the body.
    let body = unsafe { body.as_slice() };
    draft_of(response).body.extend_from_slice(body);
    abi::OK
}

pub(super) unsafe extern "C" fn response_subprotocol(
    response: *mut abi::Response,
    subprotocol: Bytes,
) -> Status {
    // SAFETY: the plugin vouches for the name.
    let name = unsafe { text(subprotocol) };
    let draft = draft_of(response);
    if !draft.request.offers(&name) {
        return abi::INVALID;
    }
    draft.subprotocol = Some(name);
    abi::OK
}

impl MemoryRequest {
    fn named(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers
            .iter()
            .filter(move |(of, _)| of.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// Subprotocols that the client offers, the one it likes best first.
    pub(super) fn offered(&self) -> impl Iterator<Item = &str> {
        self.named("sec-websocket-protocol")
            .filter_map(|value| std::str::from_utf8(value).ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
    }

    fn offers(&self, name: &str) -> bool {
        self.offered().any(|offered| offered == name)
    }
}
