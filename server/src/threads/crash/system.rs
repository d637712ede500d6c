//! What the handler of faults asks of the system: only what may be called in the middle of anything.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::RawFd;
use std::ptr;

/// How long another thread, its last lines, and a reader of the log that does not keep up are waited for.
const PATIENCE_MS: c_int = 500;

/// What the kernel calls this thread.
pub(super) fn thread_name() -> impl std::ops::Deref<Target = [u8]> {
    struct Name([u8; 16]);
    impl std::ops::Deref for Name {
        type Target = [u8];
        fn deref(&self) -> &[u8] {
            CStr::from_bytes_until_nul(&self.0).map_or(&[], CStr::to_bytes)
        }
    }
    let mut name = Name([0; 16]);
    // SAFETY: writes at most 16 bytes, the last of them 0.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.0.as_mut_ptr()) };
    name
}

/// Seconds since 1970 and milliseconds.
pub(super) fn now() -> (u64, u64) {
    let mut now = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: writes the one value; where it fails, the zeros stand.
    let now = unsafe {
        libc::clock_gettime(libc::CLOCK_REALTIME, now.as_mut_ptr());
        now.assume_init()
    };
    let milliseconds = now.tv_nsec / 1_000_000;
    (now.tv_sec as u64, milliseconds as u64)
}

/// Writes `bytes` where `output` takes some within [`PATIENCE_MS`]; a pipe that has room takes a line whole.
pub(super) fn write(output: RawFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let mut poll = libc::pollfd {
            fd: output,
            events: libc::POLLOUT,
            revents: 0,
        };
        // SAFETY: one value, and a range that is there.
        let written = unsafe {
            if libc::poll(&raw mut poll, 1, PATIENCE_MS) != 1 {
                return;
            }
            libc::write(output, bytes.as_ptr().cast(), bytes.len())
        };
        match usize::try_from(written) {
            Ok(written @ 1..) => bytes = &bytes[written..],
            _ => return,
        }
    }
}

/// Waits until `is_so`, at most [`PATIENCE_MS`].
pub(super) fn wait_until(is_so: impl Fn() -> bool) {
    for _ in 0..PATIENCE_MS {
        if is_so() {
            return;
        }
        sleep_a_little();
    }
}

/// For about a millisecond.
fn sleep_a_little() {
    // SAFETY: waits for nothing; no descriptor is looked at.
    unsafe { libc::poll(ptr::null_mut(), 0, 1) };
}

/// The instruction and the stack pointer of what was interrupted.
///
/// # Safety
/// `context` is what the kernel hands to a handler.
pub(super) unsafe fn registers(context: *mut c_void) -> (usize, usize) {
    let context = context.cast::<libc::ucontext_t>();
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as the caller says.
    return unsafe {
        let registers = &(*context).uc_mcontext.gregs;
        (
            registers[libc::REG_RIP as usize] as usize,
            registers[libc::REG_RSP as usize] as usize,
        )
    };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as the caller says.
    return unsafe {
        let registers = &(*context).uc_mcontext;
        (registers.pc as usize, registers.sp as usize)
    };
    #[cfg(target_arch = "arm")]
    // SAFETY: as the caller says.
    return unsafe {
        let registers = &(*context).uc_mcontext;
        (registers.arm_pc as usize, registers.arm_sp as usize)
    };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "arm")))]
    {
        let _ = context;
        (0, 0)
    }
}

/// The addresses from the beginning to the end of the program or library that `address` is in. Not for handlers.
pub(super) fn object_around(address: usize) -> Option<Range<usize>> {
    struct Search {
        address: usize,
        found: Option<Range<usize>>,
    }
    unsafe extern "C" fn look(
        info: *mut libc::dl_phdr_info,
        _: usize,
        search: *mut c_void,
    ) -> c_int {
        // SAFETY: both are what `dl_iterate_phdr` was given or gives.
        let (info, search) = unsafe { (&*info, &mut *search.cast::<Search>()) };
        // SAFETY: as many program headers as it says.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let start = info.dlpi_addr as usize;
        let loaded = headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD);
        let end = loaded
            .map(|header| (header.p_vaddr + header.p_memsz) as usize)
            .max();
        let range = start..start + end.unwrap_or(0);
        if range.contains(&search.address) {
            search.found = Some(range);
            return 1;
        }
        0
    }
    let mut search = Search {
        address,
        found: None,
    };
    // SAFETY: `look` takes `search`, which lives as long as the call.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
    search.found
}
