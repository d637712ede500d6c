//! A plain HTTP answer: from a plugin, or a refusal of our own.

use std::fmt::{self, Write};
use std::time::SystemTime;

use http::{HeaderName, HeaderValue, StatusCode, header};

use super::body_file::BodyFile;
use crate::limits::RESPONSE_BODY_BYTES_MAX;

/// Headers that only the server writes, since they frame the message or the connection.
const OWN_HEADERS: [&str; 7] = [
    "connection",
    "upgrade",
    "content-length",
    "transfer-encoding",
    "keep-alive",
    "date",
    "trailer",
];

/// Methods that reach a plugin, as Allow has them.
pub const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Whether `method` is one of [`METHODS`]; methods are case-sensitive.
pub fn is_served(method: &str) -> bool {
    let mut served = METHODS.as_bytes().split(|&byte| byte == b',');
    served.any(|of| of.trim_ascii_start() == method.as_bytes())
}

/// What the request and the connection make of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The method was HEAD: the same head without the body.
    pub is_head: bool,
    /// The connection closes behind the answer.
    pub closes: bool,
}

impl Form {
    /// Of an answer that nothing follows, to a request that nobody has read.
    pub const LAST: Form = Form {
        is_head: false,
        closes: true,
    };
}

/// An answer under construction.
#[derive(Debug)]
pub struct Response {
    /// The status; 101 stands for "admit" in an upgrade.
    pub status: StatusCode,
    /// Headers beside those that the server writes.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Vec<u8>,
    /// What follows the body.
    pub file: Option<BodyFile>,
    /// The body goes on behind what stands here, until the connection ends.
    pub is_endless: bool,
}

/// What a plugin may not put into an answer.
#[derive(Debug, thiserror::Error)]
pub enum ResponseError {
    /// A name or value that HTTP does not allow (RFC 9110 section 5).
    #[error("header name or value is not valid in HTTP")]
    Header,
    /// One of the headers that only the server writes.
    #[error("the header is written by the server")]
    OwnHeader,
    /// A status outside 200 to 599.
    #[error("status {0} is not between 200 and 599")]
    Status(u32),
    /// More than [`RESPONSE_BODY_BYTES_MAX`].
    #[error("body over {RESPONSE_BODY_BYTES_MAX} bytes")]
    Body,
}

