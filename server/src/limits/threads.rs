//! Connection threads and their stacks.

use super::plugin::LIBRARY_LOADS_MAX;
use super::plugin::MAPPINGS_PER_LIBRARY;

/// Reserved, not committed, stack of a connection thread: room for what plugins use (SQLite,
/// regular expressions); only touched pages cost memory.
#[cfg(target_pointer_width = "64")]
pub const CONNECTION_STACK_BYTES: usize = 1024 * 1024;
/// Reserved stack of a connection thread where address space is scarce.
#[cfg(not(target_pointer_width = "64"))]
pub const CONNECTION_STACK_BYTES: usize = 256 * 1024;

/// What the handler of a fault that ends the process runs on, out of the above: the kernel writes up to 12 KB of
/// registers there, the rest is ours. Touched by such a fault alone.
pub const CRASH_STACK_BYTES: usize = 16 * 1024;

/// Bytes of stack that are given back after a handshake and from a silent client: as deep as plugin
/// callbacks reach, if they do nothing unusual.
pub const STACK_GIVEN_BACK_BYTES: usize = 64 * 1024;

/// Free stacks that keep their memory for the next clients; of more, it is given back.
pub const WARM_STACKS: u32 = 32;

/// Memory mappings kept for what is no client: libraries, files, heaps, other threads.
pub const MAPPINGS_RESERVED: u64 = 400 + MAPPINGS_PER_LIBRARY * LIBRARY_LOADS_MAX as u64;

/// Threads kept for what is no client.
pub const THREADS_RESERVED: u64 = 100;
