//! One instance of a plugin, called as the server calls it.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

use plugin_api::abi::{self, Bytes, ClientId, Functions, Status};
use plugin_api::declaration::Exported;
use plugin_api::export::entry;

use crate::fake_host::{FakeHost, FakeRequest, FakeResponse, text};

/// Status of a call, and what it wrote to its error sink.
pub(crate) type Outcome = (Status, String);

pub(crate) const DONE: (Status, String) = (abi::OK, String::new());

/// The number of the one client that most tests have.
pub(crate) const CLIENT: ClientId = 12;

pub(crate) struct Instance<P> {
    pub(crate) host: &'static FakeHost,
    functions: &'static Functions,
    route: *mut c_void,
    plugin: PhantomData<P>,
}

/// Lines of the log: level, target, message.
pub(crate) fn log_lines() -> Vec<(u32, String, String)> {
    LOG_LINES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

static LOG_LINES: Mutex<Vec<(u32, String, String)>> = Mutex::new(Vec::new());

#[allow(
    clippy::print_stdout,
    reason = "the test harness shows it where a test fails"
)]
unsafe extern "C" fn write_log(_: *mut c_void, level: u32, target: Bytes, message: Bytes) {
    let line = (level, text(target), text(message));
    println!("log: {line:?}");
    LOG_LINES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(line);
}

/// Gives the log to the library once, as the server does. The first plugin of this test program names
/// all: in real life there is one a library.
fn init<P: Exported>() {
    static INIT: OnceLock<Status> = OnceLock::new();
    let status = INIT.get_or_init(|| {
        let log = Box::leak(Box::new(abi::Log {
            size: size_of::<abi::Log>() as u32,
            reserved: 0,
            context: ptr::null_mut(),
            write: write_log,
        }));
        // SAFETY: the log is never freed.
        unsafe { entry::<P>().init.unwrap()(log, 3) }
    });
    assert_eq!(*status, abi::OK);
}

fn functions<P: Exported>() -> &'static Functions {
    // SAFETY: the tables behind an entry are constants.
    unsafe { &*(*entry::<P>().descriptor).functions }
}

/// Runs a call with an error sink.
pub(crate) fn outcome(call: impl FnOnce(*const abi::Sink) -> Status) -> Outcome {
    unsafe extern "C" fn append(context: *mut c_void, bytes: Bytes) {
        // SAFETY: the context is the string below, which outlives the call.
        unsafe { (*context.cast::<String>()).push_str(&text(bytes)) };
    }
    let mut error = String::new();
    let sink = abi::Sink {
        size: size_of::<abi::Sink>() as u32,
        reserved: 0,
        context: (&raw mut error).cast(),
        write: append,
    };
    let status = call(&raw const sink);
    (status, error)
}

impl<P: Exported> Instance<P> {
    pub(crate) fn new() -> Instance<P> {
        Instance::with_config("{}").expect("create succeeds")
    }

    /// Gives the outcome where it is not [`DONE`].
    pub(crate) fn with_config(config: &str) -> Result<Instance<P>, Outcome> {
        Instance::on_host(FakeHost::new(), config)
    }

    /// As [`Instance::with_config`], on a host of one's own.
    pub(crate) fn on_host(host: &'static FakeHost, config: &str) -> Result<Instance<P>, Outcome> {
        init::<P>();
        let functions = functions::<P>();
        let mut route = ptr::null_mut();
        let config = Bytes::new(config.as_bytes());
        let created = outcome(|error| {
            // SAFETY: as the ABI wants it: a host for ever, bytes and places for the call.
            unsafe {
                functions.create.unwrap()(
                    host.pointer(),
                    config,
                    ptr::null(),
                    &raw mut route,
                    error,
                )
            }
        });
        if created != DONE {
            assert!(
                route.is_null(),
                "an instance that is refused is not given out"
            );
            return Err(created);
        }
        Ok(Instance {
            host,
            functions,
            route,
            plugin: PhantomData,
        })
    }

    /// Opens [`CLIENT`]; the session is null where that failed.
    pub(crate) fn open(&self) -> (Outcome, *mut c_void) {
        let request = FakeRequest::default();
        let mut session = ptr::null_mut();
        let request = (&raw const request).cast();
        let opened = outcome(|error| {
            // SAFETY: route and client are live, all else is there during the call.
            unsafe {
                self.functions.on_open.unwrap()(
                    self.route,
                    CLIENT,
                    request,
                    ptr::null(),
                    &raw mut session,
                    error,
                )
            }
        });
        (opened, session)
    }

    pub(crate) fn message(&self, session: *mut c_void, kind: u32, payload: &[u8]) -> Outcome {
        let payload = Bytes::new(payload);
        outcome(|error| {
            // SAFETY: the session came from `open`, all else is there during the call.
            unsafe {
                self.functions.on_message.unwrap()(
                    self.route, session, CLIENT, kind, payload, error,
                )
            }
        })
    }

    pub(crate) fn close(&self, session: *mut c_void) -> Outcome {
        let cause = abi::Cause {
            size: size_of::<abi::Cause>() as u32,
            initiator: abi::BY_PEER,
            code: 1006,
            reserved: 0,
            reason: Bytes::new(b"no pong"),
        };
        outcome(|error| {
            // SAFETY: the session came from `open` and is not used again.
            unsafe {
                self.functions.on_close.unwrap()(
                    self.route,
                    session,
                    CLIENT,
                    &raw const cause,
                    error,
                )
            }
        })
    }

    pub(crate) fn error(&self, session: *mut c_void) -> Outcome {
        let fault = abi::Fault {
            size: size_of::<abi::Fault>() as u32,
            kind: abi::FAULT_FAILED,
            what: Bytes::new(b"the fault"),
        };
        outcome(|error| {
            // SAFETY: the session is null or came from `open`.
            unsafe {
                self.functions.on_error.unwrap()(
                    self.route,
                    session,
                    CLIENT,
                    &raw const fault,
                    error,
                )
            }
        })
    }

    pub(crate) fn request(&self, request: &FakeRequest) -> (Outcome, FakeResponse) {
        self.respond(request, self.functions.on_request.unwrap())
    }

    pub(crate) fn upgrade(&self, request: &FakeRequest) -> (Outcome, FakeResponse) {
        self.respond(request, self.functions.on_upgrade.unwrap())
    }

    fn respond(
        &self,
        request: &FakeRequest,
        callback: unsafe extern "C" fn(
            *mut c_void,
            *const abi::Request,
            *mut abi::Response,
            *const abi::Sink,
        ) -> Status,
    ) -> (Outcome, FakeResponse) {
        let mut response = FakeResponse::default();
        let (asked, answer) = ((&raw const *request).cast(), (&raw mut response).cast());
        // SAFETY: request and response outlive the call.
        let answered = outcome(|error| unsafe { callback(self.route, asked, answer, error) });
        (answered, response)
    }

    pub(crate) fn timer(&self) -> Outcome {
        // SAFETY: the route is live.
        outcome(|error| unsafe { self.functions.on_timer.unwrap()(self.route, 9, error) })
    }

    pub(crate) fn drop_session(&self, session: *mut c_void) {
        // SAFETY: the session came from `open` and is not used again.
        unsafe { self.functions.drop_session.unwrap()(self.route, session) }
    }

    pub(crate) fn destroy(self) {
        // SAFETY: this consumes the instance, so nothing uses the route again.
        unsafe { self.functions.destroy.unwrap()(self.route) }
    }
}
