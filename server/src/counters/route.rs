//! What is counted of one route beside its callbacks: by the hub, and by clients that leave it.
//!
//! The hub's thread has cache lines of its own here. What clients say is counted where they are ([`Traffic`](super::Traffic)) and
//! added here when they leave, so that no two connection threads meet for a message. Read by the admin listener.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_utils::CachePadded;

use super::{Amount, Count, EngineCounts, Exchanged, Histogram, Tally, Visits};

/// Of one route, over all instances that serve it one after the other.
#[derive(Debug, Default)]
pub struct RouteCounts {
    /// What the hub counts.
    pub hub: CachePadded<HubShare>,
    /// What is counted where clients come, leave and are too slow.
    pub visits: CachePadded<Visits>,
    /// What is counted of its way to other hosts, where it has one.
    engine: OnceLock<Arc<EngineCounts>>,
    left: [Count; 4],
    /// The most that was told so far.
    told: [Count; 4],
}

/// What the hub counts of one route.
#[derive(Debug, Default)]
pub struct HubShare {
    /// Messages that it gave to outboxes, once for each client, and their bytes as frames.
    pub deliveries: Tally,
    /// How long it has worked on a round, over all of its turns, where times are taken.
    pub rounds: Histogram,
    /// How long one event of [`WAITS_SAMPLED`](crate::limits::WAITS_SAMPLED) has waited until the hub took it, where times are
    /// taken.
    pub waits: Histogram,
    /// What is kept of its topics.
    pub journal: JournalGauges,
}

/// What is kept of the topics of one route. Only the hub's thread writes it.
#[derive(Debug, Default)]
pub struct JournalGauges([AtomicU64; 5]);

/// The same as it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalFigures {
    /// Topics of which something is kept.
    pub topics: u64,
    /// Messages that are kept.
    pub messages: u64,
    /// Bytes that they count for.
    pub bytes: u64,
    /// Number of the last message that was kept; none has come where it is 0.
    pub position: u64,
    /// Messages that were let go since the start: too many, too old, or with their topic.
    pub let_go: u64,
}

impl JournalGauges {
    /// It is so now.
    pub fn set(&self, figures: JournalFigures) {
        let JournalFigures {
            topics,
            messages,
            bytes,
            position,
            let_go,
        } = figures;
        for (gauge, value) in self
            .0
            .iter()
            .zip([topics, messages, bytes, position, let_go])
        {
            gauge.store(value, Ordering::Relaxed);
        }
    }

    /// As it was set last.
    pub fn get(&self) -> JournalFigures {
        let [topics, messages, bytes, position, let_go] =
            self.0.each_ref().map(|gauge| gauge.load(Ordering::Relaxed));
        JournalFigures {
            topics,
            messages,
            bytes,
            position,
            let_go,
        }
    }
}

impl RouteCounts {
    /// It is shared with other hosts: there is counted what concerns that. Once.
    pub fn set_engine(&self, counts: Arc<EngineCounts>) {
        self.engine.set(counts).ok();
    }

    /// What is counted of its way to other hosts; none where it is this host's alone.
    pub fn engine(&self) -> Option<&Arc<EngineCounts>> {
        self.engine.get()
    }

    /// A client has left, and had so much in all. Behind the moment from which on nobody finds it on the route.
    pub fn add_left(&self, all: Exchanged) {
        for (count, more) in self.left.iter().zip(numbers(all)) {
            count.add(more);
        }
    }

    /// What those who have left had. Asked before one looks at those who are here, none is counted twice.
    pub fn left(&self) -> Exchanged {
        exchanged(self.left.each_ref().map(Count::get))
    }

    /// All that there was, where one has found `found`; never less than what was told before. Who leaves while one looks
    /// is found nowhere, and what only grows must not seem to begin anew.
    pub fn never_less(&self, found: Exchanged) -> Exchanged {
        let numbers = numbers(found);
        exchanged(std::array::from_fn(|at| self.told[at].raise(numbers[at])))
    }
}

fn numbers(of: Exchanged) -> [u64; 4] {
    let Exchanged { incoming, answers } = of;
    [
        incoming.messages,
        incoming.bytes,
        answers.messages,
        answers.bytes,
    ]
}

fn exchanged([in_messages, in_bytes, out_messages, out_bytes]: [u64; 4]) -> Exchanged {
    Exchanged {
        incoming: Amount {
            messages: in_messages,
            bytes: in_bytes,
        },
        answers: Amount {
            messages: out_messages,
            bytes: out_bytes,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{JournalFigures, RouteCounts, exchanged};

    #[test]
    fn who_leaves_while_one_looks_takes_nothing_back() {
        let counts = RouteCounts::default();
        let (one, other) = (exchanged([1, 10, 2, 20]), exchanged([3, 30, 4, 40]));
        counts.add_left(one);
        assert_eq!(counts.left(), one);
        let both = one.with(other);
        assert_eq!(counts.never_less(counts.left().with(other)), both);
        // The other one is on its way out: neither here nor counted.
        assert_eq!(counts.never_less(counts.left()), both);
        counts.add_left(other);
        assert_eq!(counts.never_less(counts.left()), both);
        assert_eq!(both.since(other), one);
    }

    #[test]
    fn what_a_journal_holds_is_read_as_it_was_set() {
        let counts = RouteCounts::default();
        let figures = JournalFigures {
            topics: 1,
            messages: 2,
            bytes: 3,
            position: 4,
            let_go: 5,
        };
        counts.hub.journal.set(figures);
        assert_eq!(counts.hub.journal.get(), figures);
    }
}
