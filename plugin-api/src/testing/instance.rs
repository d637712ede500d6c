//! One value of the plugin under test, called through its table of functions as the server calls it.
//!
//! The thread that steps the test runs the callbacks; that those of one client never overlap is [`super::shared`]'s
//! business.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::call::{self, Refused};
use super::code::Code;
use super::host::MemoryHost;
use super::http::{Draft, MemoryRequest};
use super::job::Job;
use crate::abi::{self, Bytes, Sink, Status};

/// Panics within [`PANIC_WINDOW`] that take a route out of service, as in the server.
const PANICS_MAX: usize = 10;
const PANIC_WINDOW: Duration = Duration::from_secs(60);

pub(super) struct Instance {
    pub(super) code: Code,
    pub(super) host: &'static MemoryHost,
    data: *mut c_void,
    panics: Mutex<Vec<Duration>>,
    is_out_of_service: AtomicBool,
}

// SAFETY: the ABI demands of a plugin that callbacks of different clients may run at the same time on different
// threads; the pointer is only handed back to it.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

/// What `on_open` gave out for one client.
pub(super) struct Session(*mut c_void);

// SAFETY: the ABI lets a session go from thread to thread; it is only handed back to the plugin.
unsafe impl Send for Session {}

impl Session {
    pub(super) fn is_null(&self) -> bool {
        self.0.is_null()
    }
}

/// Who ended a connection, and how.
pub(super) struct End {
    pub(super) code: u16,
    pub(super) reason: String,
    pub(super) by: u32,
}

impl Instance {
    /// # Errors
    /// What the server would say: `create failed: ...`.
    pub(super) fn create(
        code: Code,
        host: &'static MemoryHost,
        config: &str,
        old_state: Option<&[u8]>,
    ) -> Result<Instance, String> {
        let mut data = std::ptr::null_mut();
        let old_state = old_state.map(Bytes::new);
        let old_state = old_state
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        let Some(create) = code.functions.create else {
            return Err("create is not implemented".to_owned());
        };
        let config = Bytes::new(config.as_bytes());
        let created = call::make(&host.world, |error| {
            // SAFETY: as the ABI names them; the host is never freed.
            unsafe { create(host.as_abi(), config, old_state, &raw mut data, error) }
        });
        if let Err(refused) = created {
            host.end();
            return Err(refused.sentence("create"));
        }
        Ok(Instance {
            code,
            host,
            data,
            panics: Mutex::default(),
            is_out_of_service: AtomicBool::new(false),
        })
    }

    pub(super) fn is_out_of_service(&self) -> bool {
        self.is_out_of_service.load(Ordering::Acquire)
    }

    /// Makes a callback, and counts a panic of it.
    fn call(&self, function: impl FnOnce(*const Sink) -> Status) -> Result<(), Refused> {
        let result = call::make(&self.host.world, function);
        if let Err(refused) = &result
            && refused.status == abi::PANICKED
        {
            self.count_panic();
        }
        match result {
            // A plugin that does not implement what its table names has nothing to say.
            Err(refused) if refused.status == abi::UNSUPPORTED => Ok(()),
            result => result,
        }
    }

    fn count_panic(&self) {
        let now = self.host.world.lock().now;
        let mut panics = self.panics.lock().unwrap_or_else(PoisonError::into_inner);
        panics.retain(|at| now.saturating_sub(*at) <= PANIC_WINDOW);
        panics.push(now);
        if panics.len() < PANICS_MAX || self.is_out_of_service.swap(true, Ordering::AcqRel) {
            return;
        }
        let line = format!("ERROR the route is out of service: {PANICS_MAX} panics within 60 s");
        call::note(&self.host.world, line);
        let mut state = self.host.world.lock();
        for client in state.clients.keys().copied().collect::<Vec<_>>() {
            if state.end(client, Some((1011, OUT_OF_SERVICE.to_owned()))) {
                state.ending.push((client, abi::BY_SERVER));
            }
        }
    }

