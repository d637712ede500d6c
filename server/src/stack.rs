//! The stacks of connection threads: whether there is memory for one more, and giving back what one has
//! used and will not need again soon.
//!
//! A handshake reaches deeper into the stack than waiting for messages does, and a page that was once
//! touched stays resident: with thousands of threads that is most of an idle client's memory. The one
//! room beside `plugin` with `unsafe`.
#![allow(unsafe_code)]

use std::io;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use rustix::param::page_size;

use crate::limits::{CONNECTION_STACK_BYTES, MEMORY_KEPT_BYTES, STACK_GIVEN_BACK_BYTES};

/// Room for the frames of this call and of `madvise`.
const OWN_FRAMES_BYTES: usize = 512;

const _: () = assert!(2 * STACK_GIVEN_BACK_BYTES <= CONNECTION_STACK_BYTES);

/// Whether there is address space for one more stack and something beside it. A thread that is made
/// with the last of it ends the whole process: neither the standard library nor a plugin can go on
/// where the next few bytes are refused.
///
/// # Errors
/// There is not.
pub fn check_room() -> io::Result<()> {
    let length = CONNECTION_STACK_BYTES + MEMORY_KEPT_BYTES;
    let readable = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping, which nobody knows of, wherever the kernel puts it; it is not touched, and
    // gone before this returns.
    unsafe {
        let mapping = mmap_anonymous(std::ptr::null_mut(), length, readable, MapFlags::PRIVATE)?;
        munmap(mapping, length)?;
    }
    Ok(())
}

/// Gives back the pages below the caller's frame, as far as a handshake reaches. Only for connection
/// threads, near the top of their stack.
#[inline(never)]
pub fn give_back() {
    let here = 0_u8;
    let page = page_size();
    let end = ((&raw const here).addr() - OWN_FRAMES_BYTES) & !(page - 1);
    let start = end - STACK_GIVEN_BACK_BYTES;
    let start = (&raw const here).with_addr(start).cast_mut().cast();
    // SAFETY: the range lies below this frame, in this thread's stack, which reaches further down than
    // that; nothing below a thread's stack pointer is in use. It fails only for a range that is not
    // mapped, and then nothing is given back.
    unsafe { madvise(start, STACK_GIVEN_BACK_BYTES, Advice::LinuxDontNeed) }.ok();
}
