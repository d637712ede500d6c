//! What there is to tell of one connection: for the one who runs the server.
//!
//! Read by threads of the admin listener; the lock is held for a few copies.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Outbox;
use super::encoding::Encoding;
use super::http_phase::Exchange;
use crate::counters::Exchanged;

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// It speaks HTTP, and may become something else.
    Plain,
    /// A WebSocket.
    WebSocket,
    /// An event stream.
    EventStream,
    /// A request that waits for a message.
    Poll,
}

impl Kind {
    /// All.
    pub const ALL: [Kind; 4] = [Kind::Plain, Kind::WebSocket, Kind::EventStream, Kind::Poll];

    /// As metrics and lists name it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Plain => "plain",
            Kind::WebSocket => "websocket",
            Kind::EventStream => "event stream",
            Kind::Poll => "poll",
        }
    }
}

/// One connection at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// What it is.
    pub kind: Kind,
    /// How long it has been there.
    pub age: Duration,
    /// Bytes that its socket has taken.
    pub sent: u64,
    /// Bytes that wait for its socket, which is full where there are any.
    pub backlog: u64,
    /// Its socket is full.
    pub is_slow: bool,
    /// Our side or the peer has begun to end it.
    pub is_closing: bool,
    /// Messages that a full backlog did not take.
    pub dropped: u64,
}

impl Outbox {
    /// How it is now.
    pub fn figures(&self) -> Figures {
        let state = self.state.lock();
        Figures {
            kind: match state.exchange {
                Exchange::Upgraded => match self.encoding() {
                    Encoding::Frame | Encoding::Envelope(_) | Encoding::Deflate(_) => {
                        Kind::WebSocket
                    }
                    Encoding::Event => Kind::EventStream,
                    Encoding::Answer => Kind::Poll,
                },
                Exchange::Reading | Exchange::Answering | Exchange::Said => Kind::Plain,
            },
            age: self.since.elapsed(),
            sent: state.sent,
            backlog: if state.is_waiting {
                state.queue.len() as u64
            } else {
                0
            },
            is_slow: state.is_waiting,
            is_closing: !state.phase.is_open() || self.is_closing(),
            dropped: state.dropped,
        }
    }

    /// Whether the client is there still, as far as the kernel knows. False once either side has begun to end the
    /// connection, also while what the client said before that stands unread in the socket.
    pub fn is_connected(&self) -> bool {
        if self.is_closing() || !self.state.lock().phase.is_open() {
            return false;
        }
        let mut ends = [PollFd::new(&self.socket, PollFlags::RDHUP)];
        let found = loop {
            match poll(&mut ends, Some(&Timespec::default())) {
                Err(Errno::INTR) => {}
                found => break found,
            }
        };
        // Hang-up and error are told unasked.
        found == Ok(0)
    }

    /// What of `all`, that the clients in its place have said and were answered, is its own.
    pub fn own_share(&self, all: Exchanged) -> Exchanged {
        all.since(self.before)
    }

    /// The path of its route, once it is on one.
    pub fn route(&self) -> Option<Arc<str>> {
        self.place.get().map(|place| place.path.clone())
    }

    /// Its client is called so from now on; nothing where that is empty.
    pub fn set_label(&self, label: Box<str>) {
        *self.label.lock() = (!label.is_empty()).then(|| label.into());
    }

    /// What its plugin says that its client is called.
    pub fn label(&self) -> Option<Arc<str>> {
        self.label.lock().clone()
    }

    /// Its client's address as the log has it; that of its socket while no request has told another.
    pub fn shown_address(&self) -> String {
        match self.address.get() {
            Some(address) => address.to_string(),
            None => match self.socket.peer_addr() {
                Ok(address) if address.is_unix() => "unix:".to_owned(),
                Ok(address) => address
                    .as_socket()
                    .map_or("-".to_owned(), |of| of.to_string()),
                Err(_) => "-".to_owned(),
            },
        }
    }

    /// The IP address in that.
    pub fn ip(&self) -> Option<IpAddr> {
        let shown = self.shown_address();
        let address = shown.parse::<std::net::SocketAddr>().map(|of| of.ip());
        address
            .or_else(|_| shown.parse())
            .ok()
            .map(|ip| ip.to_canonical())
    }
}