    pub(super) fn on_upgrade(&self, draft: &mut Draft<'_>) -> Result<(), Refused> {
        let Some(on_upgrade) = self.code.functions.on_upgrade else {
            return Ok(());
        };
        let request = as_abi(draft.request);
        let response = (&raw mut *draft).cast();
        // SAFETY: as the ABI names them, there until the call returns.
        self.call(|error| unsafe { on_upgrade(self.data, request, response, error) })
    }

    /// None where the plugin serves no plain HTTP.
    pub(super) fn on_request(&self, draft: &mut Draft<'_>) -> Option<Result<(), Refused>> {
        let on_request = self.code.functions.on_request?;
        let request = as_abi(draft.request);
        let response = (&raw mut *draft).cast();
        // SAFETY: as the ABI names them, there until the call returns.
        Some(self.call(|error| unsafe { on_request(self.data, request, response, error) }))
    }

    /// Opens a new client, or one of the value before with what that saved of it. The error has the pointer that the
    /// callback gave out though it failed.
    pub(super) fn on_open(
        &self,
        client: u64,
        request: &MemoryRequest,
        resumed: Option<Option<&[u8]>>,
    ) -> Result<Session, (Refused, Session)> {
        let mut session = std::ptr::null_mut();
        let Some(on_open) = self.code.functions.on_open else {
            return Ok(Session(session));
        };
        let resumed = resumed.map(|saved| abi::Resumed {
            size: size_of::<abi::Resumed>() as u32,
            reserved: 0,
            session: saved.map_or(Bytes::NONE, Bytes::new),
        });
        let resumed = resumed
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        let request = as_abi(request);
        let place = &raw mut session;
        let opened = self.call(|error| {
            // SAFETY: as the ABI names them, there until the call returns.
            unsafe { on_open(self.data, client, request, resumed, place, error) }
        });
        match opened {
            Ok(()) => Ok(Session(session)),
            Err(refused) => Err((refused, Session(session))),
        }
    }

    pub(super) fn on_message(
        &self,
        client: u64,
        session: &mut Session,
        kind: u32,
        payload: &[u8],
    ) -> Result<(), Refused> {
        let Some(on_message) = self.code.functions.on_message else {
            return Ok(());
        };
        let payload = Bytes::new(payload);
        self.call(|error| {
            // SAFETY: as the ABI names them; the session is this client's, no other callback of which runs.
            unsafe { on_message(self.data, session.0, client, kind, payload, error) }
        })
    }

