//! What is asked of the main thread, which alone changes what is served.
//!
//! A thread of the admin listener gives an order and waits for its answer; the main thread takes orders
//! between signals. Where it takes none any more, since it stops, who waits hears so at once.

use crossbeam_channel::{Receiver, Sender, bounded};
use http::StatusCode;
use log::LevelFilter;

use crate::http::refusal::Refusal;
use crate::limits::ADMIN_CONNECTIONS_MAX;

/// One order, with where its answer goes: a sentence, of what was done or of why nothing was.
pub struct Order {
    /// What is to be done.
    pub kind: OrderKind,
    /// Takes the one answer.
    pub reply: Sender<Result<String, String>>,
}

/// What the main thread can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// As SIGHUP.
    Reload,
    /// Lines of this level are written from now on, until a reload.
    LogLevel {
        /// The target that is meant, with all below it; none for all.
        target: Option<String>,
        /// What is written.
        level: LevelFilter,
    },
}

/// The way to the main thread.
#[derive(Clone)]
pub(super) struct Orders(Sender<Order>);

impl Orders {
    /// The way, and its end, which the main thread holds.
    pub(super) fn new() -> (Orders, Receiver<Order>) {
        let (orders, inbox) = bounded(ADMIN_CONNECTIONS_MAX);
        (Orders(orders), inbox)
    }

    /// Gives an order and waits until it is carried out.
    ///
    /// # Errors
    /// 409 with what is in the way; 503 where the server stops.
    pub(super) fn give(&self, kind: OrderKind) -> Result<String, Refusal> {
        let (reply, answer) = bounded(1);
        let stops = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping");
        self.0.send(Order { kind, reply }).map_err(|_| stops())?;
        let done = answer.recv().map_err(|_| stops())?;
        done.map_err(|why| Refusal::new(StatusCode::CONFLICT, why))
    }
}
