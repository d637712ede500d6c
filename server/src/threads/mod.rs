//! Connection threads: their stacks ([`Stacks`]), their making ([`spawn`]), how they are scheduled, and
//! that stack which is not needed again soon is given back.
//!
//! The one room beside `plugin` with `unsafe`.
#![allow(unsafe_code)]

mod spawn;
mod stacks;

use std::io;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};

use crate::limits::{CONNECTION_STACK_BYTES, MEMORY_KEPT_BYTES, STACK_GIVEN_BACK_BYTES};
pub use spawn::{Thread, spawn};
pub use stacks::Stacks;

/// Room for the frames of this call and of `madvise`.
const OWN_FRAMES_BYTES: usize = 512;

const _: () = assert!(2 * STACK_GIVEN_BACK_BYTES <= CONNECTION_STACK_BYTES);

/// Asks not to interrupt other threads when this one, or one that it starts, wakes (`SCHED_BATCH`, see
/// sched(7)).
///
/// Where many clients are busy, a thread that is woken by a message would push aside the one that is
/// just answering another; each of these two switches costs more than the answer. Measured with 100
/// busy clients: a tenth less processor time for a message, and half the latency.
pub fn be_patient() {
    let no_priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: it reads the parameter and changes nothing but this thread's policy; every user may set
    // this one. A system that refuses leaves the thread as it was.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const no_priority) };
}

/// Whether there is address space for what a thread allocates. One that is made with the last of it
/// ends the whole process: neither the standard library nor a plugin can go on where the next few
/// bytes are refused.
///
/// # Errors
/// There is not.
fn check_room() -> io::Result<()> {
    if getrlimit(Resource::As).current.is_none() {
        // Only a limit of the address space is met this early; asking costs more than a look at it.
        return Ok(());
    }
    let length = MEMORY_KEPT_BYTES;
    let readable = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping, which nobody knows of, wherever the kernel puts it; it is not touched, and
    // gone before this returns.
    unsafe {
        let mapping = mmap_anonymous(std::ptr::null_mut(), length, readable, MapFlags::PRIVATE)?;
        munmap(mapping, length)?;
    }
    Ok(())
}

/// Gives back the pages below the caller's frame, as far as plugin callbacks usually reach. Only for
/// connection threads, near the top of their stack.
///
/// A page that was once touched stays resident, and with thousands of threads that is most of an idle
/// client's memory. Where none was touched it costs half a microsecond; where one was, an interrupt of
/// every processor: our own part of a handshake stays within the two pages that waiting for messages
/// needs.
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