    #[allow(
        clippy::needless_pass_by_value,
        reason = "the session ends with the call"
    )]
    pub(super) fn on_close(&self, client: u64, session: Session, end: &End) -> Result<(), Refused> {
        let Some(on_close) = self.code.functions.on_close else {
            return Ok(());
        };
        let cause = abi::Cause {
            size: size_of::<abi::Cause>() as u32,
            initiator: end.by,
            code: end.code.into(),
            reserved: 0,
            reason: Bytes::new(end.reason.as_bytes()),
        };
        self.call(|error| {
            // SAFETY: as the ABI names them; the session is not used again.
            unsafe { on_close(self.data, session.0, client, &raw const cause, error) }
        })
    }

    /// True where the plugin has dealt with it.
    pub(super) fn on_error(
        &self,
        client: u64,
        session: &mut Session,
        kind: u32,
        what: &str,
    ) -> bool {
        let Some(on_error) = self.code.functions.on_error else {
            return false;
        };
        let fault = abi::Fault {
            size: size_of::<abi::Fault>() as u32,
            kind,
            what: Bytes::new(what.as_bytes()),
        };
        let dealt = self.call(|error| {
            // SAFETY: as in `on_message`.
            unsafe { on_error(self.data, session.0, client, &raw const fault, error) }
        });
        dealt.is_ok()
    }

    /// Runs a task on the turn of a client.
    pub(super) fn run_task(
        &self,
        client: u64,
        session: &mut Session,
        job: &Job,
    ) -> Result<(), Refused> {
        self.call(|error| {
            // SAFETY: the session is this client's, no other callback of which runs, and the task is of this value.
            unsafe { job.run(self.data, session.0, client, error) }
        })
    }

    pub(super) fn on_timer(&self, timer: u64) -> Result<(), Refused> {
        let Some(on_timer) = self.code.functions.on_timer else {
            return Ok(());
        };
        // SAFETY: as the ABI names them.
        self.call(|error| unsafe { on_timer(self.data, timer, error) })
    }

    pub(super) fn on_gap(&self, gap: &abi::Gap) -> Result<(), Refused> {
        let Some(on_gap) = self.code.on_gap else {
            return Ok(());
        };
        // SAFETY: as the ABI names them, there until the call returns.
        self.call(|error| unsafe { on_gap(self.data, gap, error) })
    }

    /// False where the plugin wants to be made anew for them.
    pub(super) fn reconfigure(&self, config: &str) -> Result<bool, String> {
        let Some(reconfigure) = self.code.functions.reconfigure else {
            return Ok(false);
        };
        let bytes = Bytes::new(config.as_bytes());
        // SAFETY: as the ABI names them.
        let done = call::make(&self.host.world, |error| unsafe {
            reconfigure(self.data, bytes, error)
        });
        match done {
            Ok(()) => {
                self.host.set_config(config);
                Ok(true)
            }
            Err(refused) if refused.status == abi::UNSUPPORTED => Ok(false),
            Err(refused) => Err(refused.sentence("reconfigure")),
        }
    }

    pub(super) fn save_state(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(save_state) = self.code.functions.save_state else {
            return Ok(None);
        };
        // SAFETY: as the ABI names them; no callback of the route runs.
        self.save("save_state", |out, error| unsafe {
            save_state(self.data, out, error)
        })
    }

    pub(super) fn save_session(
        &self,
        client: u64,
        session: &mut Session,
    ) -> Result<Option<Vec<u8>>, String> {
        let Some(save_session) = self.code.functions.save_session else {
            return Ok(None);
        };
        // SAFETY: as the ABI names them; no callback of the route runs.
        self.save("save_session", |out, error| unsafe {
            save_session(self.data, session.0, client, out, error)
        })
    }

    fn save(
        &self,
        name: &str,
        function: impl FnOnce(*const Sink, *const Sink) -> Status,
    ) -> Result<Option<Vec<u8>>, String> {
        let mut written = Vec::new();
        let saved = call::make(&self.host.world, |error| {
            let (status, bytes) = call::collect_bytes(|out| function(out, error));
            written = bytes;
            status
        });
        match saved {
            Ok(()) => Ok(Some(written)),
            Err(refused) if refused.status == abi::UNSUPPORTED => Ok(None),
            Err(refused) => Err(refused.sentence(name)),
        }
    }

    #[allow(
        clippy::needless_pass_by_value,
        reason = "the session ends with the call"
    )]
    pub(super) fn drop_session(&self, session: Session) {
        if let Some(drop_session) = self.code.functions.drop_session {
            self.quietly(|| {
                // SAFETY: the session is this value's and not used again.
                unsafe { drop_session(self.data, session.0) };
            });
        }
    }

    /// Ends the value: no callback of it runs, and none can follow.
    pub(super) fn destroy(&self) {
        self.host.end();
        if let Some(destroy) = self.code.functions.destroy {
            // SAFETY: the caller sees to it that nothing else uses it.
            self.quietly(|| unsafe { destroy(self.data) });
        }
    }

    /// A call that has no answer.
    fn quietly(&self, function: impl FnOnce()) {
        let done = call::make(&self.host.world, |_| {
            function();
            abi::OK
        });
        debug_assert!(done.is_ok());
    }
}

/// What a client is told whose route is out of service.
pub(super) const OUT_OF_SERVICE: &str = "the plugin is out of service";

fn as_abi(request: &MemoryRequest) -> *const abi::Request {
    (&raw const *request).cast()
}
