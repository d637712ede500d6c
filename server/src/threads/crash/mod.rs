//! The last line of the log: where a plugin, or the server itself, ends the process by a fault that nothing can catch
//! (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT), that line says which plugin, callback, client and library it was.
//!
//! A handler on an alternate stack runs it on the thread that failed, so that a stack which has overflowed tells too; then
//! the signal takes its default action, a core dump where the system keeps one. Nothing that may run in such a place
//! allocates, locks or waits without a bound. What a thread was doing is not noted for this: a thread says once where its
//! callbacks are noted anyway, for the watchdog, and that is read when it fails. Knows nothing of plugins: who calls gives the
//! words.

mod handler;
mod line;
mod names;
mod stack;
mod subject;
mod system;

pub use handler::install;
pub use line::{Looks, line_offered, lines_done, set_looks, set_output};
pub use names::{note_code, note_name};
pub(super) use stack::lend_stack;
pub use stack::{HandlerStack, lend_to_strangers};
pub(super) use subject::set_guard;
pub use subject::{Scope, calling, run_for};
