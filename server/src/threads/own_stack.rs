//! The stack of the thread that calls: what of it is not needed again soon is given back.
#![allow(unsafe_code)]

use rustix::mm::{Advice, madvise};
use rustix::param::page_size;

use crate::limits::{CONNECTION_STACK_BYTES, STACK_GIVEN_BACK_BYTES};

/// Room for the frames of this call and of `madvise`.
const OWN_FRAMES_BYTES: usize = 512;

const _: () = assert!(2 * STACK_GIVEN_BACK_BYTES <= CONNECTION_STACK_BYTES);

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
