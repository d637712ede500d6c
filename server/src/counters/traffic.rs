//! What comes with each message: counted by one thread after the other, never by two at once.

use std::sync::atomic::{AtomicU64, Ordering};

/// Messages and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// So many.
    pub messages: u64,
    /// Their bytes: of the payload, or, where the hub has made them frames, of those.
    pub bytes: u64,
}

/// What came in, and what went out past the hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// What clients said.
    pub incoming: Amount,
    /// What callbacks answered their own client.
    pub answers: Amount,
}

impl Exchanged {
    /// What has come since `before`.
    pub fn since(self, before: Exchanged) -> Exchanged {
        let since = |now: Amount, before: Amount| Amount {
            messages: now.messages.saturating_sub(before.messages),
            bytes: now.bytes.saturating_sub(before.bytes),
        };
        Exchanged {
            incoming: since(self.incoming, before.incoming),
            answers: since(self.answers, before.answers),
        }
    }

    /// This and `more` together.
    pub fn with(self, more: Exchanged) -> Exchanged {
        let with = |one: Amount, more: Amount| Amount {
            messages: one.messages + more.messages,
            bytes: one.bytes + more.bytes,
        };
        Exchanged {
            incoming: with(self.incoming, more.incoming),
            answers: with(self.answers, more.answers),
        }
    }
}

/// Messages that one thread counts: a load, an addition and a store. Any thread reads.
#[derive(Debug, Default)]
pub struct Tally {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    /// Zero.
    pub const fn new() -> Tally {
        Tally {
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// So many more. Only one thread at a time may call it.
    #[inline]
    pub fn add(&self, messages: u64, bytes: u64) {
        let add = |count: &AtomicU64, more| {
            count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        };
        add(&self.messages, messages);
        add(&self.bytes, bytes);
    }

    /// How many there have been.
    pub fn get(&self) -> Amount {
        Amount {
            messages: self.messages.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// What the connection threads of one slot of the roster, one after the other, have received and
/// sent. It stays when a client leaves, so that the sum over all slots only grows.
#[derive(Debug, Default)]
pub struct Traffic {
    incoming: Tally,
    answers: Tally,
}

impl Traffic {
    /// A message was handed to the plugin.
    #[inline]
    pub fn received(&self, bytes: usize) {
        self.incoming.add(1, bytes as u64);
    }

    /// A callback has answered its own client, past the hub.
    #[inline]
    pub fn sent(&self, bytes: usize) {
        self.answers.add(1, bytes as u64);
    }

    /// All of it so far.
    pub fn exchanged(&self) -> Exchanged {
        Exchanged {
            incoming: self.incoming.get(),
            answers: self.answers.get(),
        }
    }
}
