//! Catches panics before they reach the line, and tells where they happened.
//!
//! A panic that crosses the line aborts the process, so every entry point runs inside [`catch`]. The
//! hook sees message and place while the panic happens and leaves a note for the guard of the same
//! thread. What the guard gives back goes to the server, whose line names callback and client; so the hook writes
//! a line of its own only for what comes past every guard: a thread of the plugin's, and a panic while another one
//! unwinds, which ends the process. Other ends (stack overflow, a panic of a thread-local's destructor) leave none.

use std::any::Any;
use std::cell::Cell;
use std::mem::{self, ManuallyDrop};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::thread;

use crate::logging;

/// What a panic leaves for the guard. It has no destructor: one that runs at the end of a thread of
/// the host would be the plugin's code outside every guard.
type Note = Option<ManuallyDrop<String>>;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static NOTE: Cell<Note> = const { Cell::new(None) };
}

/// Runs `callback`; a panic becomes an error that holds the message and the place.
///
/// The state that the callback was changing is handed on as it is: the plugin is told by
/// `on_error`, and poisons its locks as usual.
pub(crate) fn catch<T>(callback: impl FnOnce() -> T) -> Result<T, String> {
    let guarded_before = GUARDED.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(callback));
    GUARDED.set(guarded_before);
    let note = take_note();
    if outcome.is_ok()
        && let Some(note) = &note
    {
        logging::panicked(&format!("panicked, and caught it itself: {note}"));
    }
    outcome.map_err(|payload| {
        let text = note.unwrap_or_else(|| message_of(&*payload).to_owned());
        // The payload may be a value whose own destructor panics, so it is never dropped.
        mem::forget(payload);
        text
    })
}

/// As [`catch`], for what has no answer: a panic is logged here.
pub(crate) fn catch_and_log(what: &str, callback: impl FnOnce()) {
    if let Err(text) = catch(callback) {
        logging::panicked(&format!("{what} panicked: {text}"));
    }
}

/// Replaces the hook of this library's copy of the standard library.
pub(crate) fn install_hook() {
    panic::set_hook(Box::new(note_panic));
}

/// Whether a callback of the plugin runs on this thread.
#[cfg(feature = "testing")]
pub(crate) fn is_guarded() -> bool {
    GUARDED.get()
}

fn note_panic(info: &PanicHookInfo<'_>) {
    let message = message_of(info.payload());
    let place = info
        .location()
        .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    if GUARDED.get() {
        // Another one that still unwinds: this one ends the process, and nobody comes to read notes.
        if thread::panicking()
            && let Some(first) = take_note()
        {
            let both = format!("panicked: {first}; and again at {place}: {message}");
            logging::panicked(&both);
        }
        drop(take_note());
        NOTE.set(Some(ManuallyDrop::new(format!("{message}, at {place}"))));
    } else {
        let thread = thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        logging::panicked(&format!("thread {thread:?} panicked at {place}: {message}"));
    }
}

fn take_note() -> Option<String> {
    NOTE.take().map(ManuallyDrop::into_inner)
}

fn message_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn what_does_not_panic_passes_through() {
        assert_eq!(catch(|| 7), Ok(7));
    }

    #[test]
    fn the_message_survives() {
        let number = 7;
        assert!(
            catch(|| panic!("number {number}"))
                .unwrap_err()
                .starts_with("number 7")
        );
        assert!(catch(|| panic!("plain")).unwrap_err().starts_with("plain"));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_never_dropped() {
        let caught = catch(|| panic::panic_any(PanicsWhenDropped));
        assert!(caught.unwrap_err().starts_with("a value that is no text"));
    }

    #[test]
    fn a_panic_that_the_plugin_catches_itself_leaves_no_note_behind() {
        catch(|| {
            let _ = panic::catch_unwind(|| panic!("caught by the plugin"));
        })
        .unwrap();
        assert!(
            catch(|| panic!("second"))
                .unwrap_err()
                .starts_with("second")
        );
    }
}
