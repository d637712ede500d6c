//! Stacks of connection threads, carved out of few large mappings.
//!
//! A mapping for each stack and another for its guard would make `vm.max_map_count` the lowest limit of
//! the machine, and four system calls a connection. Shared by the acceptors, which take stacks, and the
//! reaper, which gives them back.

use std::collections::BTreeSet;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap,
};
use rustix::param::page_size;

use crate::limits::{CONNECTION_STACK_BYTES, WARM_STACKS};

/// Stacks of one mapping: few enough that a server at rest does not hold much address space.
const STACKS_PER_SLAB: u32 = 32;

/// `MADV_GUARD_INSTALL` of Linux 6.13: pages that fault without a mapping of their own, see madvise(2).
const GUARD_INSTALL: libc::c_int = 102;

/// All stacks of a process.
#[derive(Debug)]
pub struct Stacks {
    /// A guard is a mark, and does not split the mapping that it stands in.
    has_marks: bool,
    slabs: Mutex<Slabs>,
}

#[derive(Debug, Default)]
struct Slabs {
    /// None where a slab was given back.
    slabs: Vec<Option<Slab>>,
    /// Numbers of those with free stacks. The lowest is used first, so that the others become empty.
    with_free: BTreeSet<usize>,
    free_stacks: u32,
}

/// Consecutive stacks in one mapping.
#[derive(Debug)]
struct Slab {
    start: NonNull<u8>,
    stacks: u32,
    /// A bit for each stack.
    free: u32,
}

// SAFETY: the address of a mapping, which belongs to no thread.
unsafe impl Send for Slab {}

/// One stack, its guard below it. Given back when dropped.
#[derive(Debug)]
pub(super) struct Stack {
    owner: Arc<Stacks>,
    slab: usize,
    place: u32,
    start: NonNull<u8>,
}

// SAFETY: as `Slab`.
unsafe impl Send for Stack {}

impl Stacks {
    /// Finds out what guards the kernel has; takes no address space yet.
    pub fn new() -> Arc<Stacks> {
        Arc::new(Stacks {
            has_marks: marks_are_there(),
            slabs: Mutex::default(),
        })
    }

    /// Threads that `mappings` memory mappings are enough for.
    pub fn threads_in(&self, mappings: u64) -> u64 {
        if self.has_marks {
            mappings.saturating_mul(STACKS_PER_SLAB.into())
        } else {
            // The stack and its guard.
            mappings / 2
        }
    }

    /// A stack that nobody uses.
    ///
    /// # Errors
    /// There is no address space, or no mapping, for one more.
    pub(super) fn take(self: &Arc<Stacks>) -> io::Result<Stack> {
        let mut slabs = self.slabs.lock();
        let number = match slabs.with_free.first() {
            Some(&number) => number,
            // Where address space is scarce, there may be enough for one.
            None => slabs.add(
                Slab::map(STACKS_PER_SLAB, self.has_marks)
                    .or_else(|_| Slab::map(1, self.has_marks))?,
            ),
        };
        let (place, start) = slabs.take_of(number);
        Ok(Stack {
            owner: self.clone(),
            slab: number,
            place,
            start,
        })
    }
}

impl Stack {
    /// Its usable bytes, above the guard.
    pub(super) fn range(&self) -> (NonNull<u8>, usize) {
        let guard = page_size();
        // SAFETY: a stack is longer than its guard.
        let start = unsafe { self.start.add(guard) };
        (start, CONNECTION_STACK_BYTES - guard)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let mut slabs = self.owner.slabs.lock();
        if slabs.free_stacks >= WARM_STACKS {
            let (start, length) = self.range();
            // SAFETY: nobody uses the stack. It fails only for a range that is not mapped.
            unsafe { madvise(start.as_ptr().cast(), length, Advice::LinuxDontNeed) }.ok();
        }
        slabs.give_back(self.slab, self.place);
    }
}

impl Slabs {
    fn add(&mut self, slab: Slab) -> usize {
        self.free_stacks += slab.stacks;
        let number = self.slabs.iter().position(Option::is_none);
        let number = number.unwrap_or_else(|| {
            self.slabs.push(None);
            self.slabs.len() - 1
        });
        self.slabs[number] = Some(slab);
        self.with_free.insert(number);
        number
    }

    /// Takes the lowest free stack of slab `number`, which has one.
    fn take_of(&mut self, number: usize) -> (u32, NonNull<u8>) {
        let slab = self.slabs[number]
            .as_mut()
            .expect("a slab in the set is there");
        let place = slab.free.trailing_zeros();
        slab.free &= !(1 << place);
        if slab.free == 0 {
            self.with_free.remove(&number);
        }
        self.free_stacks -= 1;
        // SAFETY: a set bit stands for a stack inside the mapping.
        let start = unsafe { slab.start.add(place as usize * CONNECTION_STACK_BYTES) };
        (place, start)
    }

    /// Gives the mapping of a slab back when all its stacks are free and there are others.
    fn give_back(&mut self, number: usize, place: u32) {
        let Some(slab) = &mut self.slabs[number] else {
            return;
        };
        slab.free |= 1 << place;
        self.free_stacks += 1;
        self.with_free.insert(number);
        let stacks = slab.stacks;
        if slab.free.count_ones() == stacks && self.free_stacks - stacks >= STACKS_PER_SLAB {
            self.slabs[number] = None;
            self.with_free.remove(&number);
            self.free_stacks -= stacks;
        }
    }
}

impl Slab {
    fn map(stacks: u32, has_marks: bool) -> io::Result<Slab> {
        let length = stacks as usize * CONNECTION_STACK_BYTES;
        let readable = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
        // SAFETY: a new mapping wherever the kernel puts it, owned by the slab.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), length, readable, flags)? };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let slab = Slab {
            start,
            stacks,
            free: u32::MAX >> (u32::BITS - stacks),
        };
        // A huge page would make the few kilobytes that a stack needs two megabytes. Kernels without
        // them refuse.
        // SAFETY: it changes how the new mapping is backed, not what is in it.
        unsafe { madvise(start.as_ptr().cast(), length, Advice::LinuxNoHugepage) }.ok();
        for place in 0..stacks as usize {
            // SAFETY: the beginning of a stack, inside the mapping, that nobody uses yet.
            unsafe { guard(start.add(place * CONNECTION_STACK_BYTES), has_marks)? };
        }
        Ok(slab)
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        let length = self.stacks as usize * CONNECTION_STACK_BYTES;
        // SAFETY: the slab's own mapping; whoever drops it knows that its stacks are free.
        unsafe { munmap(self.start.as_ptr().cast(), length) }.ok();
    }
}

/// Makes the page at `start` one that faults.
///
/// # Safety
/// The page is mapped, and nobody uses it.
unsafe fn guard(start: NonNull<u8>, has_marks: bool) -> io::Result<()> {
    let start = start.as_ptr().cast();
    if has_marks {
        // SAFETY: by contract.
        if unsafe { libc::madvise(start, page_size(), GUARD_INSTALL) } != 0 {
            return Err(io::Error::last_os_error());
        }
    } else {
        // SAFETY: by contract.
        unsafe { mprotect(start, page_size(), MprotectFlags::empty())? };
    }
    Ok(())
}

/// Whether the kernel knows [`GUARD_INSTALL`].
fn marks_are_there() -> bool {
    Slab::map(1, true).is_ok()
}
