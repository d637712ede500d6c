//! What compression saves. Counted by whoever compresses or inflates, once for each message that was.

use crossbeam_utils::CachePadded;

use super::Count;

/// Both directions.
pub struct CompressionCounts {
    /// What was compressed: a broadcast once for each window, however many get it.
    pub sent: CachePadded<Squeezed>,
    /// What clients sent compressed.
    pub received: CachePadded<Squeezed>,
}

/// Messages, as they are and as they went.
#[derive(Debug, Default)]
pub struct Squeezed {
    messages: Count,
    bytes: Count,
    compressed: Count,
}

/// The same as plain numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SqueezedTotal {
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of their compressed form.
    pub compressed: u64,
}

impl CompressionCounts {
    pub(super) const fn new() -> CompressionCounts {
        CompressionCounts {
            sent: CachePadded::new(Squeezed::new()),
            received: CachePadded::new(Squeezed::new()),
        }
    }
}

impl Squeezed {
    const fn new() -> Squeezed {
        Squeezed {
            messages: Count::new(),
            bytes: Count::new(),
            compressed: Count::new(),
        }
    }

    /// Counts one message.
    pub fn add(&self, bytes: usize, compressed: usize) {
        self.messages.add(1);
        self.bytes.add(bytes as u64);
        self.compressed.add(compressed as u64);
    }

    /// What there was.
    pub fn total(&self) -> SqueezedTotal {
        SqueezedTotal {
            messages: self.messages.get(),
            bytes: self.bytes.get(),
            compressed: self.compressed.get(),
        }
    }
}
