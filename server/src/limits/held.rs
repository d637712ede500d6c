//! Memory: what is counted, when something is done about it, and what the allocator keeps.

use std::time::Duration;

/// Bytes in whole numbers of which holders tell what they hold: fewer are not counted, and a message of fewer
/// costs nothing for it. 2,000 clients hold 64 MiB at most that nobody knows of.
pub const MEMORY_GRAIN_BYTES: usize = 16 * 1024;

/// How long reading from those who hold much is paused before the largest of them is closed: backlogs drain meanwhile.
pub const MEMORY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// While memory is short, the drain thread looks again after this: those who were closed need a moment to go.
pub const MEMORY_LOOK_AGAIN: Duration = Duration::from_millis(50);

/// So long all has to be well before the log is told so, and would tell again that it is not.
pub const MEMORY_CALM: Duration = Duration::from_secs(10);

/// Of `limits.memory` clients at rest may take all but the part that this divides: it is for what is under way.
pub const MEMORY_UNDER_WAY_DIVISOR: u64 = 4;

/// Bytes of stack that a client touches that only reads and writes; three pages of 4 KiB were measured.
pub const AT_REST_STACK_BYTES: u64 = 12 * 1024;

/// Bytes of heap of a client at rest: its buffers, and its entries in tables.
pub const AT_REST_HEAP_BYTES: u64 = 1024;

/// Bytes of the kernel's stack of a thread.
pub const AT_REST_KERNEL_STACK_BYTES: u64 = 16 * 1024;

/// Stacks that share a page of the table of pages: with pages of 4 KiB such a page is for 2 MiB.
pub const AT_REST_STACKS_PER_TABLE: u64 = 2;

/// What else the kernel holds for a client: its socket, and what stands for that in tables.
pub const AT_REST_KERNEL_BYTES: u64 = 9 * 1024;

/// A client's own backlog above its limit divided by this stops our reading from it: the rest is for what others say.
pub const PAUSE_DIVISOR: usize = 4;

/// Address space that has to be left beside the stack of a new connection: for what it and the others
/// allocate, since an allocation that fails ends the process. Matters under `ulimit -v` only.
pub const MEMORY_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// Bytes from which on a block of memory is a mapping of its own, which is given back when it is freed: more
/// than nearly all messages, since making one and touching its pages costs 0.1 µs for each KiB.
pub const HEAP_MAPPED_BYTES_LEAST: i32 = 1024 * 1024;

/// Bytes that stay free at the top of a heap: what a message below the size above takes again and again.
pub const HEAP_TOP_BYTES_KEPT: i32 = 2 * 1024 * 1024;

/// The same for a moment when memory is given back.
pub const HEAP_TOP_BYTES_RESTING: i32 = 128 * 1024;

/// Heaps for each processor, the C library's own number: ten clients that echo 256 KiB in four heaps cost 10 % more
/// than in sixteen.
pub const HEAPS_PER_PROCESSOR: usize = 8;

/// Heaps at most, whatever the processors.
pub const HEAPS_MAX: usize = 32;

/// Bytes that have to have been let go before the heaps are asked to give back what is free in them.
pub const EBB_BYTES_LEAST: u64 = 8 * 1024 * 1024;

/// How long so much has to have been gone: each heap is locked while it gives back, 0.1 ms for each MiB, and so
/// nobody is to be about to need it again.
pub const EBB_CALM: Duration = Duration::from_secs(5);

/// After what time the heaps are asked once more: what is let go late stands in the way of what was free before it.
pub const EBB_AGAIN: Duration = Duration::from_secs(20);
