//! One instance of a plugin on one path: a route, from its `create` to its `destroy`.
//!
//! Shared by all connection threads of the route and its timers; what they call of the plugin
//! stands in `callbacks`.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use plugin_api::abi::{Bytes, OK, PANICKED};

use super::faults::Faults;
use super::host::{RouteHost, Services};
use super::host_table;
use super::library::Library;
use super::sink;
use crate::activity::{Activity, Running};
use crate::hub::Event;
use crate::ids::{ClientId, RouteId};
use crate::outbox::Outbox;

/// What a plugin keeps for one client; handed back to each of its callbacks. Stays on the
/// connection's thread.
#[derive(Debug)]
pub struct Session(pub(super) *mut c_void);

impl Session {
    pub(super) fn into_raw(self) -> *mut c_void {
        self.0
    }
}

/// A route.
pub struct Instance {
    pub(super) library: Arc<Library>,
    pub(super) host: &'static RouteHost,
    pub(super) data: *mut c_void,
    pub(super) faults: Faults,
    pub(super) timer_activity: Activity,
}

// SAFETY: the ABI demands of a plugin that callbacks of different clients may run at the same time
// on different threads; the pointer is only handed back to it.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    /// Makes an instance. Main thread; blocks as long as the plugin's `create` does.
    ///
    /// # Errors
    /// The text of the plugin's error or panic.
    pub fn create(
        library: Arc<Library>,
        route: RouteId,
        path: &str,
        config: String,
        services: Services,
    ) -> Result<Arc<Instance>, String> {
        let host = RouteHost::leak(host_table::table(), route, path.into(), config, services);
        let Some(create) = library.functions.create else {
            return Err("create is not implemented".to_owned());
        };
        let mut data = std::ptr::null_mut();
        let config = Bytes::new(host.config.as_bytes());
        let (status, text) = sink::collect(|error| {
            // SAFETY: a function of the ABI, from a library that stays open, with the arguments
            // that the ABI names; the host is never freed.
            unsafe {
                create(
                    host.as_abi(),
                    config,
                    std::ptr::null(),
                    &raw mut data,
                    error,
                )
            }
        });
        if status != OK {
            host.retire();
            host.timers.end();
            let how = if status == PANICKED {
                "panicked"
            } else {
                "failed"
            };
            return Err(format!("create {how}: {text}"));
        }
        let (faults, timer_activity) = (Faults::default(), Activity::default());
        let instance = Arc::new(Instance {
            library,
            host,
            data,
            faults,
            timer_activity,
        });
        let timed = Arc::downgrade(&instance);
        host.timers.start(Arc::new(move |timer| {
            if let Some(instance) = timed.upgrade() {
                instance.on_timer(timer);
            }
        }));
        Ok(instance)
    }

    /// The route's number.
    pub fn id(&self) -> RouteId {
        self.host.route
    }

    /// The route's path.
    pub fn path(&self) -> Arc<str> {
        self.host.path.clone()
    }

    /// The library behind it.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Whether it has panicked too often to be called.
    pub fn is_out_of_service(&self) -> bool {
        self.faults.is_out_of_service()
    }

    /// Takes it back into service; true where it was out.
    pub fn return_to_service(&self) -> bool {
        self.faults.forgive()
    }

    /// A timer callback that runs.
    pub fn busy_timer(&self) -> Option<Running> {
        self.timer_activity.running()
    }

    /// The client is on the route from now on: named by plugins, counted, a member of everyone.
    pub fn enter(&self, client: ClientId, outbox: Arc<Outbox>) {
        self.host.services.roster.open(client, self.id());
        self.host.clients.fetch_add(1, Ordering::Relaxed);
        self.host.services.hub.tell(Event::Opened {
            client,
            route: self.id(),
            outbox,
        });
    }

    /// The client has left; comes before its `on_close`.
    pub fn leave(&self, client: ClientId) {
        self.host.services.roster.close(client);
        self.host.clients.fetch_sub(1, Ordering::Relaxed);
        self.host.services.hub.tell(Event::Closed { client });
    }

    /// No timer fires any more. What it gives back ends when the callback that runs now, if any,
    /// returns. Main thread.
    pub fn end_timers(&self) -> Option<JoinHandle<()>> {
        self.host.timers.end()
    }

    /// Ends the instance. Main thread, once, when no callback of it runs and none can follow.
    pub fn destroy(&self) {
        self.host.retire();
        if let Some(destroy) = self.library.functions.destroy {
            // SAFETY: the caller sees to it that nothing else uses the instance.
            unsafe { destroy(self.data) };
        }
    }
}
