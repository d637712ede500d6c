//! What is missing of a route that hosts share, on its way to the plugin.
//!
//! The engine's thread notes it and rings; the thread of the route's timers tells it, so that nothing that a plugin does
//! holds up what is heard. Where neither is at work nothing of this runs.
#![allow(unsafe_code)]

use std::sync::Arc;

use log::log;
use plugin_api::abi::{self, GAP_LOST, GAP_MISSED};

use super::Instance;
use super::route::Route;
use crate::engine::{Gap, GapCause};
use crate::roster::activity::{Activity, Callback};
use crate::threads::crash;

impl Route {
    /// Something is missing. Any thread; never waits.
    pub(in crate::plugin) fn note_gap(&self, gap: Gap) {
        if self.instance().library.on_gap.is_none() {
            return;
        }
        let mut waiting = self.gap.lock();
        *waiting = Some(match waiting.take() {
            Some(before) => before.followed_by(gap),
            None => gap,
        });
        drop(waiting);
        self.ring_for_gap();
    }

    /// Who serves the route now is to be told, where there is something: each that comes to work is rung for.
    pub(super) fn ring_for_gap(&self) {
        if self.gap.lock().is_some() {
            self.instance().host.timers.ring_for_gap();
        }
    }

    /// Timers thread: tells what there is, if anything is left to tell.
    pub(super) fn on_gap(&self, instance: &Arc<Instance>) {
        let _gate = self.gate.read();
        // A replacement that this thread has waited for may have retired it; who is out of service is told when it is back.
        if !Arc::ptr_eq(instance, &self.instance()) || instance.is_out_of_service() {
            return;
        }
        let Some(gap) = self.gap.lock().take() else {
            return;
        };
        let _says_where = crash::run_for(self.timer_activity.word(), 0);
        instance.on_gap(&self.timer_activity, &gap);
    }
}

impl Instance {
    fn on_gap(&self, activity: &Activity, gap: &Gap) {
        let Some(on_gap) = self.library.on_gap else {
            return;
        };
        let told = abi::Gap {
            size: size_of::<abi::Gap>() as u32,
            cause: match gap.cause {
                GapCause::Missed => GAP_MISSED,
                GapCause::Lost => GAP_LOST,
            },
            from: gap.from.text(),
            to: gap.to.text(),
        };
        let result = self.call(activity, Callback::Gap, |error| {
            // SAFETY: as the ABI names them, valid until the call returns.
            unsafe { on_gap(self.data, &raw const told, error) }
        });
        if let Err(error) = result {
            log!(error.level(), "route {}: {error}", self.host.route.path);
        }
    }
}
