//! How the C library's heap shares the address space with threads.
#![allow(unsafe_code)]

/// Lets all threads share one heap where address space is limited (`ulimit -v`). Before the second
/// thread is started.
///
/// The GNU C library gives threads heaps of their own, each with 64 MiB of address space reserved; of
/// 150 MiB two such are nearly all, and neither a library nor another thread would find room. One heap
/// costs a lock where many allocate at once.
pub fn be_frugal() {
    #[cfg(target_env = "gnu")]
    if rustix::process::getrlimit(rustix::process::Resource::As)
        .current
        .is_some()
    {
        // SAFETY: it sets a parameter of the allocator, which any thread may do at any time.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    }
}
