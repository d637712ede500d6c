//! Answers of `on_request` and `on_upgrade`.
//!
//! They are plain values until the callback has returned; then they are written through the host.

use std::borrow::Cow;
use std::fs::File;
use std::sync::Arc;

use serde::Serialize;

use crate::Request;
use crate::abi::{self, Status};
use crate::calls::ResponseCalls;

/// What [`Response::page`] lets a browser do with the page: run what stands in it and connect.
///
/// `ws:` and `wss:` stand there because Safari before version 16 does not take a WebSocket for `'self'`.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; \
    style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws: wss:; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'self'";

/// A plain HTTP response.
///
/// `Content-Length` and `Connection` are the server's business, and so is leaving out the body where
/// the method was `HEAD`.
///
/// ```
/// use plugin_api::Response;
///
/// let response = Response::new(201)
///     .header("Location", "/orders/7")
///     .body("made\n");
/// assert_eq!(response.status_code(), 201);
/// assert_eq!(response.header_value("location"), Some("/orders/7"));
/// assert_eq!(response.body_text(), "made\n");
/// assert_eq!(Response::text("no such order").status(404).status_code(), 404);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    file: Option<BodyFile>,
}

/// A part of a file that is a body.
#[derive(Clone, Debug)]
struct BodyFile {
    file: Arc<File>,
    offset: u64,
    length: u64,
}

impl PartialEq for BodyFile {
    fn eq(&self, other: &BodyFile) -> bool {
        let place = |of: &BodyFile| (Arc::as_ptr(&of.file), of.offset, of.length);
        place(self) == place(other)
    }
}

impl Eq for BodyFile {}

impl Response {
    /// A response without headers or body; `status` is from 200 to 599.
    pub fn new(status: u16) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            file: None,
        }
    }

    /// 200 with plain text.
    pub fn text(text: impl Into<String>) -> Response {
        Response::of_type("text/plain; charset=utf-8", text.into())
    }

    /// 200 with HTML.
    pub fn html(html: impl Into<String>) -> Response {
        Response::of_type("text/html; charset=utf-8", html.into())
    }

    /// A page that carries its own style and script: 200 for `GET` and `HEAD`, 405 for other methods.
    ///
    /// It has the headers that hold a browser to that: nothing is loaded from elsewhere, no other site
    /// frames it, and it is asked for anew each time. For a page that needs more there is
    /// [`html`](Response::html).
    pub fn page(request: &Request, html: impl Into<String>) -> Response {
        if !matches!(request.method(), "GET" | "HEAD") {
            return Response::method_not_allowed("GET, HEAD");
        }
        Response::html(html)
            .header("Cache-Control", "no-cache")
            .header("Content-Security-Policy", PAGE_POLICY)
            .header("X-Content-Type-Options", "nosniff")
    }

    /// 200 with `value` as JSON.
    ///
    /// # Errors
    /// `value` has no form in JSON, such as a map whose keys are no strings.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Response, serde_json::Error> {
        Ok(Response::of_type("application/json", crate::json(value)?))
    }

    /// 405 with the methods that are allowed, such as `GET, HEAD`.
    pub fn method_not_allowed(allowed: &str) -> Response {
        Response::text(format!("this path takes {allowed}\n"))
            .status(405)
            .header("Allow", allowed)
    }

    /// 426: this path speaks WebSocket only.
    pub fn upgrade_required() -> Response {
        Response::text("this path speaks WebSocket only\n").status(426)
    }

    fn of_type(content_type: &str, body: String) -> Response {
        Response::new(200)
            .header("Content-Type", content_type)
            .body(body)
    }

    /// Changes the status; from 200 to 599.
    #[must_use]
    pub fn status(mut self, status: u16) -> Response {
        self.status = status;
        self
    }

    /// Adds a header. One that HTTP does not allow, or that the server writes itself (`Connection`,
    /// `Upgrade`, `Content-Length`, `Transfer-Encoding`, `Sec-WebSocket-*`), makes the callback fail.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Response {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Response {
        self.body = body.into();
        self
    }

    /// Lets `length` bytes of a regular file, from `offset` on, follow the body. They are sent from the file, piece by piece
    /// as the client takes them and behind the callback, so that a body of any size costs no memory; what the file is
    /// called, and whether it is deleted meanwhile, is of no interest. Its position is left alone. Where it has become
    /// shorter, the connection is broken off. The callback fails where it is no regular file that is open for reading, or
    /// shorter now, and on a server that does not know the extension `detent.body_file/1`.
    ///
    /// ```
    /// use std::fs::File;
    /// use plugin_api::{Request, Response, Result};
    ///
    /// fn manual(_: &Request) -> Result<Response> {
    ///     let file = File::open("/usr/share/doc/manual.pdf")?;
    ///     let length = file.metadata()?.len();
    ///     Ok(Response::new(200)
    ///         .header("Content-Type", "application/pdf")
    ///         .body_file(file, 0, length))
    /// }
    /// ```
    #[must_use]
    pub fn body_file(mut self, file: impl Into<Arc<File>>, offset: u64, length: u64) -> Response {
        self.file = Some(BodyFile {
            file: file.into(),
            offset,
            length,
        });
        self
    }

    /// The status that it has.
    pub fn status_code(&self) -> u16 {
        self.status
    }

    /// Value of its first header of that name, in any case.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(of, _)| of.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Its headers, in the order they were added.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Its body, without a file.
    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// Its body as text; what is no UTF-8 of it has replacement characters.
    pub fn body_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    pub(crate) fn write(&self, response: &ResponseCalls) -> Result<(), ResponseError> {
        check(response.status(self.status), || {
            ResponseError::Status(self.status)
        })?;
        write_headers(&self.headers, response)?;
        check(response.body(&self.body), || ResponseError::Body)?;
        let Some(file) = &self.file else {
            return Ok(());
        };
        match response.body_file(&file.file, file.offset, file.length) {
            None => Err(ResponseError::NoFiles),
            Some(abi::EXHAUSTED) => Err(ResponseError::Descriptors),
            Some(status) => check(status, || ResponseError::File),
        }
    }
}

