//! One client of a route: a number and the way to it.

use crate::abi::{self, Status};
use crate::client_id::ClientId;
use crate::host::Host;
use crate::message::{Delivery, SendError, ToMessage, delivery};
use crate::request::Request;
use crate::topic_error::TopicError;

/// One client. A small value: copy it, keep it, hand it to another thread.
///
/// It does not keep the client alive. A call about a client that has gone does nothing and is no error.
/// No call waits for the client.
///
/// ```
/// use plugin_api::{Client, Delivery, Result};
///
/// fn welcome(client: &Client) -> Result {
///     client.join("news")?;
///     if client.send("you read the news now")? == Delivery::Gone {
///         return Ok(()); // `on_close` follows.
///     }
///     client.host().publish_except("news", "one more reads the news", client.id())?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    host: Host,
    id: ClientId,
}

impl Client {
    pub(crate) fn new(host: Host, id: ClientId) -> Client {
        Client { host, id }
    }

    /// The client's number.
    pub fn id(&self) -> ClientId {
        self.id
    }

    /// The route's way to the server, for what concerns more than this client.
    pub fn host(&self) -> Host {
        self.host
    }

    /// Lets `read` have the request of the client's handshake: headers, cookies, query, parameters of the path and addresses,
    /// long after [`on_open`](crate::Plugin::on_open). In a callback of this very client from that one on, such as `on_message`,
    /// `on_close`, `on_error` or a closure on its turn; none anywhere else, and where the server is older than plugin ABI 1.1.
    ///
    /// It costs a look at what the server keeps of each handshake anyway, about as many bytes as its head had. What is wanted
    /// for each message belongs into the session all the same, parsed once.
    ///
    /// ```
    /// use plugin_api::{Client, Config, Host, Message, Plugin, Result};
    ///
    /// struct Mirror;
    ///
    /// impl Plugin for Mirror {
    ///     type Session = ();
    ///
    ///     fn create(_: Host, _: Config) -> Result<Self> {
    ///         Ok(Mirror)
    ///     }
    ///     fn on_message(&self, client: &Client, _: &mut (), _: Message) -> Result {
    ///         let seen = client.with_request(|request| {
    ///             let browser = request.header("User-Agent").unwrap_or("nothing");
    ///             format!("{:?} with {browser}", request.client_ip())
    ///         });
    ///         client.send(seen.unwrap_or_default())?;
    ///         Ok(())
    ///     }
    /// }
    /// # plugin_api::export!(Mirror, path = "/mirror");
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// # #[cfg(feature = "testing")]
    /// # fn main() {
    /// # use plugin_api::testing::{Ask, Route};
    /// let route = Route::of::<Mirror>().start();
    /// let ann = route.connect(Ask::get("/mirror").from("192.0.2.7").header("User-Agent", "curl"));
    /// ann.send("who am I");
    /// assert_eq!(ann.text(), "Some(192.0.2.7) with curl");
    /// # }
    /// ```
    pub fn with_request<T>(&self, read: impl FnOnce(&Request) -> T) -> Option<T> {
        let calls = self.host.calls();
        calls.with_handshake(self.id.0, |calls| read(&Request::new(calls)))
    }

    /// Bytes that wait for the client, whose socket takes no more now: 0 where it keeps up, and where it has gone. For who
    /// sends as much as a client takes, such as the next part of a film, and no more. What is published and not yet given to
    /// its members does not count. Any thread may ask.
    ///
    /// ```
    /// # use plugin_api::{Client, Result};
    /// fn next_part(client: &Client, part: &[u8]) -> Result<bool> {
    ///     if client.buffered_bytes() > 256 * 1024 {
    ///         return Ok(false); // Later, from a timer of the client.
    ///     }
    ///     client.send(part)?;
    ///     Ok(true)
    /// }
    /// ```
    pub fn buffered_bytes(&self) -> u64 {
        self.host.calls().buffered(self.id.0).unwrap_or(0)
    }

    /// Whether the client is there still. False once its connection is ended, by whichever side, also while a callback of it runs
    /// and what it has said before has not been read: so a callback that waits for something else, in steps, need not wait for
    /// nobody. One that vanishes without a word, as a phone in a tunnel, is there until a deadline of the server says otherwise.
    /// Any thread may ask; it costs a system call. Always true where the server is older than plugin ABI 1.1.
    ///
    /// ```
    /// # use plugin_api::{Client, Result};
    /// # use std::sync::mpsc::{Receiver, RecvTimeoutError};
    /// # use std::time::Duration;
    /// fn answer(client: &Client, slow: &Receiver<String>) -> Result {
    ///     while client.is_connected() {
    ///         match slow.recv_timeout(Duration::from_millis(100)) {
    ///             Err(RecvTimeoutError::Timeout) => continue,
    ///             answer => return Ok(drop(client.send(answer?)?)),
    ///         }
    ///     }
    ///     Ok(()) // `on_close` follows.
    /// }
    /// ```
    pub fn is_connected(&self) -> bool {
        self.host.calls().is_connected(self.id.0)
    }

