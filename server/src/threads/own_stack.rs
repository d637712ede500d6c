//! The stack of the thread that calls: what of it is not needed again soon is given back.
#![allow(unsafe_code)]

use rustix::mm::{Advice, madvise};
use rustix::param::page_size;

use crate::limits::{CONNECTION_STACK_BYTES, STACK_GIVEN_BACK_BYTES};

/// Room for the frames of this call and of `madvise`.
const OWN_FRAMES_BYTES: usize = if cfg!(debug_assertions) { 1024 } else { 512 };

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

#[cfg(test)]
mod tests {
    use super::{OWN_FRAMES_BYTES, give_back};

    const PAINT: u8 = 0xa5;
    const PAINTED_BYTES: usize = 32 * 1024;

    /// Paints the stack below its caller's frame.
    #[inline(never)]
    fn paint() {
        let mut painted = [0_u8; PAINTED_BYTES];
        for byte in &mut painted {
            // SAFETY: a place of its own; only its effect on the stack is wanted.
            unsafe { std::ptr::from_mut(byte).write_volatile(PAINT) };
        }
    }

    /// How far below this frame `give_back` reaches with its own; none where it gave back what would
    /// tell.
    #[inline(never)]
    fn depth() -> Option<usize> {
        let here = 0_u8;
        let top = (&raw const here).expose_provenance();
        // As `give_back` counts it, within a few bytes.
        let end = (top - OWN_FRAMES_BYTES) & !4095;
        if top - end < 2 * 1024 {
            return None;
        }
        paint();
        give_back();
        let is_used = |&address: &usize| {
            let byte = std::ptr::with_exposed_provenance::<u8>(address);
            // SAFETY: the thread's own stack, below its frame and mapped.
            unsafe { byte.read_volatile() != PAINT }
        };
        // Above the pages that are given back.
        let deepest = (end..top).find(is_used)?;
        Some(top - deepest)
    }

    /// Tries it at every place that a frame may have within a page.
    fn deepest(left: usize) -> usize {
        let pad = [left as u8; 160];
        std::hint::black_box(&pad);
        let own = depth().unwrap_or(0);
        if left == 0 {
            own
        } else {
            own.max(deepest(left - 1))
        }
    }

    /// Cause: the number was a guess. Past it, the page that a frame stands in would be given back while it
    /// is in use.
    #[test]
    fn its_own_frames_stay_within_the_room_that_is_kept_for_them() {
        // Its first call looks the number up, deep in the stack; the server's is that of `Stacks::new`.
        rustix::param::page_size();
        let depth = deepest(30);
        assert!(depth > 0, "no frame stood well");
        assert!(depth <= OWN_FRAMES_BYTES, "{depth} bytes");
    }
}