impl Response {
    /// An empty answer.
    pub fn new(status: StatusCode) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            file: None,
            is_endless: false,
        }
    }

    /// A text answer of one line.
    pub fn text(status: StatusCode, body: &str) -> Response {
        let mut response = Response::new(status);
        response.body = format!("{body}\n").into_bytes();
        response
    }

    /// What a balancer is answered: 200, or 503 with the reason; never kept by anyone on the way.
    pub fn health(state: Result<(), impl fmt::Display>) -> Response {
        let mut response = match state {
            Ok(()) => Response::text(StatusCode::OK, "ok"),
            Err(why) => Response::text(StatusCode::SERVICE_UNAVAILABLE, &why.to_string()),
        };
        let no_store = HeaderValue::from_static("no-store");
        response.headers.push((header::CACHE_CONTROL, no_store));
        response
    }

    /// What OPTIONS is answered: 204, with the methods that are `allowed`.
    pub fn options(allowed: &'static str) -> Response {
        let mut response = Response::new(StatusCode::NO_CONTENT);
        let allowed = (header::ALLOW, HeaderValue::from_static(allowed));
        response.headers.push(allowed);
        response
    }

    /// Sets the status.
    ///
    /// # Errors
    /// [`ResponseError::Status`].
    pub fn set_status(&mut self, status: u32) -> Result<(), ResponseError> {
        let valid = u16::try_from(status)
            .ok()
            .filter(|status| (200..600).contains(status));
        let valid = valid.and_then(|status| StatusCode::from_u16(status).ok());
        self.status = valid.ok_or(ResponseError::Status(status))?;
        Ok(())
    }

    /// Adds a header.
    ///
    /// # Errors
    /// [`ResponseError::Header`], [`ResponseError::OwnHeader`].
    pub fn add_header(&mut self, name: &[u8], value: &[u8]) -> Result<(), ResponseError> {
        let name = HeaderName::from_bytes(name).map_err(|_| ResponseError::Header)?;
        let value = HeaderValue::from_bytes(value).map_err(|_| ResponseError::Header)?;
        if OWN_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("sec-websocket-") {
            return Err(ResponseError::OwnHeader);
        }
        self.headers.push((name, value));
        Ok(())
    }

    /// Appends to the body.
    ///
    /// # Errors
    /// [`ResponseError::Body`].
    pub fn add_body(&mut self, bytes: &[u8]) -> Result<(), ResponseError> {
        if self.body.len() + bytes.len() > RESPONSE_BODY_BYTES_MAX {
            return Err(ResponseError::Body);
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    /// The bytes to send.
    pub fn encode(&self, form: Form) -> Vec<u8> {
        let mut bytes = self.encode_head(form);
        bytes.extend_from_slice(self.sent_body(form));
        bytes
    }

    /// The head to send, with the headers that belong to the status.
    pub fn encode_head(&self, form: Form) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        let mut put = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            write!(head, "{name}: {value}\r\n").ok();
        };
        put("Date", &httpdate::fmt_http_date(SystemTime::now()));
        // RFC 9110 section 7.8: who sends Upgrade names it in Connection too.
        match (form.closes, self.status == StatusCode::UPGRADE_REQUIRED) {
            (true, true) => put("Connection", "close, Upgrade"),
            (true, false) => put("Connection", "close"),
            (false, true) => put("Connection", "Upgrade"),
            // HTTP/1.1 keeps a connection where nothing is said (RFC 9112 section 9.3).
            (false, false) => {}
        }
        if let Some(length) = self.content_length() {
            put("Content-Length", &length.to_string());
            if length > 0 && !self.has("content-type") {
                put("Content-Type", "text/plain; charset=utf-8");
            }
        }
        match self.status {
            StatusCode::UPGRADE_REQUIRED => {
                put("Upgrade", "websocket");
                put("Sec-WebSocket-Version", "13");
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
                if !self.has("retry-after") =>
            {
                put("Retry-After", "5");
            }
            StatusCode::METHOD_NOT_ALLOWED if !self.has("allow") => put("Allow", METHODS),
            _ => {}
        }
        let mut bytes = head.into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    /// The body to send: none for HEAD (RFC 9110 section 9.3.2), nor where the status has none.
    pub fn sent_body(&self, form: Form) -> &[u8] {
        match self.content_length() {
            Some(length) if length > 0 && !form.is_head => &self.body,
            _ => &[],
        }
    }

    /// The file to send behind the body.
    pub fn into_sent_file(self, form: Form) -> Option<BodyFile> {
        let has_body = self.content_length().is_some_and(|length| length > 0);
        self.file.filter(|_| has_body && !form.is_head)
    }

    /// RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5: 204 and 304 have no body and say no length,
    /// 205 has an empty one.
    fn content_length(&self) -> Option<u64> {
        match self.status {
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => None,
            StatusCode::RESET_CONTENT => Some(0),
            _ if self.is_endless => None,
            _ => Some(self.body.len() as u64 + self.file.as_ref().map_or(0, BodyFile::len)),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(of, _)| of == name)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::{Form, Response};

    fn encode(status: u16, form: Form) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        String::from_utf8(Response::text(status, "body").encode(form)).expect("text")
    }

    const KEPT: Form = Form {
        is_head: false,
        closes: false,
    };

    #[test]
    fn a_status_without_a_body_has_none() {
        for (status, length) in [(204, None), (304, None), (205, Some("0")), (200, Some("5"))] {
            let answer = encode(status, KEPT);
            let found = answer
                .split("Content-Length: ")
                .nth(1)
                .map(|rest| &rest[..1]);
            assert_eq!(found, length, "{answer}");
            assert_eq!(
                answer.ends_with("\r\n\r\nbody\n"),
                status == 200,
                "{answer}"
            );
            assert_eq!(answer.contains("Content-Type"), status == 200, "{answer}");
        }
    }

    #[test]
    fn head_is_answered_with_the_same_head() {
        let form = Form {
            is_head: true,
            ..KEPT
        };
        assert_eq!(format!("{}body\n", encode(200, form)), encode(200, KEPT));
    }

    #[test]
    fn connection_says_what_has_to_be_said() {
        for (status, form, line) in [
            (200, KEPT, None),
            (200, Form::LAST, Some("close")),
            (426, KEPT, Some("Upgrade")),
            (426, Form::LAST, Some("close, Upgrade")),
        ] {
            let answer = encode(status, form);
            let rest = answer.split("Connection: ").nth(1);
            let found = rest.map(|rest| rest.split("\r\n").next().unwrap_or_default());
            assert_eq!(found, line, "{answer}");
        }
    }
}