    /// Sends one message, after all that this thread has said before and the client hears: to itself, to a topic,
    /// to everyone.
    ///
    /// It leaves when the callback returns, together with what else is queued then; see
    /// [`flush`](Client::flush).
    ///
    /// # Errors
    /// The server did not take it. A client that has gone is no error: [`Delivery::Gone`].
    pub fn send(&self, message: impl ToMessage) -> Result<Delivery, SendError> {
        let message = message.to_message();
        delivery(
            self.host
                .calls()
                .send(self.id.0, message.kind(), message.as_bytes()),
        )
    }

    /// Sends what is queued now instead of when the callback returns: for a callback that goes on
    /// working after it answered. What follows a publish or broadcast of the same callback is sent on with
    /// that one, soon and by itself.
    pub fn flush(&self) {
        self.host.calls().flush(self.id.0);
    }

    /// Closes the connection after all that this thread has said before; `on_close` follows. From the call on
    /// nothing that the client says is taken any more, and it is [`Delivery::Gone`].
    ///
    /// # Errors
    /// The code is none of 1000 to 1003, 1007 to 1014, 3000 to 4999 (RFC 6455 section 7.4), or the
    /// reason is over 123 bytes. The connection stays.
    pub fn close(&self, code: u16, reason: &str) -> Result<(), CloseError> {
        match self.host.calls().close(self.id.0, code, reason) {
            abi::INVALID => Err(CloseError::Invalid {
                code,
                reason_bytes: reason.len(),
            }),
            status if status < abi::OK => Err(CloseError::Refused(status)),
            _ => Ok(()),
        }
    }

    /// Makes the client a member of `topic`, from 1 to 255 bytes. Each route has its own topics; one
    /// begins with its first member. Membership ends with [`leave`](Client::leave) or the connection.
    /// A client may be a member of 1,024 topics; joins past that are ignored, and logged once for it.
    ///
    /// # Errors
    /// See [`TopicError`].
    pub fn join(&self, topic: &str) -> Result<(), TopicError> {
        TopicError::check(self.host.calls().join(self.id.0, topic))
    }

    /// Ends a membership; nothing happens where there was none.
    ///
    /// # Errors
    /// See [`TopicError`].
    pub fn leave(&self, topic: &str) -> Result<(), TopicError> {
        TopicError::check(self.host.calls().leave(self.id.0, topic))
    }

    /// Says what the client is called in the list of the server's admin listener: a user's name, the number of a
    /// device. For whoever runs the server alone: no client sees it. In place of what was said before; empty takes it
    /// away. It stays when the plugin's code is replaced, and ends with the connection. Other clients may have the same.
    ///
    /// # Errors
    /// See [`LabelError`].
    pub fn set_label(&self, label: &str) -> Result<(), LabelError> {
        match self.host.calls().set_label(self.id.0, label) {
            None => Err(LabelError::TooOld),
            Some(abi::INVALID) => Err(LabelError::Invalid),
            Some(status) if status < abi::OK => Err(LabelError::Refused(status)),
            Some(_) => Ok(()),
        }
    }
}

impl Host {
    /// The client of that number, whether it is still there or not.
    pub fn client(&self, id: ClientId) -> Client {
        Client::new(*self, id)
    }
}

/// Why a client is not called what it was to be called.
///
/// ```
/// use plugin_api::{Client, LabelError, Result};
///
/// fn name(client: &Client, name: &str) -> Result {
///     match client.set_label(name) {
///         // What a stranger calls himself need not fit.
///         Err(LabelError::Invalid) => Ok(client.set_label("(no name that fits)")?),
///         outcome => Ok(outcome?),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// It is too long, or would do something to the text around it.
    #[error(
        "a label has 64 bytes at most, without control characters, separators of lines and marks of direction"
    )]
    Invalid,
    /// The server does not know what a label is.
    #[error("the server is older than the extension detent.label/1: update it")]
    TooOld,
    /// The server refused for another reason: a status of the plugin ABI.
    #[error("the server did not take the label (status {0})")]
    Refused(Status),
}

/// Why a connection was not closed.
///
/// ```
/// use plugin_api::{Client, CloseError};
///
/// fn send_away(client: &Client, why: &str) -> Result<(), CloseError> {
///     // A reason has 123 bytes at most.
///     client.close(4000, why).or_else(|_| client.close(4000, "no room here"))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// Not a code that may be sent, or a reason that is too long.
    #[error("close code {code} may not be sent, or its reason of {reason_bytes} bytes is over 123")]
    Invalid {
        /// The code that was asked for.
        code: u16,
        /// Length of the reason.
        reason_bytes: usize,
    },
    /// The server refused for another reason: a status of the plugin ABI.
    #[error("the server did not close the connection (status {0})")]
    Refused(Status),
}
