//! Whether this server is one to send clients to: what a balancer asks.
//!
//! The main thread says when it stops; connection threads and those of the admin listener ask.

use std::sync::atomic::{AtomicBool, Ordering};

use super::table::Sites;

/// Why no client is to be sent here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// It has been told to stop; who is here stays a little longer.
    #[error("the server is stopping")]
    Stopping,
    /// No plugin is mounted anywhere, or every route is out of service.
    #[error("no route can be served")]
    NoRoute,
}

/// Shared by everyone who answers for the server's health.
pub struct Readiness {
    sites: Sites,
    is_stopping: AtomicBool,
}

impl Readiness {
    /// Of a server that is at work.
    pub fn new(sites: Sites) -> Readiness {
        Readiness {
            sites,
            is_stopping: AtomicBool::new(false),
        }
    }

    /// From here on it stops.
    pub fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    /// Whether clients may be sent here.
    ///
    /// # Errors
    /// Why they may not.
    pub fn check(&self) -> Result<(), Unready> {
        if self.is_stopping.load(Ordering::Acquire) {
            return Err(Unready::Stopping);
        }
        let site = self.sites.current();
        let mut routes = site.routes.iter();
        match routes.any(|route| !route.instance().is_out_of_service()) {
            true => Ok(()),
            false => Err(Unready::NoRoute),
        }
    }
}