/// Answer to a handshake: take the client, or refuse it.
///
/// ```
/// use plugin_api::{Response, Upgrade};
///
/// let upgrade = Upgrade::accept().subprotocol("chat.v2").header("X-Room", "tea");
/// assert!(upgrade.is_accepted());
/// assert_eq!(upgrade.chosen_subprotocol(), Some("chat.v2"));
///
/// let refused = Upgrade::refuse(Response::text("the room is full\n").status(503));
/// assert_eq!(refused.refusal().map(Response::status_code), Some(503));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade(Decision);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Decision {
    Accept {
        subprotocol: Option<String>,
        has_envelope: bool,
        is_apart: bool,
        headers: Vec<(String, String)>,
    },
    Refuse(Response),
}

impl Upgrade {
    /// Takes the client; `on_open` follows.
    pub fn accept() -> Upgrade {
        Upgrade(Decision::Accept {
            subprotocol: None,
            has_envelope: false,
            is_apart: false,
            headers: Vec::new(),
        })
    }

    /// Refuses the client; `response` has a status from 400 to 599. Nothing follows. A client of an event stream
    /// may be refused with 204 too, which tells a browser not to come back.
    pub fn refuse(response: Response) -> Upgrade {
        Upgrade(Decision::Refuse(response))
    }

