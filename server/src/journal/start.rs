//! Where a client begins in a topic, how far it is, and what it cannot have.

use super::position::Position;
use super::store::From;

/// From where on a client wants to hear a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// What is said from now on.
    Now,
    /// So many of the last messages, and then what is said.
    Last(u64),
    /// What came behind a position, and then what is said.
    After {
        /// None where what was given is no position: that is a gap.
        position: Option<Position>,
        /// Where there is a gap: so many of the last messages that it cannot have.
        or_last: u64,
    },
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It asked for nothing that it has missed.
    Fresh,
    /// It gets everything behind its position.
    Recovered,
    /// Something behind its position cannot be had.
    Gap(Gap),
}

/// Why something cannot be had; in the order in which it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// It is kept no more.
    TooOld,
    /// The position is of a counting that is over, or is none.
    OtherEpoch,
    /// It was lost: the server ended before it was written down, or the disk did not take it.
    Hole,
}

/// Where a client begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// How it went.
    pub outcome: Outcome,
    /// From where on everything of the topic is to come; where it is a count, the file's thread knows which offset
    /// that is.
    pub from: From,
    /// Where the topic had lost something last, which this is not to be told of again.
    pub hole: u64,
}

/// How far a client is in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Everything up to this offset is done with.
    pub offset: u64,
    /// It knows of what was lost up to here.
    pub hole: u64,
}

/// Why what is behind a cursor is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Something of it was let go, or lost, in the meantime.
    LetGo,
    /// The file has it.
    InFile,
}
