//! How the C library's heap shares the address space with threads, and what it gives back.
//!
//! The GNU C library gives threads heaps of their own, eight for each processor. Called by the main thread.
#![allow(unsafe_code)]

/// Lets the heaps give back what a large message took, and all threads share one heap where address space is
/// limited (`ulimit -v`). Before the second thread is started.
///
/// The library learns from the first large block that is freed to keep all of that size, and twice as much
/// at the top of each heap: after one message of 16 MiB nothing goes back any more. Said by us, it stays:
/// blocks from [`HEAP_MAPPED_BYTES_LEAST`](crate::limits::HEAP_MAPPED_BYTES_LEAST) on are mappings of their own, which
/// end when they are freed, and a heap keeps [`HEAP_TOP_BYTES_KEPT`](crate::limits::HEAP_TOP_BYTES_KEPT) of what is free at
/// its top, so that messages below that size cost no system call.
///
/// Each heap has 64 MiB of address space reserved; of
/// 150 MiB two such are nearly all, and neither a library nor another thread would find room. One heap
/// costs a lock where many allocate at once.
pub fn be_frugal() {
    #[cfg(target_env = "gnu")]
    gnu::be_frugal();
}

/// Gives back to the kernel what is free in all heaps. Each heap is locked meanwhile, 0.1 ms for each MiB that
/// it gives back: for a time at which little goes on. Blocks for that long.
pub fn give_heaps_back() {
    #[cfg(target_env = "gnu")]
    gnu::give_heaps_back();
}

#[cfg(target_env = "gnu")]
mod gnu {
    use std::hint::black_box;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::{self, available_parallelism};

    use libc::{M_ARENA_MAX, M_MMAP_THRESHOLD, M_TOP_PAD, M_TRIM_THRESHOLD, c_int, mallopt};
    use parking_lot::RwLock;
    use rustix::process::{Resource, getrlimit};

    use crate::limits::{
        HEAP_MAPPED_BYTES_LEAST, HEAP_TOP_BYTES_KEPT, HEAP_TOP_BYTES_RESTING, HEAPS_MAX,
        HEAPS_PER_PROCESSOR,
    };

    /// From so many bytes on, what is freed makes a heap look at its top (`FASTBIN_CONSOLIDATION_THRESHOLD`).
    const LOOK_BYTES: usize = 64 * 1024;
    const VISITOR_STACK_BYTES: usize = 64 * 1024;

    pub(super) fn be_frugal() {
        set(M_MMAP_THRESHOLD, HEAP_MAPPED_BYTES_LEAST);
        keep_at_top(HEAP_TOP_BYTES_KEPT);
        set(M_ARENA_MAX, heaps() as c_int);
    }

    /// What may stay free at the top of each heap. Where address space is not limited a new heap also gets as much made
    /// writable at once: later it grows page by page, and each page is a system call, of every client that comes.
    fn keep_at_top(bytes: c_int) {
        set(M_TRIM_THRESHOLD, bytes);
        if getrlimit(Resource::As).current.is_none() {
            set(M_TOP_PAD, bytes);
        }
    }

    /// The heaps that there are at most.
    fn heaps() -> usize {
        if getrlimit(Resource::As).current.is_some() {
            return 1;
        }
        let processors = available_parallelism().map_or(1, usize::from);
        (processors * HEAPS_PER_PROCESSOR).min(HEAPS_MAX)
    }

    fn set(parameter: c_int, value: c_int) {
        // SAFETY: any thread may set parameters of the allocator at any time.
        unsafe { mallopt(parameter, value) };
    }

    pub(super) fn give_heaps_back() {
        keep_at_top(HEAP_TOP_BYTES_RESTING);
        // SAFETY: any thread may call it at any time.
        unsafe { libc::malloc_trim(0) };
        visit_all();
        keep_at_top(HEAP_TOP_BYTES_KEPT);
    }

    /// What is free at the top of a heap goes back only when something large is freed in it, and
    /// [`libc::malloc_trim`] does that in one of them. Threads that are there at the same time are given the heaps
    /// that no thread has, one each, and then all of them in turn: so twice as many reach every heap. None may leave before
    /// the last has come to its heap, which on a busy machine is long after it was started: that one would be given
    /// the heap of one who has left, and some other keep what it has.
    fn visit_all() {
        let gate = RwLock::new(());
        let visited = AtomicUsize::new(0);
        let host = thread::current();
        let closed = gate.write();
        thread::scope(|scope| {
            let mut visitors = 0;
            for _ in 0..2 * heaps() {
                let visitor = thread::Builder::new()
                    .name("heap".to_owned())
                    .stack_size(VISITOR_STACK_BYTES);
                let visit = || {
                    drop(black_box(Vec::<u8>::with_capacity(LOOK_BYTES)));
                    visited.fetch_add(1, Ordering::Release);
                    host.unpark();
                    drop(gate.read());
                };
                if visitor.spawn_scoped(scope, visit).is_err() {
                    // There is no room for a thread: what the others reach is given back.
                    break;
                }
                visitors += 1;
            }
            while visited.load(Ordering::Acquire) < visitors {
                thread::park();
            }
            drop(closed);
        });
    }
}
