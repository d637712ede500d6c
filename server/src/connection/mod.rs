//! The thread of one client: its handshake, then its messages, then its end.
//!
//! It blocks in reads of its socket, in plugin callbacks, and on the hub's queue while that is
//! full. It is woken by bytes, by timeouts, and by a shutdown of its socket from another thread.
//! The only room that names tungstenite's protocol types.

mod deadlines;
mod exchange;
mod frames;
mod handshake;
mod rate;
mod stream;
mod terms;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use crossbeam_channel::Sender;
use log::{Level, debug, info};
use tungstenite::error::ProtocolError;
use tungstenite::protocol::{CloseFrame, WebSocketContext};
use tungstenite::{Error, Message};

use crate::config::ClientSettings;
use crate::ids::ClientId;
use crate::logging::refusal_log::RefusalLog;
use crate::outbox::cause::{
    ABNORMAL, Cause, INTERNAL, INVALID_DATA, NO_CODE, POLICY, PROTOCOL_ERROR,
};
use crate::outbox::{Bounds, Ending, Outbox, set_own_outbox};
use crate::plugin::{CallbackError, Instance, Place};
use crate::roster::Session;
use crate::roster::admission::{Admission, Permits};
use crate::routes::table::Sites;
use crate::threads;
#[cfg(any(test, fuzzing))]
pub(crate) use frames::fuzz::agree as frames_agree;
use frames::{Guarded, protocol_for};
use handshake::Admitted;
use rate::Bucket;
use stream::OutboxStream;
use terms::Terms;

/// What every connection thread needs; shared by all of them.
pub struct Context {
    /// What is served, and under which settings.
    pub sites: Sites,
    /// Who is let in.
    pub admission: Arc<Admission>,
    /// Takes the lines that strangers cause.
    pub refusals: RefusalLog,
    /// Takes the numbers of clients whose thread is about to end.
    pub departed: Sender<ClientId>,
}

/// Runs one connection from accept to end; the body of its thread.
pub fn run(
    context: &Context,
    client: ClientId,
    outbox: Arc<Outbox>,
    peer: SocketAddr,
    permits: Permits,
) {
    let departure = Departure {
        context,
        client,
        outbox,
    };
    let outbox = &departure.outbox;
    // The permit of the address is held until the thread ends.
    let Permits { handshake, address } = permits;
    let Some(mut admitted) = handshake::run(context, client, outbox, peer) else {
        return;
    };
    drop(handshake);
    let _address = address.or(admitted.address.take());
    set_own_outbox(client, outbox.clone());
    let path = admitted.mounted.route.path();
    outbox.set_route(path.clone());
    outbox.set_bounds(bounds(&admitted.mounted.client));
    match open(context, client, outbox, admitted) {
        Ok(connection) => connection.run_to_end(),
        Err(error) => {
            let line = format_args!("client {client} on {path}: {error}; closed with {INTERNAL}");
            context.refusals.note(Level::Warn, line);
            outbox.close(Cause::server(INTERNAL, fault_reason(&error)));
            outbox.finish(Ending::LastWord);
        }
    }
}

/// Sees to it that a connection is taken off the roster however its thread ends.
struct Departure<'a> {
    context: &'a Context,
    client: ClientId,
    outbox: Arc<Outbox>,
}

impl Drop for Departure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.outbox.finish(Ending::Broken);
        }
        // The reaper outlives every connection.
        self.context.departed.send(self.client).ok();
    }
}

/// A client between `on_open` and `on_close`.
struct Connection {
    client: ClientId,
    outbox: Arc<Outbox>,
    path: Arc<str>,
    place: Place,
    protocol: WebSocketContext,
    stream: Guarded<OutboxStream>,
    messages: Bucket,
    bytes: Bucket,
    refusals: RefusalLog,
    /// What the peer's Close frame said.
    peer_cause: Option<Cause>,
}

