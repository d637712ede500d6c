//! What a client was sent.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::message::{Message, ToMessage};

/// One message that a client of a test was sent.
///
/// ```
/// # use plugin_api::{Client, Config, Host, Message, Plugin, Result};
/// # struct Echo;
/// # impl Plugin for Echo {
/// #     type Session = ();
/// #     fn create(_: Host, _: Config) -> Result<Self> { Ok(Echo) }
/// #     fn on_message(&self, client: &Client, _: &mut (), message: Message) -> Result {
/// #         client.send(message)?;
/// #         Ok(())
/// #     }
/// # }
/// # plugin_api::export!(Echo, path = "/echo");
/// # fn main() {
/// use plugin_api::testing::{Received, Route};
///
/// let route = Route::of::<Echo>().start();
/// let ann = route.connect("/echo");
/// ann.send("[1, 2]");
/// ann.send(b"raw".as_slice());
/// let received = ann.received();
/// assert_eq!(received[0].json::<Vec<u32>>(), [1, 2]);
/// assert_eq!(received[1], Received::Binary(b"raw".to_vec()));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl Received {
    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        self.to_message().as_text()
    }

    /// The payload, whatever its kind.
    pub fn as_bytes(&self) -> &[u8] {
        self.to_message().as_bytes()
    }

    /// The payload as JSON.
    ///
    /// # Panics
    /// It is none, or of another shape: the test fails with the payload.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(self.as_bytes()) {
            Ok(value) => value,
            Err(error) => panic!("{self} is not the JSON that is expected: {error}"),
        }
    }
}

impl ToMessage for Received {
    fn to_message(&self) -> Message<'_> {
        match self {
            Received::Text(text) => Message::Text(text),
            Received::Binary(bytes) => Message::Binary(bytes),
        }
    }
}

impl fmt::Display for Received {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_message().fmt(formatter)
    }
}

impl PartialEq<str> for Received {
    fn eq(&self, text: &str) -> bool {
        self.as_text() == Some(text)
    }
}

impl PartialEq<&str> for Received {
    fn eq(&self, text: &&str) -> bool {
        self.as_text() == Some(text)
    }
}
