//! Compressors and what they may keep.

use std::time::Duration;

/// Bits of the smallest window that a client may ask for: a compressor of the zlib family has none of 8.
pub const WINDOW_BITS_LEAST: u8 = 9;

/// Bits of the largest, which holds where nothing is said (RFC 7692 section 7.1.2).
pub const WINDOW_BITS_MOST: u8 = 15;

/// Compressors that the process shares, of 180 to 310 KiB each, where it has few processors.
pub const COMPRESSORS_LEAST: usize = 4;

/// The same where it has many: 20 MiB at most.
pub const COMPRESSORS_MOST: usize = 64;

/// How long who has something to compress waits for one of them before it goes plain. Each is busy for as long as one
/// message takes, which are microseconds unless it is very large.
pub const COMPRESSOR_WAIT: Duration = Duration::from_millis(50);

/// Bytes of its last message that a compressor that nobody uses keeps memory for.
pub const COMPRESSED_BYTES_KEPT: usize = 16 * 1024;

/// Inflaters of 44 KiB each that are kept for the messages to come.
pub const INFLATERS_KEPT: usize = 4;

/// A compressed message may be longer than one that it may become by a share of it and some bytes: what cannot be compressed
/// grows by five bytes in 16 KiB.
pub const COMPRESSED_SLACK_DIVISOR: u64 = 64;

/// See [`COMPRESSED_SLACK_DIVISOR`].
pub const COMPRESSED_SLACK_BYTES: u64 = 1024;
