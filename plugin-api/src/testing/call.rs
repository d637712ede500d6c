//! One call into the plugin: its error text, and the lines that it logs meanwhile.

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::Arc;

use super::world::World;
use crate::abi::{self, Bytes, Status};

thread_local! {
    /// The route whose callback runs on this thread.
    static CURRENT: RefCell<Option<Arc<World>>> = const { RefCell::new(None) };
}

/// Why a call did nothing: its status, and the plugin's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: Status,
    pub(super) text: String,
}

impl Refused {
    /// As the server says it: `on_message failed: ...`.
    pub(super) fn sentence(&self, callback: &str) -> String {
        let how = if self.status == abi::PANICKED {
            "panicked"
        } else {
            "failed"
        };
        format!("{callback} {how}: {}", self.text)
    }
}

/// Whether a callback runs on this thread.
pub(super) fn is_on_this_thread() -> bool {
    CURRENT.with_borrow(Option::is_some)
}

/// Makes a call for a route. [`abi::UNSUPPORTED`] is an answer like any other here.
pub(super) fn make(
    world: &Arc<World>,
    call: impl FnOnce(*const abi::Sink) -> Status,
) -> Result<(), Refused> {
    let before = CURRENT.replace(Some(world.clone()));
    let (status, text) = collect(call);
    CURRENT.set(before);
    if status < abi::OK {
        Err(Refused { status, text })
    } else {
        Ok(())
    }
}

/// Runs a call with a sink; gives its status and what it wrote there, as text.
pub(super) fn collect(call: impl FnOnce(*const abi::Sink) -> Status) -> (Status, String) {
    let (status, bytes) = collect_bytes(call);
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

/// As [`collect`], with the bytes as they are.
pub(super) fn collect_bytes(call: impl FnOnce(*const abi::Sink) -> Status) -> (Status, Vec<u8>) {
    unsafe extern "C" fn append(context: *mut c_void, bytes: Bytes) {
        // SAFETY: the context is the vector below, and the bytes are there during the call.
        unsafe { (*context.cast::<Vec<u8>>()).extend_from_slice(bytes.as_slice()) };
    }
    let mut written: Vec<u8> = Vec::new();
    let sink = abi::Sink {
        size: size_of::<abi::Sink>() as u32,
        reserved: 0,
        context: (&raw mut written).cast(),
        write: append,
    };
    let status = call(&raw const sink);
    (status, written)
}

/// Where the lines of all libraries go: to the route whose callback runs, and to the output of the test, which shows
/// it where it fails.
pub(super) unsafe extern "C" fn write_log(
    _: *mut c_void,
    level: u32,
    target: Bytes,
    message: Bytes,
) {
    const LEVELS: [&str; 6] = ["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
    // SAFETY: both texts are there during the call.
    let (target, message) = unsafe { (super::place::text(target), super::place::text(message)) };
    let level = LEVELS.get(level as usize).unwrap_or(&"TRACE");
    let line = format!("{level} {target}: {message}");
    let world = CURRENT.with_borrow(Clone::clone);
    match world {
        Some(world) => note(&world, line),
        None => print(&line),
    }
}

/// Notes a line of the route's log.
pub(super) fn note(world: &World, line: String) {
    print(&line);
    world.lock().log.push(line);
}

#[allow(
    clippy::print_stdout,
    reason = "the test harness shows it where the test fails"
)]
fn print(line: &str) {
    println!("{line}");
}
