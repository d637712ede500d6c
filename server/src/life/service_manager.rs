//! Tells systemd how the server is, where it asks (`Type=notify-reload`, `WatchdogSec=`): sd_notify(3).
//!
//! Main thread, so that a watchdog sees a main thread that hangs. Outside systemd nobody asks, and nothing
//! happens.

use std::time::{Duration, SystemTime};

use log::warn;
use sd_notify::NotifyState;

/// It accepts connections: after the start, and after each reload.
pub(super) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// It reloads; the time lets systemd tell this reload from an earlier one.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => warn!("cannot tell systemd of the reload: {error}"),
    }
}

/// It is about to end.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// How often a sign of life is wanted: twice in the watchdog's time; none where there is no watchdog.
pub(super) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|time| time / 2)
}

/// A sign of life.
pub(super) fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// What `systemctl status` shows: clients, routes, and the last reload.
#[derive(Default)]
pub(crate) struct Status {
    told: String,
    reload: String,
}

impl Status {
    /// Keeps how a reload ended.
    pub(crate) fn reloaded(&mut self, outcome: &str) {
        let time = humantime::format_rfc3339_seconds(SystemTime::now());
        self.reload = format!("; reload at {time}: {outcome}");
    }

    /// Tells what has changed since it was told last.
    pub(crate) fn notify(&mut self, clients: u64, routes: usize) {
        let status = format!("{clients} clients, {routes} routes{}", self.reload);
        if status != self.told {
            notify(&[NotifyState::Status(&status)]);
            self.told = status;
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!("cannot tell systemd how the server is: {error}");
    }
}
