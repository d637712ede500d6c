//! The thread `signals`: turns signals into messages for the main thread.
//!
//! The only room that names signal-hook. A second signal to stop ends the process in the signal
//! handler itself, so that nothing that hangs can hold it up. Of the others none ends the process that
//! somebody may send by mistake; those that tell of a fault (SIGSEGV, SIGABRT and their like) leave a line in the log
//! (`threads::crash`) and then take their action, a core dump.

use std::borrow::Cow;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM,
    SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::{flag, low_level};

use crate::threads::fault_point;

/// What the main thread is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP.
    Reload,
    /// SIGUSR1.
    ReopenLog,
    /// SIGINT or SIGTERM.
    Stop,
    /// One that asks for nothing, by its name.
    Unused(Cow<'static, str>),
}

/// Would end the process, and mean nothing to it.
const UNUSED: [i32; 7] = [
    SIGALRM, SIGIO, SIGPROF, SIGQUIT, SIGUSR2, SIGVTALRM, SIGXCPU,
];

/// Two more of them, for which signal-hook has no names: of a power that fails, which is for who runs the
/// machine, and of a coprocessor's stack. Where Linux has others under these numbers (MIPS), those are among
/// the ones above, or mean what they mean.
const NAMELESS: [(i32, &str); 2] = [(16, "SIGSTKFLT"), (30, "SIGPWR")];

/// Real-time signals, which would too; the first ones belong to the C library.
const REAL_TIME: RangeInclusive<i32> = 35..=64;

/// The running thread.
pub struct SignalThread {
    /// Signals in the order they came; two of the same kind may count as one.
    pub inbox: Receiver<Signal>,
    handle: Handle,
    thread: JoinHandle<()>,
}

impl SignalThread {
    /// Takes the signals over from their default action.
    ///
    /// # Errors
    /// The system refuses the handlers or the thread.
    pub fn start() -> io::Result<SignalThread> {
        let is_stopping = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal sets the flag, the second one finds it set.
            flag::register_conditional_shutdown(signal, 128 + signal, is_stopping.clone())?;
            flag::register(signal, is_stopping.clone())?;
        }
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM, SIGUSR1])?;
        let handle = signals.handle();
        let nameless = NAMELESS.map(|(signal, _)| signal);
        for signal in UNUSED.into_iter().chain(nameless).chain(REAL_TIME) {
            // One that this system does not let us have does what it did.
            handle.add_signal(signal).ok();
        }
        let (outbox, inbox) = bounded(1);
        let thread = thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    fault_point("signals");
                    if outbox.send(meaning(signal)).is_err() {
                        return;
                    }
                }
            })?;
        Ok(SignalThread {
            inbox,
            handle,
            thread,
        })
    }

    /// Ends the thread and waits for it.
    pub fn end(self) {
        // A thread that offers a signal which nobody takes any more is woken by this.
        drop(self.inbox);
        self.handle.close();
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}

fn meaning(signal: i32) -> Signal {
    match signal {
        SIGHUP => Signal::Reload,
        SIGUSR1 => Signal::ReopenLog,
        SIGINT | SIGTERM => Signal::Stop,
        other => Signal::Unused(match name(other) {
            Some(name) => name.into(),
            None => format!("signal {other}").into(),
        }),
    }
}

fn name(signal: i32) -> Option<&'static str> {
    let nameless = NAMELESS.iter().find(|(number, _)| *number == signal);
    low_level::signal_name(signal).or(nameless.map(|(_, name)| *name))
}

/// A write past the limit of file sizes (`ulimit -f`) is an error of that write from here on, not the
/// end of the process: the log counts the lines, a plugin gets an error.
///
/// # Errors
/// The system refuses the handler.
pub fn survive_file_size_limit() -> io::Result<()> {
    // What the flag says is of no interest; that there is a handler is.
    flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Ends the process at once: no destructors, no waiting for threads that still run.
pub fn exit_now(code: u8) -> ! {
    low_level::exit(code.into())
}
