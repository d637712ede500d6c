//! A plain HTTP answer: from a plugin, or a refusal of our own.

use std::fmt::Write;
use std::time::SystemTime;

use http::{HeaderName, HeaderValue, StatusCode};

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

/// An answer under construction.
#[derive(Debug)]
pub struct Response {
    /// The status; 101 stands for "admit" in an upgrade.
    pub status: StatusCode,
    /// Headers beside those that the server writes.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Vec<u8>,
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
        }
    }

    /// A text answer of one line.
    pub fn text(status: StatusCode, body: &str) -> Response {
        let mut response = Response::new(status);
        response.body = format!("{body}\n").into_bytes();
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

    /// The bytes to send, with the headers that belong to the status. Without body for HEAD
    /// (RFC 9110 section 9.3.2), the connection closes after it.
    pub fn encode(&self, is_head: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        let mut put = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            write!(head, "{name}: {value}\r\n").ok();
        };
        put("Date", &httpdate::fmt_http_date(SystemTime::now()));
        // RFC 9110 section 7.8: who sends Upgrade names it in Connection too.
        let upgrades = self.status == StatusCode::UPGRADE_REQUIRED;
        put(
            "Connection",
            if upgrades { "close, Upgrade" } else { "close" },
        );
        let has_body =
            self.status != StatusCode::NO_CONTENT && self.status != StatusCode::NOT_MODIFIED;
        if has_body {
            put("Content-Length", &self.body.len().to_string());
        }
        if !self.body.is_empty() && !self.headers.iter().any(|(name, _)| name == "content-type") {
            put("Content-Type", "text/plain; charset=utf-8");
        }
        match self.status {
            StatusCode::UPGRADE_REQUIRED => {
                put("Upgrade", "websocket");
                put("Sec-WebSocket-Version", "13");
            }
            StatusCode::SERVICE_UNAVAILABLE => put("Retry-After", "5"),
            StatusCode::METHOD_NOT_ALLOWED
                if !self.headers.iter().any(|(name, _)| name == "allow") =>
            {
                put("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
            }
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
        if !is_head && has_body {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}
