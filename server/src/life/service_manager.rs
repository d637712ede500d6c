//! Tells systemd how the server is, where it asks (`Type=notify-reload`): sd_notify(3).
//!
//! Main thread. Outside systemd nobody asks, and nothing happens.

use log::warn;
use sd_notify::NotifyState;

/// It accepts connections: after the start, and after each reload.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// It reloads; the time lets systemd tell this reload from an earlier one.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => warn!("cannot tell systemd of the reload: {error}"),
    }
}

/// It is about to end.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!("cannot tell systemd how the server is: {error}");
    }
}
