//! Connection threads on stacks of our own.
//!
//! `std::thread` takes four memory mappings and a dozen system calls for a thread; these take none
//! and four. A stack that overflows ends the process, with a line of the log ([`super::crash`]).
#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use rustix::process::{Resource, getrlimit};

use super::crash;
use super::stacks::{Spare, Stack, Stacks};
use super::whose::is_a_connection_from_now_on;
use crate::limits::MEMORY_KEPT_BYTES;

/// A thread that runs or has ended. One that is never joined keeps its stack for ever.
#[derive(Debug)]
#[must_use = "only a thread that is joined gives its stack back"]
pub struct Thread {
    native: libc::pthread_t,
    /// Goes back with the join.
    stack: ManuallyDrop<Stack>,
}

// SAFETY: the name of a thread, which any thread may join.
unsafe impl Send for Thread {}

/// What tools that list threads call one: 15 bytes (`PR_SET_NAME`, see prctl(2)); what is longer is cut.
#[derive(Clone, Copy)]
pub struct Name([u8; 16]);

impl Name {
    /// The parts in a row.
    pub fn of(parts: &[&str]) -> Name {
        let (mut name, mut length) = ([0; 16], 0);
        for part in parts {
            let room = &mut name[length..15];
            let taken = part.len().min(room.len());
            room[..taken].copy_from_slice(&part.as_bytes()[..taken]);
            length += taken;
        }
        Name(name)
    }
}

struct Start<F> {
    name: Name,
    spare: Spare,
    body: F,
}

/// Runs `body` once in a new thread. It has the scheduling policy of the caller, see
/// [`super::be_patient`]. A panic ends the thread and nothing else; the panic hook reports it.
///
/// It runs where it lies on the heap, and is dropped there: what it holds takes nothing of the stack, whose third page
/// every client would else pay for when it comes.
///
/// # Errors
/// There is no stack, no memory beside it, or no thread to be had.
pub fn spawn<F>(stacks: &Arc<Stacks>, name: Name, body: F) -> io::Result<Thread>
where
    F: FnMut() + Send + 'static,
{
    let stack = stacks.take()?;
    check_room()?;
    let start = Box::into_raw(Box::new(Start {
        name,
        spare: stack.spare(),
        body,
    }));
    match create(&stack, run::<F>, start.cast()) {
        Ok(native) => Ok(Thread {
            native,
            stack: ManuallyDrop::new(stack),
        }),
        Err(error) => {
            // SAFETY: made above, and no thread has it.
            drop(unsafe { Box::from_raw(start) });
            Err(error)
        }
    }
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
        let mapping = mmap_anonymous(ptr::null_mut(), length, readable, MapFlags::PRIVATE)?;
        munmap(mapping, length)?;
    }
    Ok(())
}

impl Thread {
    /// Joins it where it has ended, its thread-local values included; waits for nothing.
    ///
    /// # Errors
    /// It runs still, and is handed back.
    pub fn try_join(self) -> Result<(), Thread> {
        // SAFETY: the thread was not joined, as that takes `self`, and is not detached.
        let error = unsafe { libc::pthread_tryjoin_np(self.native, ptr::null_mut()) };
        if error != 0 {
            return Err(self);
        }
        // It has left its stack.
        drop(ManuallyDrop::into_inner(self.stack));
        Ok(())
    }
}

type Entry = extern "C" fn(*mut c_void) -> *mut c_void;

fn create(stack: &Stack, entry: Entry, argument: *mut c_void) -> io::Result<libc::pthread_t> {
    let (start, length) = stack.range();
    let mut attributes = MaybeUninit::uninit();
    let mut native = MaybeUninit::uninit();
    // SAFETY: as pthread_create(3) asks: attributes are initialized before they are used and destroyed
    // after, the stack is mapped and belongs to this thread until it is joined, and `entry` takes
    // `argument` over, which only threads may be sent.
    let error = unsafe {
        libc::pthread_attr_init(attributes.as_mut_ptr());
        let mut error =
            libc::pthread_attr_setstack(attributes.as_mut_ptr(), start.as_ptr().cast(), length);
        if error == 0 {
            error = libc::pthread_create(native.as_mut_ptr(), attributes.as_ptr(), entry, argument);
        }
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        error
    };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    // SAFETY: set by pthread_create.
    Ok(unsafe { native.assume_init() })
}

extern "C" fn run<F: FnMut()>(argument: *mut c_void) -> *mut c_void {
    // SAFETY: made by `spawn` for this thread alone.
    let mut start = unsafe { Box::from_raw(argument.cast::<Start<F>>()) };
    is_a_connection_from_now_on();
    crash::set_guard(start.spare.guard());
    crash::lend_stack(start.spare.start, start.spare.length);
    if let Ok(name) = CStr::from_bytes_until_nul(&start.name.0) {
        rustix::thread::set_name(name).ok();
    }
    // The hook has reported it.
    catch_unwind(AssertUnwindSafe(move || (start.body)())).ok();
    ptr::null_mut()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::{Name, Stacks, Thread, spawn};

    /// Joins it as soon as it has ended.
    fn join(mut thread: Thread) {
        while let Err(running) = thread.try_join() {
            std::thread::yield_now();
            thread = running;
        }
    }

    struct Count(Arc<AtomicU32>);

    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_thread_has_its_name() {
        let (told, names) = std::sync::mpsc::channel();
        let thread = spawn(
            &Stacks::new(),
            Name::of(&["client-", "1234567890"]),
            move || {
                told.send(rustix::thread::name().expect("it has one")).ok();
            },
        );
        join(thread.expect("a thread is to be had"));
        let name = names.recv().expect("the body has run");
        assert_eq!(name.to_bytes(), b"client-12345678");
    }

    #[test]
    fn a_panic_ends_its_thread_and_nothing_else() {
        let stacks = Stacks::new();
        let ended = Arc::new(AtomicU32::new(0));
        for round in 1..=3 {
            let count = Count(ended.clone());
            let thread = spawn(&stacks, Name::of(&["panics"]), move || {
                let _held = &count;
                panic!("as a test wants it");
            });
            join(thread.expect("a thread is to be had"));
            assert_eq!(ended.load(Ordering::Relaxed), round);
        }
    }
}
