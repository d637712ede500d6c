//! What has happened since the start, in numbers that only grow.
//!
//! Every thread counts what it does itself, with one addition, and nobody waits for a number. Each
//! kind of thread has cache lines of its own; connection threads, which are many, share theirs with
//! few others, chosen by the client's number. What comes with each message is counted by one
//! thread alone, without an atomic addition: [`Traffic`], one in each slot of the roster. Read by the
//! log at the stop, as [`Totals`].
//!
//! To count something more: a field here, a line where it happens, a field in `totals.rs`. Knows
//! nothing of the rest.

mod codes;
mod compression;
mod engine;
mod histogram;
mod own_metrics;
mod route;
mod totals;
mod traffic;
mod visits;

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::ids::ClientId;
use codes::{CloseCodes, Statuses};

pub use codes::{ByCode, OTHER};
pub use compression::{CompressionCounts, Squeezed, SqueezedTotal};
pub use engine::{EngineCounts, EngineState};
#[cfg(test)]
pub use histogram::measure_alone;
pub use histogram::{Histogram, Times, is_measured, measure, nanoseconds_since};
pub use own_metrics::{Declaration, MetricError, MetricKind, Number, OwnFigures, OwnMetrics};
pub use route::{HubShare, JournalFigures, RouteCounts};
pub use totals::Totals;
pub use traffic::{Amount, Exchanged, Tally, Traffic};
pub use visits::{Closed, Visited, Visits};

/// Shares of the connection threads' numbers: on a machine with as many processors two busy threads
/// rarely meet.
const SHARES: usize = 64;

/// The numbers of this process.
pub static COUNTERS: Counters = Counters::new();

/// All numbers, by the kind of thread that counts.
pub struct Counters {
    /// The threads `accept`.
    pub acceptors: CachePadded<AcceptorCounts>,
    /// The main thread.
    pub main: CachePadded<MainCounts>,
    /// The thread `hub`.
    pub hub: CachePadded<HubCounts>,
    /// The threads `journal`.
    pub store: CachePadded<StoreCounts>,
    /// The thread `drain`.
    pub drain: CachePadded<DrainCounts>,
    /// The thread `log`, and who finds its queue full.
    pub log: CachePadded<LogCounts>,
    /// Whatever thread runs a callback that goes wrong, which is rare.
    pub callbacks: CachePadded<CallbackCounts>,
    /// Whoever compresses or inflates.
    pub compression: CompressionCounts,
    clients: [CachePadded<ClientCounts>; SHARES],
}

/// What acceptors count.
pub struct AcceptorCounts {
    /// Connections that were taken from a listening socket, refused ones included.
    pub accepted: Count,
    /// Of those, the ones that got no thread, by the status they were answered.
    pub refused: Statuses,
    /// Those that got no thread and had left before they could be told.
    pub unanswered: Count,
}

/// What connection threads count that does not come with each message.
pub struct ClientCounts {
    /// Requests by the status of their answer; 101 is a client that was let in.
    pub answered: Statuses,
    /// Clients that came onto a route, and left it.
    pub visits: Visits,
    /// Handshakes of TLS.
    pub handshakes: HandshakeCounts,
}

/// How handshakes of TLS have ended.
pub struct HandshakeCounts {
    /// With all that belongs to one.
    pub full: Count,
    /// By a ticket of one before.
    pub resumed: Count,
    /// Without a session, after the client had begun.
    pub failed: Count,
}

