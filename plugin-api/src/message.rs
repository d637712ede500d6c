//! Messages: what a client sent, and what may be sent to clients.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::abi::{self, Status};

/// One whole message (RFC 6455 section 5.6), borrowed until the callback returns.
///
/// ```
/// use plugin_api::Message;
///
/// fn length(message: Message) -> usize {
///     match message {
///         Message::Text(text) => text.chars().count(),
///         Message::Binary(bytes) => bytes.len(),
///     }
/// }
/// assert_eq!(length(Message::Text("Zoë")), 3);
/// assert_eq!(Message::Text("[1, 2]").parse_json::<Vec<u8>>().unwrap(), [1, 2]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message<'a> {
    /// Text, which is always UTF-8.
    Text(&'a str),
    /// Bytes of any kind.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The payload, whatever its kind.
    pub fn as_bytes(self) -> &'a [u8] {
        match self {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }

    /// The text, where it is one.
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            Message::Text(text) => Some(text),
            Message::Binary(_) => None,
        }
    }

    /// Reads the payload as JSON.
    ///
    /// # Errors
    /// The payload is no JSON, or not of the shape of `T`.
    pub fn parse_json<T: DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.as_bytes())
    }

    pub(crate) fn kind(self) -> u32 {
        match self {
            Message::Text(_) => abi::TEXT,
            Message::Binary(_) => abi::BINARY,
        }
    }

    /// None where the kind is unknown or the text is no UTF-8.
    pub(crate) fn from_abi(kind: u32, payload: &[u8]) -> Option<Message<'_>> {
        match kind {
            abi::TEXT => std::str::from_utf8(payload).ok().map(Message::Text),
            abi::BINARY => Some(Message::Binary(payload)),
            _ => None,
        }
    }
}

/// The text as it is; bytes as far as they are UTF-8.
impl fmt::Display for Message<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Text(text) => formatter.pad(text),
            Message::Binary(bytes) => formatter.pad(&String::from_utf8_lossy(bytes)),
        }
    }
}

/// What can be sent: strings as text, bytes as binary, a [`Message`] as it came.
///
/// The bytes are copied by the server before `send` and its like return.
///
/// ```
/// use plugin_api::{Message, ToMessage};
///
/// assert_eq!("text".to_message(), Message::Text("text"));
/// assert_eq!(vec![0_u8, 1].to_message(), Message::Binary(&[0, 1]));
/// assert_eq!(format!("{}", 7).to_message(), Message::Text("7"));
/// ```
pub trait ToMessage {
    /// Borrows the message.
    fn to_message(&self) -> Message<'_>;
}

impl<T: ToMessage + ?Sized> ToMessage for &T {
    fn to_message(&self) -> Message<'_> {
        (**self).to_message()
    }
}

impl ToMessage for Message<'_> {
    fn to_message(&self) -> Message<'_> {
        *self
    }
}

macro_rules! to_message {
    ($($kind:ident: $($type:ty),+;)+) => {$($(
        impl ToMessage for $type {
            fn to_message(&self) -> Message<'_> {
                Message::$kind(self)
            }
        }
    )+)+};
}

to_message! {
    Text: str, String, Box<str>, Cow<'_, str>;
    Binary: [u8], Vec<u8>, Box<[u8]>;
}

impl<const N: usize> ToMessage for [u8; N] {
    fn to_message(&self) -> Message<'_> {
        Message::Binary(self)
    }
}

/// `value` as JSON text, to be sent: `client.send(json(&position)?)?`.
///
/// # Errors
/// `value` has no form in JSON, such as a map whose keys are no strings.
///
/// ```
/// #[derive(serde::Serialize)]
/// struct Stock {
///     apples: u32,
/// }
///
/// assert_eq!(plugin_api::json(&Stock { apples: 7 }).unwrap(), r#"{"apples":7}"#);
/// ```
pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(value)
}

/// What became of a message.
///
/// ```
/// use plugin_api::{Client, Delivery, Result};
///
/// /// Whether it is still there to read it; that it has read it, only its answer tells.
/// fn tell(client: &Client, text: &str) -> Result<bool> {
///     Ok(client.send(text)? == Delivery::Queued)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its way. It still gets lost where the connection breaks before it arrives.
    Queued,
    /// The client, or the whole route, has gone. That is no error: it happens all the time between
    /// the end of a connection and its `on_close`.
    Gone,
}

/// Why nothing was sent.
///
/// ```
/// use plugin_api::{Client, log};
///
/// fn tell(client: &Client, text: &str) {
///     if let Err(error) = client.send(text) {
///         log::warn!("client {}: {error}", client.id());
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// A topic is empty or over 255 bytes.
    #[error("a topic has 1 to 255 bytes")]
    Topic,
    /// The server did not take it for another reason: a status of the plugin ABI.
    #[error("the server did not take the message (status {0})")]
    Refused(Status),
}

/// Reads the status of a call that sends.
pub(crate) fn delivery(status: Status) -> Result<Delivery, SendError> {
    match status {
        abi::GONE => Ok(Delivery::Gone),
        status if status < abi::OK => Err(SendError::Refused(status)),
        _ => Ok(Delivery::Queued),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(message: impl ToMessage) -> (u32, Vec<u8>) {
        let message = message.to_message();
        (message.kind(), message.as_bytes().to_vec())
    }

    #[test]
    fn strings_are_text_and_bytes_are_binary() {
        let text = (abi::TEXT, b"hi".to_vec());
        assert_eq!(sent("hi"), text);
        let owned = String::from("hi");
        assert_eq!(sent(&owned), text);
        assert_eq!(sent(owned), text);
        assert_eq!(sent(Cow::Borrowed("hi")), text);
        let binary = (abi::BINARY, b"hi".to_vec());
        assert_eq!(sent(b"hi"), binary);
        assert_eq!(sent(&b"hi"[..]), binary);
        let owned = b"hi".to_vec();
        assert_eq!(sent(&owned), binary);
        assert_eq!(sent(owned), binary);
    }

    #[test]
    fn a_message_keeps_its_kind() {
        for kind in [abi::TEXT, abi::BINARY] {
            let message = Message::from_abi(kind, b"hi").unwrap();
            assert_eq!(sent(message), (kind, b"hi".to_vec()));
        }
    }

    #[test]
    fn text_that_is_no_utf8_and_unknown_kinds_are_refused() {
        assert_eq!(Message::from_abi(abi::TEXT, b"\xff"), None);
        assert_eq!(Message::from_abi(7, b"hi"), None);
    }

    #[test]
    fn as_text_bytes_show_what_of_them_is_utf8() {
        assert_eq!(Message::Text("<b>").to_string(), "<b>");
        assert_eq!(Message::Binary(b"a\xffb").to_string(), "a\u{fffd}b");
    }

    #[test]
    fn json_goes_there_and_back() {
        let text = json(&[1, 2]).unwrap();
        assert_eq!(
            Message::Text(&text).parse_json::<Vec<u8>>().unwrap(),
            [1, 2]
        );
        assert!(Message::Text("{").parse_json::<Vec<u8>>().is_err());
    }

    #[test]
    fn gone_is_no_error() {
        assert_eq!(delivery(abi::OK), Ok(Delivery::Queued));
        assert_eq!(delivery(abi::GONE), Ok(Delivery::Gone));
        assert_eq!(
            delivery(abi::INVALID),
            Err(SendError::Refused(abi::INVALID))
        );
    }
}