/// Calls `on_open`; apart from the read loop, so that the request and the stack it needs are gone
/// by then.
#[inline(never)]
fn open(
    context: &Context,
    client: ClientId,
    outbox: &Arc<Outbox>,
    admitted: Admitted,
) -> Result<Box<Connection>, CallbackError> {
    let Admitted {
        mounted,
        request,
        rest,
        ..
    } = admitted;
    let (route, settings) = (mounted.route.clone(), mounted.client.clone());
    // A route that goes waits for those that hold it.
    drop(mounted);
    let address = &request.provenance.client_address;
    debug!("client {client} on {} from {address}", route.path());
    let terms = Terms::new(context.sites.clone(), route.id(), settings);
    let place = Place::open(route, client, outbox, request)?;
    let stream = OutboxStream::new(outbox.clone(), terms);
    let stream = Guarded::new(stream, rest);
    Ok(Connection::new(
        client,
        place,
        stream,
        context.refusals.clone(),
    ))
}

/// What the settings say about a client's outbox.
pub fn bounds(settings: &ClientSettings) -> Bounds {
    Bounds {
        backlog_bytes_max: settings.backlog_bytes_max,
        slow_client: settings.slow_client,
        write_timeout: settings.write_timeout,
        close_timeout: settings.close_timeout,
    }
}

impl Connection {
    /// On the heap, where what lasts takes no more than it needs, and in a frame of its own, which is gone
    /// when the thread waits.
    #[inline(never)]
    fn new(
        client: ClientId,
        place: Place,
        mut stream: Guarded<OutboxStream>,
        refusals: RefusalLog,
    ) -> Box<Connection> {
        let (messages, bytes) = stream.inner().terms().rates();
        Box::new(Connection {
            client,
            outbox: stream.inner().outbox().clone(),
            path: place.path(),
            place,
            protocol: protocol_for(&mut stream),
            stream,
            messages: Bucket::new(messages),
            bytes: Bucket::new(bytes),
            refusals,
            peer_cause: None,
        })
    }

    fn run_to_end(mut self: Box<Self>) {
        let (cause, ending) = self.read_to_end();
        let (client, path) = (self.client, &self.path);
        debug!("client {client} on {path} has ended: {cause}");
        let dropped = self.outbox.dropped();
        if dropped > 0 {
            info!(
                "client {client} on {path} was too slow for {dropped} messages, which it never got"
            );
        }
        if let Err(error) = self.place.close(&cause) {
            let line = format_args!("client {client} on {path}: {error}");
            self.refusals.note(Level::Warn, line);
        }
        self.outbox.finish(ending);
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
            match message {
                Ok(Message::Text(text)) => self.message(|plugin, client, session| {
                    plugin.on_text(client, session, text.as_str())
                }),
                Ok(Message::Binary(payload)) => self
                    .message(|plugin, client, session| plugin.on_binary(client, session, &payload)),
                Ok(Message::Close(frame)) => self.peer_cause = Some(told_by(frame)),
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
    fn renew_protocol(&mut self) {
        if self.stream.wants_other_buffer() {
            self.protocol = protocol_for(&mut self.stream);
        }
    }

    /// Counts a message against what the client may send, and renews the settings that hold for it.
    fn admit(&mut self, message: &Message) -> Result<(), (Cause, Ending)> {
        let stream = self.stream.inner();
        if !message.is_close() && stream.has_renewed_terms() {
            let (messages, bytes) = stream.terms().rates();
            self.messages.set_rate(messages);
            self.bytes.set_rate(bytes);
        }
        if message.is_text() || message.is_binary() {
            stream.on_message();
        }
        let settings = stream.terms().settings();
        let reason = if !self.messages.take(1) {
            format!(
                "more than {} messages a second",
                settings.messages.per_second
            )
        } else if !self.bytes.take(message.len() as u64) {
            format!("more than {} bytes a second", settings.bytes.per_second)
        } else {
            return Ok(());
        };
        if self.outbox.is_closing() {
            return Ok(());
        }
        Err((self.reject(POLICY, reason), Ending::LastWord))
    }

    /// One message; what comes after our Close frame is dropped.
    fn message(
        &mut self,
        callback: impl FnOnce(&Instance, ClientId, &mut Session) -> Result<(), CallbackError>,
    ) {
        if self.outbox.is_closing() {
            return;
        }
        let (client, outbox, path) = (self.client, &self.outbox, &self.path);
        let refusals = &self.refusals;
        self.place.call(|plugin, session| {
            if plugin.is_out_of_service() {
                outbox.close(Instance::out_of_service());
                return;
            }
            let Err(error) = callback(plugin, client, session) else {
                return;
            };
            refusals.note(
                Level::Warn,
                format_args!("client {client} on {path}: {error}"),
            );
            if !plugin.on_error(client, session, &error) {
                outbox.close(Cause::server(INTERNAL, fault_reason(&error)));
            }
        });
    }

    fn end_for(&mut self, error: Error) -> (Cause, Ending) {
        let ours = self.outbox.cause();
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => {
                let cause = ours.or(self.peer_cause.take());
                (
                    cause.unwrap_or_else(|| Cause::peer(NO_CODE, "")),
                    Ending::Complete,
                )
            }
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                let ended = Cause::peer(ABNORMAL, "the connection ended without a Close frame");
                (ours.unwrap_or(ended), Ending::Complete)
            }
            Error::Io(error) if frames::violation(&error).is_none() => {
                (ours.unwrap_or_else(|| self.broken(&error)), Ending::Broken)
            }
            error => (
                ours.unwrap_or_else(|| self.rejected(&error)),
                Ending::LastWord,
            ),
        }
    }

