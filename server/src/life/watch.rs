//! `--watch`: libraries that change are swapped in without a signal, while a plugin is being developed.
//!
//! Main thread, which looks at the plugins folder a few times a second between its other work: a thread would have
//! nothing to do but to tell it so.

use std::time::{Instant, SystemTime};

use log::{error, info};

use crate::config::Settings;
use crate::limits::ARRIVAL_LOOKS;
use crate::plugin::{Arrival, Arrivals};
use crate::routes::mounts::Reloaded;

/// When to look, and what has come.
pub(crate) struct Watch {
    arrivals: Arrivals,
    next_look: Instant,
}

impl Watch {
    /// Made before the libraries are loaded, so that none changes unseen.
    pub(crate) fn new(settings: &Settings) -> Watch {
        Watch {
            arrivals: Arrivals::new(&settings.plugins),
            next_look: Instant::now(),
        }
    }

    /// When [`Watch::look`] has something to do.
    pub(crate) fn next_look(&self) -> Instant {
        self.next_look
    }

    /// Libraries for which a reload is due; empty where there is none, or it is not yet time to look.
    pub(crate) fn look(&mut self) -> Vec<Arrival> {
        let now = Instant::now();
        if now < self.next_look {
            return Vec::new();
        }
        self.next_look = now + ARRIVAL_LOOKS;
        self.arrivals.look(now)
    }
}

/// Tells what has become of them, and how long after they were written.
pub(crate) fn log_outcome(arrivals: &[Arrival], outcome: &Result<Reloaded, String>) {
    let what = describe(arrivals, SystemTime::now());
    match outcome {
        Ok(reloaded) if reloaded.unusable.is_empty() => match reloaded.changes.as_slice() {
            [] => info!("watch: {what}: it is what was at work before"),
            changes => info!("watch: {what}: {}", changes.join(", ")),
        },
        Ok(reloaded) => {
            let failed = reloaded.unusable.join("; ");
            match reloaded.changes.as_slice() {
                [] => error!("watch: {what}: {failed}"),
                changes => error!("watch: {what}: {}, but {failed}", changes.join(", ")),
            }
        }
        Err(refused) => error!("watch: {what}: {refused}"),
    }
}

fn describe(arrivals: &[Arrival], now: SystemTime) -> String {
    let mut text = String::new();
    for Arrival { name, written } in arrivals {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(name);
        match written {
            Some(at) => {
                // Where the clock was set back meanwhile, it was just now.
                let age = now.duration_since(*at).unwrap_or_default();
                text += &format!(" (written {:.1} s ago)", age.as_secs_f64());
            }
            None => text.push_str(" (gone)"),
        }
    }
    text
}
