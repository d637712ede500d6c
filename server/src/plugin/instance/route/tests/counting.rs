//! A plugin in this process that counts: what is called too late, twice, for another's session or not at all shows in a
//! number, or to a sanitizer, since its sessions are memory that it frees.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use parking_lot::Mutex;
use plugin_api::abi::{self, Bytes, FAILED, Functions, OK, Sink, Status};

use crate::journal::Position;
use crate::plugin::Library;

/// What the instances of one test have seen.
pub(super) struct Counts {
    pub(super) opened: AtomicU64,
    pub(super) resumed: AtomicU64,
    pub(super) closed: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) timers: AtomicU64,
    /// The code and the initiator of the last `on_close`.
    pub(super) last_cause: Mutex<(u32, u32)>,
    /// Gaps that were told: to whom, why, and between which offsets.
    pub(super) gaps: Mutex<Vec<(usize, u32, String)>>,
    /// Whoever holds it holds up who is told.
    pub(super) gap_gate: Mutex<()>,
    /// Calls that the ABI rules out.
    pub(super) faults: AtomicU64,
    /// Kept, so that a call that comes after `destroy` can be told.
    pub(super) made: Mutex<Vec<&'static Made>>,
}

pub(super) struct Made {
    pub(super) counts: &'static Counts,
    pub(super) is_destroyed: AtomicBool,
}

/// What the plugin keeps for a client.
struct Kept {
    owner: *mut c_void,
    is_in_use: AtomicBool,
}

impl Counts {
    pub(super) const fn new() -> Counts {
        Counts {
            opened: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            timers: AtomicU64::new(0),
            last_cause: Mutex::new((0, 0)),
            gaps: Mutex::new(Vec::new()),
            gap_gate: Mutex::new(()),
            faults: AtomicU64::new(0),
            made: Mutex::new(Vec::new()),
        }
    }

    /// The options by which `create` finds it.
    pub(super) fn config(&'static self) -> String {
        std::ptr::from_ref(self).expose_provenance().to_string()
    }

    fn fault_if(&self, is_fault: bool) {
        self.faults
            .fetch_add(u64::from(is_fault), Ordering::Relaxed);
    }
}

fn add_one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn value(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// The instance that is called, which has to be there still.
fn called(route: *mut c_void) -> &'static Counts {
    // SAFETY: `create` gave it out, and it is kept in a static.
    let made = unsafe { &*route.cast::<Made>() };
    made.counts
        .fault_if(made.is_destroyed.load(Ordering::Relaxed));
    made.counts
}

unsafe extern "C" fn create(
    host: *const abi::Host,
    config: Bytes,
    _: *const Bytes,
    route: *mut *mut c_void,
    _: *const Sink,
) -> Status {
    // SAFETY: valid during the call, as is all that follows from it.
    let address = std::str::from_utf8(unsafe { config.as_slice() });
    let Some(address) = address.ok().and_then(|text| text.parse().ok()) else {
        return FAILED;
    };
    // SAFETY: the address of a static of this file.
    let counts = unsafe { &*std::ptr::with_exposed_provenance::<Counts>(address) };
    let made: &'static Made = Box::leak(Box::new(Made {
        counts,
        is_destroyed: AtomicBool::new(false),
    }));
    let mut timer = 0;
    // SAFETY: the host is valid for ever, and the places during the calls.
    unsafe {
        *route = std::ptr::from_ref(made).cast_mut().cast();
        ((*host).set_timer)(host, 0, 1, &raw mut timer);
    }
    counts.made.lock().push(made);
    OK
}

unsafe extern "C" fn destroy(route: *mut c_void) {
    // SAFETY: as in `called`.
    let made = unsafe { &*route.cast::<Made>() };
    let was_destroyed = made.is_destroyed.swap(true, Ordering::Relaxed);
    made.counts.fault_if(was_destroyed);
}

unsafe extern "C" fn on_open(
    route: *mut c_void,
    _: u64,
    _: *const abi::Request,
    resumed: *const abi::Resumed,
    session: *mut *mut c_void,
    _: *const Sink,
) -> Status {
    let counts = called(route);
    add_one(if resumed.is_null() {
        &counts.opened
    } else {
        &counts.resumed
    });
    let kept = Box::new(Kept {
        owner: route,
        is_in_use: AtomicBool::new(false),
    });
    // SAFETY: a place to write to.
    unsafe { *session = Box::into_raw(kept).cast() };
    OK
}

unsafe extern "C" fn on_message(
    route: *mut c_void,
    session: *mut c_void,
    _: u64,
    _: u32,
    _: Bytes,
    _: *const Sink,
) -> Status {
    let counts = called(route);
    // SAFETY: `on_open` made it, and it is freed after the last call with it.
    let kept = unsafe { &*session.cast::<Kept>() };
    counts.fault_if(kept.owner != route);
    counts.fault_if(kept.is_in_use.swap(true, Ordering::Relaxed));
    thread::yield_now();
    kept.is_in_use.store(false, Ordering::Relaxed);
    OK
}

unsafe extern "C" fn on_close(
    route: *mut c_void,
    session: *mut c_void,
    _: u64,
    cause: *const abi::Cause,
    _: *const Sink,
) -> Status {
    let counts = called(route);
    add_one(&counts.closed);
    // SAFETY: valid during the call.
    *counts.last_cause.lock() = unsafe { ((*cause).code, (*cause).initiator) };
    free(route, session);
    OK
}

unsafe extern "C" fn drop_session(route: *mut c_void, session: *mut c_void) {
    let counts = called(route);
    add_one(&counts.dropped);
    free(route, session);
}

unsafe extern "C" fn on_timer(route: *mut c_void, _: u64, _: *const Sink) -> Status {
    add_one(&called(route).timers);
    OK
}

unsafe extern "C" fn on_gap(route: *mut c_void, gap: *const abi::Gap, _: *const Sink) -> Status {
    let counts = called(route);
    // SAFETY: valid during the call.
    let gap = unsafe { &*gap };
    counts.fault_if(gap.size as usize != size_of::<abi::Gap>());
    let between = [gap.from, gap.to].map(|at| Position::parse(&at).map_or(0, |at| at.offset));
    let told = (route.addr(), gap.cause, format!("{between:?}"));
    counts.gaps.lock().push(told);
    drop(counts.gap_gate.lock());
    OK
}

fn free(route: *mut c_void, session: *mut c_void) {
    // SAFETY: `on_open` made it, and this is its last call.
    let kept = unsafe { Box::from_raw(session.cast::<Kept>()) };
    let counts = called(route);
    counts.fault_if(kept.owner != route);
    counts.fault_if(kept.is_in_use.load(Ordering::Relaxed));
}

pub(super) fn library() -> Arc<Library> {
    Arc::new(Library {
        file: "libcounts.so".into(),
        name: "counts".to_owned(),
        version: "1".to_owned(),
        default_paths: vec!["/counts".to_owned()],
        has_event_stream: false,
        state_format: 0,
        reads_state_formats: Vec::new(),
        closes_failed_opens: true,
        subprotocols: Vec::new(),
        functions: Functions {
            size: size_of::<Functions>() as u32,
            reserved: 0,
            create: Some(create),
            destroy: Some(destroy),
            on_upgrade: None,
            on_open: Some(on_open),
            on_message: Some(on_message),
            on_close: Some(on_close),
            on_error: None,
            on_request: None,
            on_timer: Some(on_timer),
            reconfigure: None,
            save_state: None,
            save_session: None,
            drop_session: Some(drop_session),
        },
        check: None,
        on_gap: Some(on_gap),
        set_log_level: None,
    })
}
