//! The callbacks of an instance: Rust types in, the plugin's functions, Rust types out.
//!
//! The other half of [`Instance`]; each method says which thread calls it. Callbacks may take as
//! long as they like: nothing is locked around them.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::time::Instant;

use http::StatusCode;
use log::{Level, error, log};
use plugin_api::abi::{
    self, BINARY, BY_PEER, BY_PLUGIN, BY_SERVER, Bytes, FAULT_FAILED, FAULT_PANICKED,
    FAULT_TRANSPORT, OK, PANICKED, Sink, Status, TEXT, TimerId, UNSUPPORTED,
};

use super::Instance;
use crate::counters::COUNTERS;
use crate::http::request::{Kind, Request};
use crate::http::response::Response;
use crate::hub::Event;
use crate::ids::ClientId;
use crate::limits::{PANIC_WINDOW, PANICS_MAX};
use crate::outbox::cause::{Cause, Initiator};
use crate::plugin::host::answers::NotStored;
use crate::plugin::host::host_http::{Draft, request_as_abi};
use crate::plugin::host::sink;
use crate::roster::Session;
use crate::roster::activity::{Activity, Callback};

/// A callback, or a connection, did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// The callback answered with an error.
    #[error("{} failed: {text}", callback.name())]
    Failed {
        /// Which.
        callback: Callback,
        /// Its words.
        text: String,
    },
    /// The callback panicked.
    #[error("{} panicked: {text}", callback.name())]
    Panicked {
        /// Which.
        callback: Callback,
        /// The panic's message and place.
        text: String,
    },
    /// The plugin has panicked too often to be called, but for `on_close`.
    #[error("the plugin is out of service")]
    OutOfService,
    /// What the callback has published is not known to be stored.
    #[error("not stored: {0}")]
    NotStored(#[from] NotStored),
    /// The connection failed, not the plugin.
    #[error("{text}")]
    Transport {
        /// What happened.
        text: String,
    },
}

impl CallbackError {
    /// What a Close frame gives as reason where the plugin is at fault.
    pub fn reason(&self) -> &'static str {
        match self {
            CallbackError::Panicked { .. } => "the plugin panicked",
            CallbackError::Failed { .. }
            | CallbackError::Transport { .. }
            | CallbackError::NotStored(_) => "the plugin failed",
            CallbackError::OutOfService => "the plugin is out of service",
        }
    }

    /// How loud the log is about it: a panic is a fault of the plugin's code, whatever a client said.
    pub fn level(&self) -> Level {
        match self {
            CallbackError::Panicked { .. } => Level::Error,
            _ => Level::Warn,
        }
    }
}

/// An `on_open` that failed.
#[derive(Debug)]
pub struct FailedOpen {
    /// How.
    pub error: CallbackError,
    /// What it wrote as the session, null or not, where an `on_close` is to follow.
    pub left: Option<Session>,
}

/// What a plugin says to a handshake.
pub enum Upgrade {
    /// Let it in, with these headers, and this subprotocol if it chose one itself.
    Admit {
        /// Headers for the 101 answer.
        response: Box<Response>,
        /// Out of those that the client offered.
        subprotocol: Option<String>,
        /// Messages come to it in envelopes.
        has_envelope: bool,
        /// It does not hear yet what is said to everyone.
        is_apart: bool,
    },
    /// Answer this instead.
    Refuse(Box<Response>),
}

impl Instance {
    /// Connection thread, before 101.
    ///
    /// # Errors
    /// The callback failed or panicked.
    pub fn on_upgrade(
        &self,
        client: ClientId,
        request: &Request,
    ) -> Result<Upgrade, CallbackError> {
        let kind = request.kind;
        let mut draft = Draft::new(request, StatusCode::SWITCHING_PROTOCOLS);
        if let Some(on_upgrade) = self.library.functions.on_upgrade {
            let (request, response) = (request_as_abi(request), draft.as_abi());
            self.call(self.activity(client), Callback::Upgrade, |error| {
                // SAFETY: as the ABI names them, valid until the call returns.
                unsafe { on_upgrade(self.data, request, response, error) }
            })?;
        }
        let Draft {
            response,
            subprotocol,
            has_envelope,
            is_apart,
            ..
        } = draft;
        match response.status {
            StatusCode::SWITCHING_PROTOCOLS => Ok(Upgrade::Admit {
                response,
                subprotocol,
                has_envelope,
                is_apart,
            }),
            status if status.as_u16() >= 400 => Ok(Upgrade::Refuse(response)),
            // It tells an `EventSource` not to come back.
            StatusCode::NO_CONTENT if kind == Kind::EventStream => Ok(Upgrade::Refuse(response)),
            status => Err(CallbackError::Failed {
                callback: Callback::Upgrade,
                text: format!("it answered with status {status}, which neither admits nor refuses"),
            }),
        }
    }

