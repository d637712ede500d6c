//! The listener for the one who runs the server: health, figures, and orders.
//!
//! A socket and threads of its own, so that it answers while every place for clients is taken and while the
//! server stops. It reads what others have counted and published, asks nobody to wait for that, and gives
//! what changes the server as an order (module `orders`) to the main thread.
//!
//! | thread | number | runs | waits on |
//! | --- | --- | --- | --- |
//! | `admin` | 1 while there is a listener | accepts | accept |
//! | `admin-N` | 1 a connection, a few at most | its requests, one after the other | its socket; the main thread for an order |
//!
//! No client's thread and neither hub nor drain ever waits for any of these.

mod access;
mod actions;
mod answers;
mod clients;
mod connection;
mod elsewhere;
mod figures;
mod listener;
mod metrics;
mod orders;
mod pace;
mod page;
mod process;
mod query;
mod stream;

use std::sync::Arc;
use std::time::SystemTime;

use crossbeam_channel::Receiver;
use parking_lot::Mutex;
use serde::Serialize;

use crate::http::host::Host;
use crate::logging::refusal_log::RefusalLog;
use crate::roster::Roster;
use crate::roster::capacity::Capacity;
use crate::routes::readiness::Readiness;
use crate::routes::table::Sites;
use orders::Orders;
use pace::Pace;

pub use listener::AdminListener;
pub use orders::{Order, OrderKind};
#[cfg(any(test, fuzzing))]
pub(crate) use query::holds as query_holds;

/// The first letters of the names of threads for connections, whose panic costs that connection only.
pub const CONNECTION_THREADS: &str = "admin-";

/// What the threads of the listener look at; shared by them and the main thread.
pub struct View {
    readiness: Arc<Readiness>,
    sites: Sites,
    roster: Arc<Roster>,
    orders: Orders,
    started: SystemTime,
    published: Mutex<Published>,
    /// Lines that a stranger can cause as often as he likes.
    refusals: RefusalLog,
    pace: Pace,
}

/// What only the main thread knows by itself.
#[derive(Clone, Debug)]
pub struct Published {
    /// How many connections there may be.
    pub capacity: Capacity,
    /// Libraries that were loaded so far.
    pub library_loads: u64,
    /// The last reload.
    pub last_reload: Option<Reload>,
    /// What listeners show by TLS.
    pub certificates: Vec<Certificate>,
}

/// A certificate that a listener shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Where it is shown.
    pub listener: String,
    /// Where it stands.
    pub file: String,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
}

/// How a reload went.
#[derive(Clone, Debug, Serialize)]
pub struct Reload {
    /// When it was over, in seconds since 1970.
    pub at: f64,
    /// Whether it was carried out.
    pub is_done: bool,
    /// What has changed, or what was wrong.
    pub outcome: String,
}

impl View {
    /// Of a server that is about to start; its orders come out at the other end.
    pub fn new(
        readiness: Arc<Readiness>,
        sites: Sites,
        roster: Arc<Roster>,
        published: Published,
    ) -> (View, Receiver<Order>) {
        let (orders, inbox) = Orders::new();
        let view = View {
            readiness,
            sites,
            roster,
            orders,
            started: SystemTime::now(),
            published: Mutex::new(published),
            refusals: RefusalLog::default(),
            pace: Pace::default(),
        };
        (view, inbox)
    }

    /// Changes what is told of what only the main thread knows.
    pub fn publish(&self, change: impl FnOnce(&mut Published)) {
        change(&mut self.published.lock());
    }

    /// What the server is called, beside its addresses.
    fn hosts(&self) -> Vec<Host> {
        self.sites.current().rules.hosts.clone()
    }

    /// Tells what was left out of what strangers have caused. Once a second.
    pub fn report_left_out(&self) {
        self.refusals.report_left_out();
    }
}
