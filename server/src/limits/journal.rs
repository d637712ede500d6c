//! What is kept of topics, in memory and in files.

use std::time::Duration;

/// Bytes that a message in a journal counts for beside its own: what keeping it takes.
pub const JOURNAL_ENTRY_BYTES: usize = 64;

/// Topics of one route that have a journal no more and of which it is known up to where something was said on them;
/// some 60 bytes each.
pub const JOURNAL_FORGOTTEN_MAX: usize = 16 * 1024;

/// Bytes of a route's journals that are held in memory where they are in a file: what is asked for most.
pub const JOURNAL_TAIL_BYTES: u64 = 4 * 1024 * 1024;

/// Pieces that the hub has asked of one file and that it has not been given: so many are in memory at most.
pub const FETCHES_MAX: usize = 16;

/// Pieces that are to be asked of one file, past which those that nobody waits for any more are looked for.
pub const FETCHES_SWEEP: usize = 1024;

/// Bytes that wait to be written into one file; past it what is said is not stored: a disk that stands still for seconds.
pub const STORE_QUEUE_BYTES: usize = 16 * 1024 * 1024;

/// Time in which more is waited for before a batch is written, where nobody waits for it.
pub const STORE_GATHER: Duration = Duration::from_millis(10);

/// Offsets that a file says may be given out ahead of those that were: a disk that is full for months uses them up,
/// and 100,000 starts behind a failure of the machine.
pub const STORE_RESERVED: u64 = 1 << 36;

/// Messages that are let go and that one batch deletes, where it does not write half as many.
pub const STORE_DELETED: usize = 512;

/// What is let go of a topic in a file is let go when it is over its bounds by this share of them, as a divisor.
pub const STORE_SLACK_DIVISOR: u64 = 8;

/// Time without anything to write after which more of what was let go is deleted.
pub const STORE_IDLE: Duration = Duration::from_millis(20);

/// Time after which a file that cannot be opened is tried again: at first, and at last.
pub const STORE_RETRY_LEAST: Duration = Duration::from_millis(100);
/// See [`STORE_RETRY_LEAST`].
pub const STORE_RETRY_MOST: Duration = Duration::from_secs(10);

/// Time that the start of a route waits for its file to be opened.
pub const STORE_OPENING: Duration = Duration::from_secs(10);

/// Time that a client waits for the disk to have what it has published.
pub const DURABLE_WAIT: Duration = Duration::from_secs(30);

/// How often it is looked meanwhile whether the client is still there.
pub const DURABLE_LOOK: Duration = Duration::from_millis(250);

/// Times that one request may have something read from a disk.
pub const READS_MAX: usize = 16;

/// Durable messages of one request.
pub const DURABLE_MAX: usize = 1024;

/// Seconds after which journals are looked through for what is too old and takes memory on a silent topic.
pub const SWEEPS_PER_TIDYING: u64 = 60;

/// Time after which a client that has heard more than this host has read is told of a gap: nothing of what it has heard comes.
pub const AHEAD_WAIT: Duration = Duration::from_secs(5);

/// Epochs of a stream of which positions still count: each begins where Redis was started anew, or failed over.
pub const EPOCHS_KEPT: usize = 16;