    /// Connection thread, after 101.
    ///
    /// # Errors
    /// The callback failed or panicked: there is no session, and `on_close` follows only where
    /// `FailedOpen` says so.
    pub fn on_open(&self, client: ClientId, request: &Request) -> Result<Session, FailedOpen> {
        self.open_session(client, request, None)
    }

    /// Opens a new client, or with `resumed` one of the instance before.
    pub(in crate::plugin) fn open_session(
        &self,
        client: ClientId,
        request: &Request,
        resumed: Option<Bytes>,
    ) -> Result<Session, FailedOpen> {
        let mut session = std::ptr::null_mut();
        let Some(on_open) = self.library.functions.on_open else {
            return Ok(Session::new(session));
        };
        let resumed = resumed.map(|session| abi::Resumed {
            size: size_of::<abi::Resumed>() as u32,
            reserved: 0,
            session,
        });
        let resumed = resumed
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        let request = request_as_abi(request);
        let opened = self.call(self.activity(client), Callback::Open, |error| {
            // SAFETY: as the ABI names them, valid until the call returns.
            unsafe {
                on_open(
                    self.data,
                    client.0,
                    request,
                    resumed,
                    &raw mut session,
                    error,
                )
            }
        });
        match opened {
            Ok(()) => Ok(Session::new(session)),
            Err(error) => Err(self.failed_open(error, session)),
        }
    }

    fn failed_open(&self, error: CallbackError, session: *mut c_void) -> FailedOpen {
        let has_begun = !matches!(error, CallbackError::OutOfService);
        let is_to_close = has_begun && self.library.closes_failed_opens;
        FailedOpen {
            error,
            left: is_to_close.then(|| Session::new(session)),
        }
    }

    /// Connection thread: one text message.
    ///
    /// # Errors
    /// The callback failed or panicked.
    pub fn on_text(
        &self,
        client: ClientId,
        session: &mut Session,
        text: &str,
    ) -> Result<(), CallbackError> {
        self.on_message(client, session, TEXT, text.as_bytes())
    }

    /// Connection thread: one binary message.
    ///
    /// # Errors
    /// The callback failed or panicked.
    pub fn on_binary(
        &self,
        client: ClientId,
        session: &mut Session,
        payload: &[u8],
    ) -> Result<(), CallbackError> {
        self.on_message(client, session, BINARY, payload)
    }

    fn on_message(
        &self,
        client: ClientId,
        session: &mut Session,
        kind: u32,
        payload: &[u8],
    ) -> Result<(), CallbackError> {
        let roster = &self.host.route.services.roster;
        let (activity, traffic) = roster.notes(client);
        traffic.received(payload.len());
        let Some(on_message) = self.library.functions.on_message else {
            return Ok(());
        };
        self.call(activity, Callback::Message, |error| {
            // SAFETY: as the ABI names them, valid until the call returns; the session is this
            // client's and no other callback of it runs.
            unsafe {
                on_message(
                    self.data,
                    session.pointer(),
                    client.0,
                    kind,
                    Bytes::new(payload),
                    error,
                )
            }
        })
    }

    /// Connection thread, exactly once for each session, which ends with it in any case.
    ///
    /// # Errors
    /// The callback failed or panicked.
    pub fn on_close(
        &self,
        client: ClientId,
        session: &mut Session,
        cause: &Cause,
    ) -> Result<(), CallbackError> {
        let Some(on_close) = self.library.functions.on_close else {
            return Ok(());
        };
        let session = session.pointer();
        let told = abi::Cause {
            size: size_of::<abi::Cause>() as u32,
            initiator: match cause.initiator {
                Initiator::Peer => BY_PEER,
                Initiator::Plugin => BY_PLUGIN,
                Initiator::Server => BY_SERVER,
            },
            code: cause.code.into(),
            reserved: 0,
            reason: Bytes::new(cause.reason.as_bytes()),
        };
        self.call(self.activity(client), Callback::Close, |error| {
            // SAFETY: as the ABI names them; the session is not used again.
            unsafe { on_close(self.data, session, client.0, &raw const told, error) }
        })
    }

