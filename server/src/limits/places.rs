//! Places for connections: who gets one, who has to leave, and how an end is waited for.

use std::time::Duration;

/// Share of the stop deadline that is kept to abort what did not close by itself, as a divisor.
pub const STOP_ABORT_DIVISOR: u32 = 10;

/// Longest wait of a connection thread in one read, so that it sees within this time that settings
/// have changed.
pub const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Open files kept for what is no client: listeners, libraries, log, and plugins' own.
pub const FILES_RESERVED: u64 = 100;

/// Connections above this are not offered even where the machine would: the table of clients is
/// allocated at start.
pub const CONNECTIONS_MAX: u64 = 1 << 20;

/// Queue of connections that the kernel holds while the acceptor is busy.
pub const LISTEN_BACKLOG: i32 = 4096;

/// Servers that bind a unix socket in one folder wait for each other so long at most, and look so often.
pub const SOCKET_LOCK_WAIT: Duration = Duration::from_secs(2);
/// See [`SOCKET_LOCK_WAIT`].
pub const SOCKET_LOCK_LOOK: Duration = Duration::from_millis(5);

/// Connection threads that wait to be joined; a full queue holds up threads that end anyway.
pub const DEPARTED_QUEUE: usize = 1024;

/// Places, and requests under way, that are scarce: the last of all of them divided by this. They are
/// for addresses that hold few.
pub const SCARCE_DIVISOR: usize = 10;

/// Places, or requests under way, of an address that may not have more of them where they begin to be
/// scarce: a household or a page with several sockets has fewer. It is fewer still as fewer are left.
pub const FEW: usize = 8;

/// Of an address that is to lose one of those who wait for a request, so many are looked at, the oldest
/// first, for one that has nothing unread: bounds the time under the lock.
pub const EVICTION_LOOKS_MAX: usize = 8;

/// Addresses that hold nothing at the entrance any more and are kept in its books, beyond as many as
/// hold something: who comes back is found there.
pub const EMPTY_ACCOUNTS_KEPT: usize = 256;

/// How long a newcomer waits for the place of one who has been asked to leave for it: a thread that
/// wakes and ends takes less than a millisecond, unless the machine is busy.
pub const PLACE_WAIT: Duration = Duration::from_secs(1);

/// Sockets that have had their last word and stay open up to [`LINGER_TIMEOUT`](super::LINGER_TIMEOUT), so that it arrives, at
/// most; past it the oldest is cut. Two seconds of 2,000 a second.
pub const LEAVING_MAX: u64 = 4096;

/// Such sockets for which there is always a file, of those in [`FILES_RESERVED`].
pub const LEAVING_LEAST: u64 = 32;

/// Open files for which [`LEAVING_LEAST`] is enough; of those above it, one in
/// [`FILES_PER_LEAVING`] is for sockets that have had their last word.
pub const FILES_FEW: u64 = 256;

/// See [`FILES_FEW`].
pub const FILES_PER_LEAVING: u64 = 8;

/// Sockets by which the drain thread may be behind with cutting, of those in [`FILES_RESERVED`].
pub const LEAVING_BEHIND_MAX: usize = 32;

/// Wait of the acceptor until the drain thread has caught up.
pub const CROWD_WAIT: Duration = Duration::from_millis(1);

/// After this the reaper looks at a thread that was about to end: as long as an end usually takes, many times
/// over. Where it has not ended, the pause doubles up to [`LOOK_AT_DEPARTED_LAST`].
pub const LOOK_AT_DEPARTED_FIRST: Duration = Duration::from_millis(1);

/// See [`LOOK_AT_DEPARTED_FIRST`]: a look costs a microsecond.
pub const LOOK_AT_DEPARTED_LAST: Duration = Duration::from_secs(1);

/// A thread that takes so long to end is logged.
pub const DEPARTED_WARNING: Duration = Duration::from_secs(5);

/// Wait of the acceptor after an error such as too many open files.
pub const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