impl Counters {
    /// How handshakes of TLS have ended, and how many.
    pub fn handshakes(&self) -> [(&'static str, u64); 3] {
        let sum = |of: fn(&HandshakeCounts) -> &Count| {
            let all = self.clients.iter();
            all.map(|share| of(&share.handshakes).get()).sum()
        };
        [
            ("full", sum(|of| &of.full)),
            ("resumed", sum(|of| &of.resumed)),
            ("failed", sum(|of| &of.failed)),
        ]
    }
}

impl HandshakeCounts {
    const fn new() -> HandshakeCounts {
        HandshakeCounts {
            full: Count::new(),
            resumed: Count::new(),
            failed: Count::new(),
        }
    }
}

/// What the main thread counts.
pub struct MainCounts {
    /// Reloads that have put something into force, or found that nothing has changed.
    pub reloads_done: Count,
    /// Reloads that were given up, since something is wrong.
    pub reloads_refused: Count,
    /// Routes whose code was replaced.
    pub swaps_done: Count,
    /// Replacements of a route's code that did not come about.
    pub swaps_refused: Count,
}

/// What the hub counts.
pub struct HubCounts {
    /// Rounds.
    pub rounds: Count,
    /// Events that it took.
    pub events: Count,
    /// Messages that it gave to outboxes, once for each client.
    pub messages: Count,
    /// Bytes of those, as frames.
    pub bytes: Count,
    /// How long it has worked on one route without a break, where times are taken.
    pub turns: Histogram,
    /// Messages that were put into a journal.
    pub kept: Count,
    /// Clients that came back and got all that they had missed.
    pub recovered: Count,
    /// Clients that came back and could not get all of it, and were told so: too old, of another epoch, lost.
    pub gaps: [Count; 3],
    /// Clients that were closed since what they were about to get was let go.
    pub lost: Count,
    /// Bytes that were put into queues to files of journals.
    pub filed_bytes: Count,
    /// Messages whose publisher waits until a file has them, or had to.
    pub durable: Count,
}

/// What the threads of files of journals count.
pub struct StoreCounts {
    /// Messages that are in a file.
    pub written: Count,
    /// Batches in which they came there.
    pub batches: Count,
    /// Messages that a file did not take.
    pub lost: Count,
    /// Pieces that were read from a file.
    pub fetched: Count,
    /// Times that something began to be wrong with a file.
    pub troubles: Count,
    /// Damaged files that were set aside.
    pub set_aside: Count,
    /// Bytes that were taken out of the queues.
    pub taken_bytes: Count,
    /// Messages whose publisher knows now whether a file has them.
    pub told: Count,
}

/// What the drain thread counts.
pub struct DrainCounts {
    /// Clients that were cut off since their socket took no byte for too long.
    pub stalled: Count,
}

/// What the log counts.
pub struct LogCounts {
    /// Lines that the writer did not keep up with, or that the disk did not take.
    pub lost: Count,
    /// Lines about refusals and faults of clients that were too many.
    pub left_out: Count,
}

/// What is counted of callbacks.
pub struct CallbackCounts {
    /// Those that answered with an error.
    pub failed: Count,
    /// Those that panicked.
    pub panicked: Count,
}

impl Counters {
    const fn new() -> Counters {
        Counters {
            acceptors: CachePadded::new(AcceptorCounts {
                accepted: Count::new(),
                refused: Statuses::new(),
                unanswered: Count::new(),
            }),
            hub: CachePadded::new(HubCounts {
                rounds: Count::new(),
                events: Count::new(),
                messages: Count::new(),
                bytes: Count::new(),
                turns: Histogram::new(),
                kept: Count::new(),
                recovered: Count::new(),
                gaps: [const { Count::new() }; 3],
                lost: Count::new(),
                filed_bytes: Count::new(),
                durable: Count::new(),
            }),
            main: CachePadded::new(MainCounts {
                reloads_done: Count::new(),
                reloads_refused: Count::new(),
                swaps_done: Count::new(),
                swaps_refused: Count::new(),
            }),
            store: CachePadded::new(StoreCounts {
                written: Count::new(),
                batches: Count::new(),
                lost: Count::new(),
                fetched: Count::new(),
                troubles: Count::new(),
                set_aside: Count::new(),
                taken_bytes: Count::new(),
                told: Count::new(),
            }),
            drain: CachePadded::new(DrainCounts {
                stalled: Count::new(),
            }),
            log: CachePadded::new(LogCounts {
                lost: Count::new(),
                left_out: Count::new(),
            }),
            callbacks: CachePadded::new(CallbackCounts {
                failed: Count::new(),
                panicked: Count::new(),
            }),
            compression: CompressionCounts::new(),
            clients: [const { CachePadded::new(ClientCounts::new()) }; SHARES],
        }
    }

    /// Where what concerns `client` is counted.
    pub fn of(&self, client: ClientId) -> &ClientCounts {
        &self.clients[client.0 as usize % SHARES]
    }

    /// Everything, added up; `traffic` is the sum of every [`Traffic`]. Each number is right by
    /// itself; two of them may be some moments apart.
    pub fn totals(&self, traffic: Exchanged) -> Totals {
        Totals::of(self, traffic)
    }
}

impl ClientCounts {
    const fn new() -> ClientCounts {
        ClientCounts {
            answered: Statuses::new(),
            visits: Visits::new(),
            handshakes: HandshakeCounts::new(),
        }
    }
}

/// One number. Any thread may add to it and read it at any time.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Zero.
    pub const fn new() -> Count {
        Count(AtomicU64::new(0))
    }

    /// Counts `more` up.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many there have been.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Raises it to `least` where it is less; gives what it is then.
    fn raise(&self, least: u64) -> u64 {
        self.0.fetch_max(least, Ordering::Relaxed).max(least)
    }
}

#[cfg(test)]
mod tests;
