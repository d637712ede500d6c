//! Stacks of connection threads, carved out of few large mappings.
//!
//! A mapping for each stack and another for its guard would make `vm.max_map_count` the lowest limit of
//! the machine, and four system calls a connection. Shared by the acceptors, which take stacks, and the
//! reaper, which gives them back.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap,
};
use rustix::param::page_size;

use crate::limits::{CONNECTION_STACK_BYTES, CRASH_STACK_BYTES, WARM_STACKS};

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

/// One stack, below it its guard, and below that what a handler of faults runs on. Given back when dropped.
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

    /// Memory mappings of so many threads.
    pub fn mappings_of(&self, threads: u64) -> u64 {
        if self.has_marks {
            threads.div_ceil(STACKS_PER_SLAB.into())
        } else {
            threads.saturating_mul(2)
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
        let below = spare_bytes() + page_size();
        // SAFETY: a stack is longer than what is below it.
        let start = unsafe { self.start.add(below) };
        (start, CONNECTION_STACK_BYTES - below)
    }

    /// What is below it.
    pub(super) fn spare(&self) -> Spare {
        Spare {
            start: self.start,
            length: spare_bytes(),
        }
    }
}

/// What a handler of faults runs on, below a stack and its guard: its last page but for those is that of the stack below,
/// so that it takes no mapping, and nobody touches it before there is a fault.
pub(super) struct Spare {
    pub(super) start: NonNull<u8>,
    pub(super) length: usize,
}

// SAFETY: as `Slab`.
unsafe impl Send for Spare {}

impl Spare {
    /// The addresses of the guard, which is above it.
    pub(super) fn guard(&self) -> Range<usize> {
        let start = self.start.addr().get() + self.length;
        start..start + page_size()
    }
}

fn spare_bytes() -> usize {
    CRASH_STACK_BYTES.next_multiple_of(page_size())
}

impl Drop for Stack {
    /// Nobody waits for the lock while the kernel takes memory back.
    ///
    /// That a free stack was never touched, or that a cold one is taken while a warm one is free, only costs
    /// its next client the touching of two pages: a stack stays warm only while at most [`WARM_STACKS`] are
    /// free with it, so that no more than so many ever are. Who decides and who frees is the reaper alone,
    /// but for an acceptor that finds no thread, which makes the bound wrong by one.
    fn drop(&mut self) {
        let is_warm = self.owner.slabs.lock().free_stacks < WARM_STACKS;
        if !is_warm {
            let (start, length) = self.range();
            // SAFETY: nobody uses the stack. It fails only for a range that is not mapped.
            unsafe { madvise(start.as_ptr().cast(), length, Advice::LinuxDontNeed) }.ok();
        }
        let spare = self.owner.slabs.lock().give_back(self.slab, self.place);
        drop(spare);
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

    /// Frees a stack. Hands its slab out, to be unmapped, when all its stacks are free and there are
    /// others.
    fn give_back(&mut self, number: usize, place: u32) -> Option<Slab> {
        let slab = self.slabs[number].as_mut()?;
        slab.free |= 1 << place;
        self.free_stacks += 1;
        self.with_free.insert(number);
        let stacks = slab.stacks;
        if slab.free.count_ones() < stacks || self.free_stacks - stacks < WARM_STACKS {
            return None;
        }
        self.with_free.remove(&number);
        self.free_stacks -= stacks;
        self.slabs[number].take()
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
            let below = place * CONNECTION_STACK_BYTES + spare_bytes();
            // SAFETY: the page below a stack, inside the mapping, that nobody uses yet.
            unsafe { guard(start.add(below), has_marks)? };
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::{STACKS_PER_SLAB, Stack, Stacks, marks_are_there};
    use crate::limits::{CONNECTION_STACK_BYTES, WARM_STACKS};

    fn stacks(has_marks: bool) -> Arc<Stacks> {
        Arc::new(Stacks {
            has_marks,
            slabs: Mutex::default(),
        })
    }

    fn take(stacks: &Arc<Stacks>, count: u32) -> Vec<Stack> {
        let stack = |_| stacks.take().expect("address space");
        (0..count).map(stack).collect()
    }

    fn slabs(stacks: &Stacks) -> usize {
        stacks.slabs.lock().slabs.iter().flatten().count()
    }

    /// Whether the kernel can read one byte at `address`.
    fn is_readable(address: *const u8) -> bool {
        let (_read, write) = rustix::pipe::pipe().expect("a pipe");
        let write = std::os::fd::AsRawFd::as_raw_fd(&write);
        // SAFETY: the kernel checks the address.
        unsafe { libc::write(write, address.cast(), 1) == 1 }
    }

    #[test]
    fn below_every_stack_is_a_guard() {
        for has_marks in [false, marks_are_there()] {
            let stacks = stacks(has_marks);
            for stack in take(&stacks, STACKS_PER_SLAB + 1) {
                let (start, length) = stack.range();
                let start = start.as_ptr().cast_const();
                assert!(!is_readable(start.wrapping_sub(1)), "marks: {has_marks}");
                assert!(is_readable(start), "marks: {has_marks}");
                assert!(is_readable(start.wrapping_add(length - 1)));
            }
        }
    }

    #[test]
    fn no_two_stacks_overlap_and_free_slabs_go_but_for_one() {
        let stacks = Stacks::new();
        let mut taken = take(&stacks, 5 * STACKS_PER_SLAB);
        assert_eq!(slabs(&stacks), 5);
        let starts: BTreeSet<_> = taken.iter().map(|stack| stack.range().0).collect();
        let apart = |(low, high): (&_, &_)| {
            let (low, high): (&std::ptr::NonNull<u8>, &std::ptr::NonNull<u8>) = (low, high);
            high.addr().get() - low.addr().get() >= CONNECTION_STACK_BYTES
        };
        assert_eq!(starts.len(), taken.len());
        assert!(starts.iter().zip(starts.iter().skip(1)).all(apart));
        taken.truncate(1);
        assert_eq!(slabs(&stacks), 2);
        // What was given back is used again.
        taken.extend(take(&stacks, 2 * STACKS_PER_SLAB - 1));
        assert_eq!(slabs(&stacks), 2);
        drop(taken);
        assert_eq!(slabs(&stacks), 1);
    }

    #[test]
    fn few_free_stacks_keep_their_memory_and_the_others_give_it_back() {
        let stacks = Stacks::new();
        // Two slabs, so that none is free to begin with.
        let mut taken = take(&stacks, 2 * STACKS_PER_SLAB);
        let freed: Vec<_> = taken.drain(..=WARM_STACKS as usize).collect();
        let firsts: Vec<_> = freed.iter().map(|stack| stack.range().0).collect();
        for first in &firsts {
            // SAFETY: the beginning of a stack that is ours.
            unsafe { first.write(7) };
        }
        drop(freed);
        // SAFETY: the stacks are free, and their slabs are there.
        let kept = firsts.iter().map(|first| unsafe { first.read() });
        let kept: Vec<u8> = kept.collect();
        let mut expected = vec![7; WARM_STACKS as usize];
        expected.push(0);
        assert_eq!(kept, expected);
    }
}
