//! The thread `signals`: turns signals into messages for the main thread.
//!
//! The only room that names signal-hook. A second signal to stop ends the process in the signal
//! handler itself, so that nothing that hangs can hold it up.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::{Handle, Signals};

/// What the main thread is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP.
    Reload,
    /// SIGINT or SIGTERM.
    Stop,
}

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
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
        let handle = signals.handle();
        let (outbox, inbox) = bounded(1);
        let thread = thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    let message = if signal == SIGHUP {
                        Signal::Reload
                    } else {
                        Signal::Stop
                    };
                    if outbox.send(message).is_err() {
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

/// Ends the process at once: no destructors, no waiting for threads that still run.
pub fn exit_now(code: u8) -> ! {
    signal_hook::low_level::exit(code.into())
}
