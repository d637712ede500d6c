//! A client of a test.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::received::Received;
use super::shared::Shared;
use crate::abi;
use crate::{ClientId, Response, ToMessage};

/// A client of a [`Route`](super::Route). Give clones of it to other threads to drive it from there: its callbacks wait
/// for each other, those of other clients do not.
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
/// use plugin_api::testing::Route;
///
/// let route = Route::of::<Echo>().start();
/// let ann = route.connect("/echo");
/// ann.send("one");
/// ann.send(b"two".as_slice());
/// assert_eq!((ann.text(), ann.binary()), ("one".to_owned(), b"two".to_vec()));
/// assert_eq!(ann.next(), None);
/// ann.vanish();
/// assert!(!ann.is_open());
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    id: u64,
    subprotocol: Option<String>,
    head: Response,
}

/// What every send to a client answers, see [`Client::let_sends_answer`].
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
/// use plugin_api::testing::{Route, SendAnswer};
///
/// // What the plugin does where a client has gone between two lines of a callback.
/// let route = Route::of::<Echo>().start();
/// let ann = route.connect("/echo");
/// ann.let_sends_answer(SendAnswer::Gone);
/// ann.send("into the void");
/// ann.let_sends_answer(None);
/// ann.send("heard");
/// assert_eq!(ann.texts(), ["heard"]);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendAnswer {
    /// `Delivery::Gone`, as between the end of a connection and its `on_close`.
    Gone,
    /// An error, as for text that is no UTF-8.
    Invalid,
}

impl Client {
    pub(super) fn new(
        shared: Arc<Shared>,
        (id, subprotocol, head): (u64, Option<String>, Response),
    ) -> Client {
        Client {
            shared,
            id,
            subprotocol,
            head,
        }
    }

    /// Its number.
    pub fn id(&self) -> ClientId {
        ClientId(self.id)
    }

    /// The subprotocol that was agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Value of a header that the plugin added to the 101.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header_value(name)
    }

    /// What the plugin says that it is called, for whoever runs the server; empty where it says nothing.
    pub fn label(&self) -> String {
        let state = self.shared.world.lock();
        let guest = state.clients.get(&self.id);
        guest.map(|guest| guest.label.clone()).unwrap_or_default()
    }

    /// Says something: `on_message` runs, on this thread, and has returned when this does. Nothing happens where the
    /// client has been closed.
    pub fn send(&self, message: impl ToMessage) {
        self.shared.message(self.id, message.to_message());
    }

    /// The next message that it was sent, if there is one.
    pub fn next(&self) -> Option<Received> {
        let mut state = self.shared.world.lock();
        let guest = state.clients.get_mut(&self.id)?;
        guest.inbox.pop_front()
    }

    /// The next message that it was sent, which is text.
    ///
    /// # Panics
    /// There is none, or it is binary: the test fails, and tells what has become of the client.
    #[track_caller]
    pub fn text(&self) -> String {
        match self.expected() {
            Received::Text(text) => text,
            Received::Binary(bytes) => panic!("client {} got binary: {bytes:?}", self.id),
        }
    }

    /// The next message that it was sent, which is binary.
    ///
    /// # Panics
    /// As [`text`](Client::text).
    #[track_caller]
    pub fn binary(&self) -> Vec<u8> {
        match self.expected() {
            Received::Binary(bytes) => bytes,
            Received::Text(text) => panic!("client {} got text: {text:?}", self.id),
        }
    }

    /// The next message that it was sent, as JSON.
    ///
    /// # Panics
    /// As [`text`](Client::text), or it is not of that shape.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        self.expected().json()
    }

    /// All that it was sent and has not read yet, in order.
    pub fn received(&self) -> Vec<Received> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// All that it was sent and has not read yet, where all of it is text.
    ///
    /// # Panics
    /// Something of it is binary.
    #[track_caller]
    pub fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        while self.has_more() {
            texts.push(self.text());
        }
        texts
    }

    /// What one that [waits](super::Ask::waiting) for a message is answered; none while it waits, and where it is a client
    /// of another kind. Its end follows the answer.
    pub fn answer(&self) -> Option<Response> {
        self.shared.settle();
        let state = self.shared.world.lock();
        let poll = state.clients.get(&self.id)?.poll.as_deref()?;
        poll.answer.clone()
    }

    /// Whether the plugin may still speak to it.
    pub fn is_open(&self) -> bool {
        self.shared.settle();
        self.shared.world.lock().is_open(self.id)
    }

    /// Code and reason of the Close frame, where it got or sent one.
    pub fn closed(&self) -> Option<(u16, String)> {
        self.shared.settle();
        let state = self.shared.world.lock();
        state.clients.get(&self.id)?.closed.clone()
    }

    /// It closes, with a code (1000 where nothing is wrong) and a reason.
    pub fn close(&self, code: u16, reason: &str) {
        self.shared.peer_closes(self.id, code, reason, true);
    }

    /// Its connection ends without a Close frame, as when a phone goes out.
    pub fn cut(&self) {
        let what = "the connection ended without a Close frame";
        self.shared.peer_closes(self.id, 1006, what, false);
    }

    /// Its connection breaks: `on_error`, then `on_close` with 1006.
    pub fn break_off(&self) {
        self.shared
            .breaks(self.id, "Connection reset by peer (os error 104)");
    }

    /// It answers no ping any more: `on_error`, then `on_close` with 1006.
    pub fn vanish(&self) {
        self.shared.breaks(self.id, "no pong within 10s");
    }

    /// Lets every `send` of the plugin to this client answer so; `None` ends it.
    pub fn let_sends_answer(&self, answer: impl Into<Option<SendAnswer>>) {
        let answer = answer.into().map(|answer| match answer {
            SendAnswer::Gone => abi::GONE,
            SendAnswer::Invalid => abi::INVALID,
        });
        let mut state = self.shared.world.lock();
        if let Some(guest) = state.clients.get_mut(&self.id) {
            guest.send_answer = answer;
        }
    }

    fn has_more(&self) -> bool {
        let state = self.shared.world.lock();
        let guest = state.clients.get(&self.id);
        guest.is_some_and(|guest| !guest.inbox.is_empty())
    }

    #[track_caller]
    fn expected(&self) -> Received {
        self.next().unwrap_or_else(|| {
            let what = match self.closed() {
                Some((code, reason)) => format!("it is closed: {code} {reason}"),
                None if self.is_open() => "it is open".to_owned(),
                None => "it has gone".to_owned(),
            };
            let log = self.shared.world.lock().log.join("\n");
            panic!(
                "client {} got nothing more; {what}; the log of the route:\n{log}",
                self.id
            )
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
