//! A client between `on_open` and `on_close`: its messages, one after the other.
//!
//! Runs on the client's own thread, and the plugin's callbacks in it. Knows what a message may cost;
//! how the connection ends stands in `end`.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tungstenite::protocol::{CloseFrame, WebSocketContext};
use tungstenite::{Error, Message};

use super::Opened;
use super::frames::{Guarded, protocol_for};
use super::leave::leave;
use super::rate::Bucket;
use super::stream::OutboxStream;
use crate::ids::ClientId;
use crate::logging::refusal_log::RefusalLog;
use crate::outbox::cause::{Cause, INTERNAL, NO_CODE, POLICY};
use crate::outbox::{Ending, Outbox};
use crate::plugin::{CallbackError, Instance, Place};
use crate::roster::Session;
use crate::threads::{self, fault_point};

/// A client between `on_open` and `on_close`.
pub(super) struct Connection {
    pub(super) client: ClientId,
    pub(super) outbox: Arc<Outbox>,
    pub(super) place: Place,
    protocol: WebSocketContext,
    stream: Guarded<OutboxStream>,
    messages: Bucket,
    bytes: Bucket,
    pub(super) refusals: RefusalLog,
    /// What the peer's Close frame said.
    pub(super) peer_cause: Option<Cause>,
}

impl Connection {
    /// On the heap, where what lasts takes no more than it needs, and in a frame of its own, which is gone
    /// when the thread waits. It is the largest of all: what it calls has to be shallow, or every client touches a page of
    /// stack more ([`threads::give_back`]).
    #[inline(never)]
    pub(super) fn new(
        client: ClientId,
        outbox: &Arc<Outbox>,
        opened: Box<Opened>,
        refusals: RefusalLog,
    ) -> Box<Connection> {
        let Opened {
            place,
            stream,
            early,
        } = *opened;
        let (messages, bytes) = stream.settings().rates();
        let mut stream = Guarded::new(stream, early, outbox.agreed());
        Box::new(Connection {
            client,
            outbox: outbox.clone(),
            place,
            protocol: protocol_for(&mut stream),
            stream,
            messages: Bucket::new(messages),
            bytes: Bucket::new(bytes),
            refusals,
            peer_cause: None,
        })
    }

    /// Apart from the thread's lasting frame, which the handshake stands on.
    #[inline(never)]
    pub(super) fn run_to_end(mut self: Box<Self>) {
        let ended = catch_unwind(AssertUnwindSafe(|| self.read_to_end()));
        let (cause, ending) = ended.unwrap_or_else(|_| self.end_for_fault());
        leave(&self.outbox, self.place, &self.refusals, &cause, ending);
    }

    /// Reads until the connection ends; says why, and how the socket is to be left.
    fn read_to_end(&mut self) -> (Cause, Ending) {
        threads::give_back();
        loop {
            let message = self.protocol.read(&mut self.stream);
            if let Ok(message) = &message
                && let Err(ended) = self.admit(message)
            {
                return ended;
            }
            fault_point("message");
            match message {
                Ok(Message::Text(text)) => self.message(|plugin, client, session| {
                    plugin.on_text(client, session, text.as_str())
                }),
                Ok(Message::Binary(payload)) => self
                    .message(|plugin, client, session| plugin.on_binary(client, session, &payload)),
                Ok(Message::Close(frame)) => self.note_close(frame),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    self.renew_protocol();
                    threads::give_back();
                }
                Err(error) => return self.end_for(error),
            }
        }
    }

    /// tungstenite's buffer cannot change its size, so that its state is made anew; between two
    /// messages, with nothing read that has not been used, it holds nothing else.
    #[inline(never)]
    fn renew_protocol(&mut self) {
        if self.stream.wants_other_buffer() {
            self.protocol = protocol_for(&mut self.stream);
        }
    }

    /// Counts a message against what the client may send, and renews the settings that hold for it.
    fn admit(&mut self, message: &Message) -> Result<(), (Cause, Ending)> {
        if message.is_close() {
            // Its word for the end, which costs the server nothing more.
            return Ok(());
        }
        let stream = self.stream.inner();
        if stream.has_new_settings() {
            let (messages, bytes) = stream.settings().rates();
            self.messages.set_rate(messages);
            self.bytes.set_rate(bytes);
        }
        if message.is_text() || message.is_binary() {
            stream.on_message();
        }
        if !self.messages.take(1) {
            let most = stream.settings().get().messages.per_second;
            return self.has_sent_too_much(most, "messages");
        }
        if !self.bytes.take(message.len() as u64) {
            let most = stream.settings().get().bytes.per_second;
            return self.has_sent_too_much(most, "bytes");
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn has_sent_too_much(&mut self, most: u64, of: &str) -> Result<(), (Cause, Ending)> {
        if self.outbox.is_closing() {
            return Ok(());
        }
        let reason = format!("more than {most} {of} a second");
        Err((self.reject(POLICY, reason), Ending::LastWord))
    }

    /// Keeps what the peer's Close frame said.
    #[cold]
    #[inline(never)]
    fn note_close(&mut self, frame: Option<CloseFrame>) {
        self.peer_cause = Some(match frame {
            Some(frame) => {
                let code = self.stream.peer_code(frame.code.into());
                Cause::peer(code, frame.reason.as_str().to_owned())
            }
            None => Cause::peer(NO_CODE, ""),
        });
    }

    /// One message; what comes after our Close frame is dropped.
    fn message(
        &mut self,
        callback: impl FnOnce(&Instance, ClientId, &mut Session) -> Result<(), CallbackError>,
    ) {
        if self.outbox.is_closing() {
            return;
        }
        let (client, outbox) = (self.client, &self.outbox);
        let refusals = &self.refusals;
        self.place.call(|plugin, session| {
            if plugin.is_out_of_service() {
                outbox.close(Instance::out_of_service());
                return;
            }
            let Err(error) = callback(plugin, client, session) else {
                return;
            };
            has_failed(plugin, client, session, outbox, refusals, &error);
        });
    }
}

/// A callback has failed: the plugin is told, and where it does nothing about it, the client is closed.
#[cold]
#[inline(never)]
fn has_failed(
    plugin: &Instance,
    client: ClientId,
    session: &mut Session,
    outbox: &Arc<Outbox>,
    refusals: &RefusalLog,
    error: &CallbackError,
) {
    let name = outbox.name();
    refusals.note(error.level(), format_args!("{name}: {error}"));
    if !plugin.on_error(client, session, error) {
        outbox.close(Cause::server(INTERNAL, error.reason()));
    }
}
