//! One instance of a plugin on one path, from its `create` to its `destroy`.
//!
//! A route has one instance at a time; a replacement of its plugin makes the next. Shared by all
//! connection threads of the route and its timers; what they call of the plugin stands in
//! `callbacks`, what the main thread calls in `lifecycle`.

pub(super) mod callbacks;
mod faults;
mod gaps;
pub(super) mod hand_over;
mod lifecycle;
pub(super) mod place;
pub(super) mod route;
mod turns;

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::outbox::cause::{Cause, INTERNAL};
use crate::plugin::host::RouteHost;
use crate::plugin::library::Library;
use faults::Faults;

/// One value of a plugin, at work on one route.
pub struct Instance {
    pub(in crate::plugin) library: Arc<Library>,
    pub(in crate::plugin) host: &'static RouteHost,
    pub(in crate::plugin) data: *mut c_void,
    /// Counts the instances of the route.
    pub(in crate::plugin) generation: u32,
    pub(in crate::plugin) faults: Faults,
    /// Plugin, path and file, for the line about the end of the process.
    title: &'static str,
}

impl Instance {
    /// The library behind it.
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// Whether it is not to be called: it has panicked too often, or whoever runs the server says so.
    pub fn is_out_of_service(&self) -> bool {
        self.faults.is_out_of_service() || self.host.route.times.is_held_out.load(Ordering::Acquire)
    }

    /// What its clients are closed with when it goes out of service.
    pub fn out_of_service() -> Cause {
        Cause::server(INTERNAL, "the plugin is out of service")
    }
}