    /// Connection thread: tells the plugin what went wrong for one client. True where the plugin
    /// has dealt with it and the client may stay.
    pub fn on_error(&self, client: ClientId, session: &mut Session, what: &CallbackError) -> bool {
        let Some(on_error) = self.library.functions.on_error else {
            return false;
        };
        let (kind, text) = match what {
            CallbackError::Failed { text, .. } => (FAULT_FAILED, text),
            CallbackError::Panicked { text, .. } => (FAULT_PANICKED, text),
            CallbackError::Transport { text } => (FAULT_TRANSPORT, text),
            CallbackError::OutOfService | CallbackError::NotStored(_) => return false,
        };
        let size = size_of::<abi::Fault>() as u32;
        let fault = abi::Fault {
            size,
            kind,
            what: Bytes::new(text.as_bytes()),
        };
        let result = self.call(self.activity(client), Callback::Error, |error| {
            // SAFETY: as in `on_message`.
            unsafe {
                on_error(
                    self.data,
                    session.pointer(),
                    client.0,
                    &raw const fault,
                    error,
                )
            }
        });
        if let Err(error @ CallbackError::Panicked { .. }) = &result {
            error!("client {client} on {}: {error}", self.host.route.path);
        }
        result.is_ok()
    }

    /// Connection thread: plain HTTP. None where the plugin serves none.
    ///
    /// # Errors
    /// The callback failed or panicked.
    pub fn on_request(
        &self,
        client: ClientId,
        request: &Request,
    ) -> Result<Option<Response>, CallbackError> {
        let Some(on_request) = self.library.functions.on_request else {
            return Ok(None);
        };
        let mut draft = Draft::new(request, StatusCode::OK);
        let (request, response) = (request_as_abi(request), draft.as_abi());
        self.call(self.activity(client), Callback::Request, |error| {
            // SAFETY: as the ABI names them, valid until the call returns.
            unsafe { on_request(self.data, request, response, error) }
        })?;
        Ok(Some(*draft.response))
    }

    /// Timers thread.
    pub(in crate::plugin) fn on_timer(&self, activity: &Activity, timer: TimerId) {
        let Some(on_timer) = self.library.functions.on_timer else {
            return;
        };
        if self.is_out_of_service() {
            return;
        }
        let result = self.call(activity, Callback::Timer, |error| {
            // SAFETY: as the ABI names them.
            unsafe { on_timer(self.data, timer, error) }
        });
        if let Err(error) = result {
            log!(error.level(), "route {}: {error}", self.host.route.path);
        }
    }

    pub(super) fn activity(&self, client: ClientId) -> &Activity {
        self.host.route.services.roster.activity(client)
    }

    /// Runs one callback under the watchdog's eye and counts its panics.
    pub(super) fn call(
        &self,
        activity: &Activity,
        callback: Callback,
        function: impl FnOnce(*const Sink) -> Status,
    ) -> Result<(), CallbackError> {
        if callback != Callback::Close && self.is_out_of_service() {
            return Err(CallbackError::OutOfService);
        }
        let clock = &self.host.route.services.roster.clock;
        let tick = activity.begin(self.host.route.id, callback, clock);
        let times = &self.host.route.times;
        let timing = times.begin(callback, tick);
        let (status, text) = sink::collect(function);
        activity.end();
        times.end(&timing, clock.tick());
        match status {
            // A plugin that does not implement what its table names has nothing to say.
            OK | UNSUPPORTED => Ok(()),
            PANICKED => {
                COUNTERS.callbacks.panicked.add(1);
                times.panicked.add(1);
                self.count_panic();
                Err(CallbackError::Panicked { callback, text })
            }
            status if status > 0 => Ok(()),
            _ => {
                COUNTERS.callbacks.failed.add(1);
                times.failed.add(1);
                Err(CallbackError::Failed { callback, text })
            }
        }
    }

    fn count_panic(&self) {
        if self.faults.count_panic(Instant::now()) {
            error!(
                "route {} is out of service: plugin {} panicked {PANICS_MAX} times within {} s; its clients are closed and it answers 503 until the next SIGHUP",
                self.host.route.path,
                self.library.name,
                PANIC_WINDOW.as_secs(),
            );
            self.host.route.hub.post(Event::CloseAll {
                cause: Instance::out_of_service(),
            });
        }
    }
}