    /// The transport failed: the peer reset the connection, or vanished.
    fn broken(&mut self, error: &std::io::Error) -> Cause {
        if error.kind() == ErrorKind::TimedOut {
            info!("client {} on {} vanished: {error}", self.client, self.path);
        }
        let text = error.to_string();
        self.tell(&text);
        Cause::peer(ABNORMAL, text)
    }

    /// The peer broke a rule: it is told which, and nothing more is read from it.
    fn rejected(&mut self, error: &Error) -> Cause {
        let (code, reason) = match error {
            Error::Io(error) if let Some(violation) = frames::violation(error) => {
                (violation.code, violation.reason.to_string())
            }
            Error::Utf8(_) => (INVALID_DATA, "text is not valid UTF-8".to_owned()),
            Error::Protocol(error) => (PROTOCOL_ERROR, lower_first(&error.to_string())),
            error => (PROTOCOL_ERROR, lower_first(&error.to_string())),
        };
        self.reject(code, reason)
    }

    /// Closes the client for what it did; the plugin and the log are told.
    fn reject(&mut self, code: u16, reason: String) -> Cause {
        let (client, path) = (self.client, &self.path);
        let line = format_args!("client {client} on {path}: {reason}; closed with {code}");
        self.refusals.note(Level::Info, line);
        self.tell(&reason);
        let cause = Cause::server(code, reason);
        self.outbox.close(cause.clone());
        cause
    }

    /// Tells the plugin of an error of the connection, which ends in any case.
    fn tell(&mut self, text: &str) {
        let error = CallbackError::Transport {
            text: text.to_owned(),
        };
        let client = self.client;
        self.place
            .call(|plugin, session| plugin.on_error(client, session, &error));
    }
}

fn fault_reason(error: &CallbackError) -> &'static str {
    match error {
        CallbackError::Panicked { .. } => "the plugin panicked",
        CallbackError::Failed { .. } | CallbackError::Transport { .. } => "the plugin failed",
    }
}

fn told_by(frame: Option<CloseFrame>) -> Cause {
    match frame {
        Some(frame) => Cause::peer(frame.code.into(), frame.reason.as_str().to_owned()),
        None => Cause::peer(NO_CODE, ""),
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}
