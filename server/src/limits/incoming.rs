//! What comes in from a client: frames, and the buffers that they are read into.

use super::held::MEMORY_GRAIN_BYTES;

/// Fragments of one message: sixteen times what a message of the default size has where each byte is
/// one, and few enough that a flood of empty ones ends within a second.
pub const FRAGMENTS_MAX: u32 = 1 << 20;

/// Bytes of tungstenite's read buffer for a client that is mostly silent: a few chat messages. The
/// default of 128 KiB would be most of the memory of an idle client.
pub const READ_BUFFER_BYTES_LEAST: usize = 512;

/// Bytes of tungstenite's read buffer for a client that sends much. A part of a frame has to fit
/// into a length of 16 bits.
pub const READ_BUFFER_BYTES_MOST: usize = 32 * 1024;

/// A message of up to so many bytes is read into memory that is reserved for all of it, where its client has filled
/// the largest read buffer before: none of it is copied then. What is reserved counts as held.
pub const WHOLE_FRAME_BYTES_MAX: usize = 512 * 1024;

/// The read buffer grows by this factor when a read fills it, and shrinks by it when
/// [`READS_BEFORE_SHRINKING`] reads in a row would have fitted many times.
pub const READ_BUFFER_STEP: usize = 4;

/// See [`READ_BUFFER_STEP`].
pub const READS_BEFORE_SHRINKING: u32 = 256;

/// The same for what comes in: a message of 256 KiB tells of itself four times and not sixteen.
pub const RECEIVED_GRAIN_BYTES: usize = 4 * MEMORY_GRAIN_BYTES;
