//! What goes out to a client: its outbox, its socket, and its end.

use std::time::Duration;

/// Frames of one's own that are queued past this are sent before the next read: bounds what a
/// client that pipelines can make us hold.
pub const FLUSH_BYTES: usize = 64 * 1024;

/// Bytes of buffer that an outbox keeps when it is empty, until its client has been silent for a
/// while: the answers to a client that pipelines.
pub const OUTBOX_KEPT_BYTES: usize = 16 * 1024;

/// Bytes of one block of a backlog, unless one message takes more: a block is given back as soon as it is sent.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// Bytes of broadcasts from which on all who wait for them hold one copy together; copying fewer costs less
/// than keeping what stands beside them.
pub const SHARED_BYTES_LEAST: usize = 16 * 1024;

/// Bytes that the kernel takes for a socket and has not begun to send: more wait in the backlog, where they are
/// counted. With as many ten clients that echo 256 KiB cost 16 % less than without a bound, since what is copied is
/// sent while the processor still has it.
pub const SOCKET_UNSENT_BYTES: u32 = 128 * 1024;

/// Bytes that have come for a socket and are not read; half of what the kernel then takes for them. Half of this
/// costs large messages a fifth more.
pub const SOCKET_UNREAD_BYTES: usize = 256 * 1024;

/// How long a page may wait that a pipe passes on to a socket with room, where the kernel has no memory for it.
pub const SOCKET_SPLICE_WAIT: Duration = Duration::from_millis(1);

/// Bytes of a backlog that are sent in one turn, under the lock of the outbox: the hub may wait for that
/// lock, and other full sockets for their turn. Copying as many takes a tenth of a millisecond.
pub const TURN_BYTES: usize = 256 * 1024;

/// Bytes that who is sent something has to take a second, on average: who takes fewer only wants to hold
/// a place, or memory. As many as a telephone line of the nineties.
pub const BYTES_PER_SECOND_LEAST: u64 = 8 * 1024;

/// Bytes of one piece in which a client gets what it has missed, if its backlog may hold twice as many; one message
/// may be larger. What one send takes well.
pub const PIECE_BYTES: usize = 64 * 1024;

/// Bytes of the reason in a Close frame (RFC 6455 section 5.5: 125 less the code).
pub const CLOSE_REASON_BYTES_MAX: usize = 123;

/// Time in which we read and drop what a peer still sends after our last byte, so that it gets
/// that byte and not a reset.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes that a client's thread leaves to the drain thread to send; more it sends by itself.
pub const QUIET_BYTES_MAX: usize = 4096;

/// Sends without a pause, of few bytes each, after which a client is busy and its thread sends by itself: the
/// answer to a handshake, a greeting and a few messages are not.
pub const QUIET_SENDS_MAX: u32 = 8;

/// What is a pause between two sends. A busy client answers within milliseconds, a ping comes once in many
/// seconds.
pub const QUIET_PAUSE: Duration = Duration::from_millis(100);
