//! The parts of the sum, and how they are told to people.

use std::fmt;

use bytesize::ByteSize;

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// For clients whose socket is full.
    Backlogs,
    /// For the hub; of shared routes what is on its way through Redis, and what is known of other hosts.
    Queues,
    /// Messages that come in, until they are handled.
    Receiving,
    /// Bodies of requests.
    Bodies,
    /// For instances that are not at work yet.
    Held,
    /// What journals keep.
    Journals,
    /// Compressors, and windows of clients.
    Compression,
    /// What clients cost that do nothing.
    AtRest,
}

impl Part {
    pub(super) const COUNT: usize = Part::AtRest as usize + 1;
}

/// What is held now, in bytes. Each number is right by itself; two of them may be some moments apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// For clients whose socket is full.
    pub backlogs: u64,
    /// For the hub, and of shared routes; see [`Part::Queues`].
    pub queues: u64,
    /// Messages that come in, until they are handled.
    pub receiving: u64,
    /// Bodies of requests.
    pub bodies: u64,
    /// For instances that are not at work yet.
    pub held: u64,
    /// What journals keep.
    pub journals: u64,
    /// Compressors, and windows of clients.
    pub compression: u64,
    /// What clients cost that do nothing.
    pub at_rest: u64,
    /// `limits.memory`, of the sum.
    pub limit: u64,
}

impl Parts {
    /// All of it.
    pub fn sum(&self) -> u64 {
        self.named().iter().map(|(_, bytes)| bytes).sum()
    }

    /// Each with its name for people.
    pub fn named(&self) -> [(&'static str, u64); Part::COUNT] {
        [
            ("backlogs", self.backlogs),
            ("queues to the hub", self.queues),
            ("messages coming in", self.receiving),
            ("bodies", self.bodies),
            ("held events", self.held),
            ("journals", self.journals),
            ("compression", self.compression),
            ("clients at rest", self.at_rest),
        ]
    }
}

impl fmt::Display for Parts {
    /// `212.0 MiB of 256.0 MiB are held (backlogs 80.0 MiB, clients at rest 132.0 MiB)`: what is nothing is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} are held",
            ByteSize(self.sum()),
            ByteSize(self.limit)
        )?;
        let mut before = " (";
        for (name, bytes) in self.named() {
            if bytes > 0 {
                write!(f, "{before}{name} {}", ByteSize(bytes))?;
                before = ", ";
            }
        }
        f.write_str(if before == " (" { "" } else { ")" })
    }
}
