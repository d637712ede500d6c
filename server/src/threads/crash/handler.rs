//! The handler of the signals that tell of a fault, and what it may ask of the system.
//!
//! Runs on the thread that failed, in the middle of whatever that did: no allocation, no lock, no wait without a bound.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::io;
use std::mem::zeroed;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::line::{LINE_BYTES, Line, log_has_caught_up};
use super::stack::HandlerStack;
use super::{names, subject, system};

/// The signals, with what people call them and what they tell of.
const FAULTS: [(c_int, &str, &str); 6] = [
    (libc::SIGSEGV, "SIGSEGV", "no such memory"),
    (
        libc::SIGBUS,
        "SIGBUS",
        "memory whose file is shorter, or a bad alignment",
    ),
    (libc::SIGFPE, "SIGFPE", "a bad division"),
    (libc::SIGILL, "SIGILL", "no such instruction"),
    (libc::SIGTRAP, "SIGTRAP", "a trap"),
    (libc::SIGABRT, "SIGABRT", "abort"),
];

/// A fault this close to the stack pointer is that of a stack that has overflowed: a stack is mapped.
const STACK_NEAR_BYTES: usize = 64 * 1024;

/// Reads the word of a note: the number of what runs, and the name of its callback.
type Decode = fn(u64) -> Option<(u32, &'static str)>;

static DECODE: OnceLock<Decode> = OnceLock::new();
static IS_TELLING: AtomicBool = AtomicBool::new(false);
static HAS_TOLD: AtomicBool = AtomicBool::new(false);

/// What the one line is put together in.
struct Buffer(UnsafeCell<[u8; LINE_BYTES]>);

// SAFETY: only the one thread that has set `IS_TELLING` touches it.
unsafe impl Sync for Buffer {}

static BUFFER: Buffer = Buffer(UnsafeCell::new([0; LINE_BYTES]));

/// Has faults that end the process told in the log, from now on. Once, by the main thread, before there are plugins.
///
/// # Errors
/// The system refuses the handler.
pub fn install(decode: Decode) -> io::Result<()> {
    DECODE.set(decode).ok();
    // For as long as the thread, which is as long as the process.
    std::mem::forget(HandlerStack::lend());
    names::note_code(install as *const () as usize, "the server");
    for (signal, ..) in FAULTS {
        // SAFETY: zero is a valid sigaction; the handler keeps to what is allowed in one.
        let result = unsafe {
            let mut action: libc::sigaction = zeroed();
            action.sa_sigaction = on_fault as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            // Nothing else comes between; a fault of the handler itself ends the process at once.
            libc::sigfillset(&raw mut action.sa_mask);
            libc::sigaction(signal, &raw const action, ptr::null_mut())
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives both to a handler with SA_SIGINFO.
    let fault = unsafe { Fault::read(signal, &*info, context) };
    if IS_TELLING.swap(true, Ordering::AcqRel) {
        // Another thread ends the process; it shall have its line.
        system::wait_until(|| HAS_TOLD.load(Ordering::Acquire));
    } else {
        fault.write_line();
        HAS_TOLD.store(true, Ordering::Release);
    }
    // SAFETY: SIG_DFL takes no handler; both calls are allowed here. What has failed fails again when this returns, now
    // with the default action, so that a core dump shows it; what was only sent is sent again.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        if fault.is_sent {
            libc::raise(signal);
        }
    }
}

/// What the kernel says of it.
struct Fault {
    signal: c_int,
    /// It comes from a call, not from an instruction.
    is_sent: bool,
    /// The process that has sent it.
    sender: u32,
    address: usize,
    /// Instruction and stack pointer; 0 where this code does not know the processor.
    code: usize,
    stack: usize,
}

impl Fault {
    /// # Safety
    /// `context` is what the kernel hands to a handler.
    unsafe fn read(signal: c_int, info: &libc::siginfo_t, context: *mut c_void) -> Fault {
        let is_sent = info.si_code <= 0;
        // SAFETY: which of the two there is depends on who sent it; both are plain numbers.
        let (address, sender) = unsafe { (info.si_addr().addr(), info.si_pid()) };
        // SAFETY: as the caller says.
        let (code, stack) = unsafe { system::registers(context) };
        Fault {
            signal,
            is_sent,
            sender: if is_sent { sender.cast_unsigned() } else { 0 },
            address: if is_sent { 0 } else { address },
            code,
            stack,
        }
    }

    fn is_overflow(&self) -> bool {
        let is_near = self.stack != 0 && self.address.abs_diff(self.stack) < STACK_NEAR_BYTES;
        let is_of_memory = matches!(self.signal, libc::SIGSEGV | libc::SIGBUS);
        is_of_memory && !self.is_sent && (is_near || subject::guard().contains(&self.address))
    }

    /// For the one thread that tells, once. Such as `SIGSEGV (stack overflow) in on_message of plugin chat on /chat
    /// (/usr/lib/libchat.so), client 3, thread client-3, at libchat.so+0x1f30, address 0x7f2c3d: the process ends`.
    fn write_line(&self) {
        // What others have logged before comes first, where the log keeps up.
        system::wait_until(log_has_caught_up);
        // SAFETY: the caller is the one that tells, and tells once.
        let mut line = Line::begin(unsafe { &mut *BUFFER.0.get() });
        let (name, what) = FAULTS
            .iter()
            .find(|(signal, ..)| *signal == self.signal)
            .map_or(("a signal", "a fault"), |(_, name, what)| (name, what));
        line.text(name);
        line.text(" (");
        line.text(if self.is_overflow() {
            "stack overflow"
        } else if self.sender != 0 && self.sender != std::process::id() {
            "sent"
        } else {
            what
        });
        if self.sender != 0 && self.sender != std::process::id() {
            line.text(" by process ");
            line.decimal(self.sender.into());
        }
        line.text(") ");
        put_subject(&mut line);
        line.text(", thread ");
        line.foreign(&system::thread_name());
        self.put_place(&mut line);
        line.text(": the process ends");
        line.write();
    }

    fn put_place(&self, line: &mut Line<'_>) {
        if self.code != 0 {
            line.text(", at ");
            match names::place(self.code) {
                Some((name, offset)) => {
                    line.text(name);
                    line.text("+");
                    line.hexadecimal(offset);
                }
                None => line.hexadecimal(self.code),
            }
        }
        if !self.is_sent {
            line.text(", address ");
            line.hexadecimal(self.address);
        }
    }
}

fn put_subject(line: &mut Line<'_>) {
    let subject = subject::current();
    if let Some((what, whom)) = subject.call {
        line.text("in ");
        line.text(what);
        line.text(" of ");
        // SAFETY: valid as long as its scope, which has not ended.
        line.text(unsafe { &*whom });
        return;
    }
    // SAFETY: null or valid as long as its scope, which has not ended.
    let note = unsafe { subject.note.as_ref() };
    let running = note.zip(DECODE.get());
    let running = running.and_then(|(note, decode)| decode(note.load(Ordering::Relaxed)));
    match running {
        Some((number, callback)) => {
            line.text("in ");
            line.text(callback);
            line.text(" of ");
            line.text(names::name(number).unwrap_or("a plugin"));
        }
        None => line.text("outside of callbacks"),
    }
    if subject.client != 0 {
        line.text(", client ");
        line.decimal(subject.client);
    }
}