    /// Chooses a subprotocol. The client must have offered it, or the callback fails.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Upgrade {
        if let Decision::Accept { subprotocol, .. } = &mut self.0 {
            *subprotocol = Some(name.into());
        }
        self
    }

    /// Where it is a WebSocket, each message comes to it in an envelope, a text of JSON:
    /// `{"id":"...","topic":"...","data":"..."}`, with its position ([`Position`](crate::Position)) and its topic, each null
    /// where it has none; a binary message stands under `"base64"` instead of `"data"`. Joining a topic from somewhere it is
    /// told first where it stands: `{"id":"...","topic":"...","gap":null}`, or why there is a gap: `"too-old"`,
    /// `"other-epoch"`, `"hole"`. The envelope is made once for all members who want one. The callback fails on a server
    /// that knows no envelopes.
    #[must_use]
    pub fn envelope(mut self) -> Upgrade {
        if let Decision::Accept { has_envelope, .. } = &mut self.0 {
            *has_envelope = true;
        }
        self
    }

    /// The client does not hear what is said to everyone ([`Host::broadcast`](crate::Host::broadcast)) before
    /// [`Client::hear_from`](crate::Client::hear_from) has made it hear that, from some place in the past on: in `on_open`, or
    /// later, as when it has said who it is. It gets what is sent to it and hears topics that it joins as any client.
    /// The callback fails on a server that knows no journal of everyone.
    #[must_use]
    pub fn apart(mut self) -> Upgrade {
        if let Decision::Accept { is_apart, .. } = &mut self.0 {
            *is_apart = true;
        }
        self
    }

    /// Adds a header to the 101 or to the refusal, as [`Response::header`] does.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Upgrade {
        match &mut self.0 {
            Decision::Accept { headers, .. } => headers,
            Decision::Refuse(response) => &mut response.headers,
        }
        .push((name.into(), value.into()));
        self
    }

    /// Whether it takes the client.
    pub fn is_accepted(&self) -> bool {
        matches!(self.0, Decision::Accept { .. })
    }

    /// What a client that is refused is told.
    pub fn refusal(&self) -> Option<&Response> {
        match &self.0 {
            Decision::Refuse(response) => Some(response),
            Decision::Accept { .. } => None,
        }
    }

    /// The subprotocol that it chooses.
    pub fn chosen_subprotocol(&self) -> Option<&str> {
        match &self.0 {
            Decision::Accept { subprotocol, .. } => subprotocol.as_deref(),
            Decision::Refuse(_) => None,
        }
    }

    /// Value of its first header of that name, in any case; of the 101 or of the refusal.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        let headers = match &self.0 {
            Decision::Accept { headers, .. } => headers,
            Decision::Refuse(response) => &response.headers,
        };
        let mut headers = headers.iter();
        let found = headers.find(|(of, _)| of.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn write(&self, response: &ResponseCalls) -> Result<(), ResponseError> {
        match &self.0 {
            Decision::Refuse(refusal) => refusal.write(response),
            Decision::Accept {
                subprotocol,
                has_envelope,
                is_apart,
                headers,
            } => {
                if *has_envelope {
                    check(response.envelope(), || ResponseError::Envelope)?;
                }
                if *is_apart {
                    check(response.apart(), || ResponseError::Apart)?;
                }
                if let Some(name) = subprotocol {
                    let not_offered = || ResponseError::Subprotocol(name.clone());
                    check(response.subprotocol(name), not_offered)?;
                }
                write_headers(headers, response)
            }
        }
    }
}

/// What the server did not take of an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResponseError {
    #[error("the server is older than envelopes: update it")]
    Envelope,
    #[error("the server is older than the extension detent.journal/2: update it")]
    Apart,
    #[error("status {0} may not be answered here")]
    Status(u16),
    #[error("header {0:?} may not be set, or its value may not stand in a header")]
    Header(String),
    #[error("the server did not take the body")]
    Body,
    #[error("the body's file is no regular one that is open for reading, or has become shorter")]
    File,
    #[error("the server is older than the extension detent.body_file/1: update it")]
    NoFiles,
    #[error("the server has no descriptor left for the body's file: raise its open files")]
    Descriptors,
    #[error("the client did not offer the subprotocol {0:?}")]
    Subprotocol(String),
}

fn write_headers(
    headers: &[(String, String)],
    response: &ResponseCalls,
) -> Result<(), ResponseError> {
    headers.iter().try_for_each(|(name, value)| {
        check(response.header(name, value), || {
            ResponseError::Header(name.clone())
        })
    })
}

fn check(status: Status, error: impl FnOnce() -> ResponseError) -> Result<(), ResponseError> {
    if status < abi::OK {
        Err(error())
    } else {
        Ok(())
    }
}
