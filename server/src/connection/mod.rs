//! The thread of one client: its handshake, then its messages, then its end.
//!
//! It blocks in reads of its socket, in plugin callbacks, and on the hub's queue while that is
//! full. It is woken by bytes, by timeouts, and by a shutdown of its socket from another thread.
//! The only room that names tungstenite's protocol types.

mod frames;
mod handshake;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

use crossbeam_channel::Sender;
use log::{debug, info, warn};
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::config::ConnectionSettings;
use crate::ids::ClientId;
use crate::limits::READ_BUFFER_BYTES;
use crate::outbox::cause::{
    ABNORMAL, Cause, INTERNAL, INVALID_DATA, NO_CODE, PROTOCOL_ERROR, TOO_BIG,
};
use crate::outbox::{Ending, Outbox, set_own_outbox};
use crate::plugin::{CallbackError, Instance, Session};
use crate::routes::RouteTable;
use frames::Guarded;
use handshake::Admitted;
use stream::{Keepalive, OutboxStream};

/// What every connection thread needs; shared by all of them.
pub struct Context {
    /// What holds for each connection.
    pub settings: ConnectionSettings,
    /// Which plugin serves which path.
    pub routes: Arc<RouteTable>,
    /// Takes the numbers of clients whose thread is about to end.
    pub departed: Sender<ClientId>,
}

/// Runs one connection from accept to end; the body of its thread.
pub fn run(context: &Context, client: ClientId, outbox: Arc<Outbox>, peer: SocketAddr) {
    let departure = Departure {
        context,
        client,
        outbox,
    };
    let outbox = &departure.outbox;
    let Some(admitted) = handshake::run(context, client, outbox, peer) else {
        return;
    };
    set_own_outbox(client, outbox.clone());
    outbox.set_route(admitted.route.path());
    let route = admitted.route.clone();
    route.enter(client, outbox.clone());
    match open(context, client, outbox, admitted) {
        Ok(mut connection) => connection.run_to_end(),
        Err(error) => {
            warn!(
                "client {client} on {}: {error}; closed with {INTERNAL}",
                route.path()
            );
            route.leave(client);
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
    route: Arc<Instance>,
    /// Taken by `on_close`.
    session: Option<Session>,
    socket: WebSocket<Guarded<OutboxStream>>,
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
) -> Result<Connection, CallbackError> {
    let Admitted {
        route,
        request,
        rest,
    } = admitted;
    debug!(
        "client {client} on {} from {}",
        route.path(),
        request.provenance.client_address
    );
    let session = route.on_open(client, &request)?;
    let settings = &context.settings;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(settings.message_bytes_max))
        .max_frame_size(Some(settings.message_bytes_max));
    let keepalive = Keepalive {
        ping_interval: settings.ping_interval,
        pong_timeout: settings.pong_timeout,
    };
    let stream = OutboxStream::new(outbox.clone(), keepalive);
    let stream = Guarded::new(stream, rest, settings.message_bytes_max);
    let socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
    let outbox = outbox.clone();
    Ok(Connection {
        client,
        outbox,
        route,
        session: Some(session),
        socket,
        peer_cause: None,
    })
}

impl Connection {
    fn run_to_end(&mut self) {
        let (cause, ending) = self.read_to_end();
        let (client, path) = (self.client, self.route.path());
        debug!("client {client} on {path} has ended: {cause}");
        self.route.leave(client);
        if let Some(session) = self.session.take() {
            self.route.on_close(client, session, &cause);
        }
        self.outbox.finish(ending);
    }

    /// Reads until the connection ends; says why, and how the socket is to be left.
    fn read_to_end(&mut self) -> (Cause, Ending) {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => self.message(|route, client, session| {
                    route.on_text(client, session, text.as_str())
                }),
                Ok(Message::Binary(payload)) => self
                    .message(|route, client, session| route.on_binary(client, session, &payload)),
                Ok(Message::Close(frame)) => self.peer_cause = Some(told_by(frame)),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(error) => return self.end_for(error),
            }
        }
    }

    /// One message; what comes after our Close frame is dropped.
    fn message(
        &mut self,
        callback: impl FnOnce(&Instance, ClientId, &mut Session) -> Result<(), CallbackError>,
    ) {
        let Some(session) = self.session.as_mut().filter(|_| !self.outbox.is_closing()) else {
            return;
        };
        if self.route.is_out_of_service() {
            self.outbox
                .close(Cause::server(INTERNAL, "the plugin is out of service"));
            return;
        }
        if let Err(error) = callback(&self.route, self.client, session) {
            warn!("client {} on {}: {error}", self.client, self.route.path());
            if !self.route.on_error(self.client, session, &error) {
                self.outbox
                    .close(Cause::server(INTERNAL, fault_reason(&error)));
            }
        }
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
        if error.kind() == std::io::ErrorKind::TimedOut {
            info!(
                "client {} on {} vanished: {error}",
                self.client,
                self.route.path()
            );
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
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => (
                TOO_BIG,
                format!("message of {size} bytes is over the limit of {max_size}"),
            ),
            Error::Utf8(_) => (INVALID_DATA, "text is not valid UTF-8".to_owned()),
            Error::Protocol(error) => (PROTOCOL_ERROR, lower_first(&error.to_string())),
            error => (PROTOCOL_ERROR, lower_first(&error.to_string())),
        };
        info!(
            "client {} on {}: {reason}; closed with {code}",
            self.client,
            self.route.path()
        );
        self.tell(&reason);
        let cause = Cause::server(code, reason);
        self.outbox.close(cause.clone());
        cause
    }

    /// Tells the plugin of an error of the connection, which ends in any case.
    fn tell(&mut self, text: &str) {
        if let Some(session) = &mut self.session {
            let error = CallbackError::Transport {
                text: text.to_owned(),
            };
            self.route.on_error(self.client, session, &error);
        }
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
