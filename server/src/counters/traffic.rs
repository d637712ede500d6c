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

/// What the connection threads of one slot of the roster, one after the other, have received and
/// sent. It stays when a client leaves, so that the sum over all slots only grows.
///
/// Only the slot's connection thread adds, which is a load, an addition and a store; any thread reads.
#[derive(Debug, Default)]
pub struct Traffic {
    messages_in: AtomicU64,
    bytes_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_out: AtomicU64,
}

impl Traffic {
    /// A message was handed to the plugin.
    #[inline]
    pub fn received(&self, bytes: usize) {
        add(&self.messages_in, 1);
        add(&self.bytes_in, bytes as u64);
    }

    /// A callback has answered its own client, past the hub.
    #[inline]
    pub fn sent(&self, bytes: usize) {
        add(&self.messages_out, 1);
        add(&self.bytes_out, bytes as u64);
    }

    /// What came in.
    pub fn incoming(&self) -> Amount {
        amount(&self.messages_in, &self.bytes_in)
    }

    /// What went out past the hub.
    pub fn outgoing(&self) -> Amount {
        amount(&self.messages_out, &self.bytes_out)
    }
}

impl<'a> FromIterator<&'a Traffic> for Traffic {
    /// The sum.
    fn from_iter<I: IntoIterator<Item = &'a Traffic>>(all: I) -> Traffic {
        let sum = Traffic::default();
        for one in all {
            let (incoming, outgoing) = (one.incoming(), one.outgoing());
            add(&sum.messages_in, incoming.messages);
            add(&sum.bytes_in, incoming.bytes);
            add(&sum.messages_out, outgoing.messages);
            add(&sum.bytes_out, outgoing.bytes);
        }
        sum
    }
}

fn amount(messages: &AtomicU64, bytes: &AtomicU64) -> Amount {
    Amount {
        messages: messages.load(Ordering::Relaxed),
        bytes: bytes.load(Ordering::Relaxed),
    }
}

/// For the only thread that writes.
#[inline]
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}
