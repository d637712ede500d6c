//! Tells of callbacks that run for long: they hold up their own client and nobody else, but someone
//! should know. Main thread, once a second.

use std::sync::Arc;

use log::warn;

use crate::ids::ClientId;
use crate::limits::CALLBACK_SECONDS_MAX;
use crate::plugin::Route;
use crate::roster::Roster;
use crate::roster::activity::Running;

/// Logs each callback that has run for the bound, twice the bound, four times, and so on.
pub fn look(roster: &Roster, routes: &[Arc<Route>]) {
    let tick = roster.clock.tick();
    for (who, running) in running(roster, routes) {
        let seconds = tick.saturating_sub(running.since);
        if is_due(seconds) {
            if seconds == CALLBACK_SECONDS_MAX
                && let Some(route) = routes.iter().find(|route| route.id() == running.route)
            {
                route.times().long.add(1);
            }
            let name = describe(routes, &running);
            warn!("{name} for {seconds} s ({who}); the other clients go on");
        }
    }
}

/// Callbacks that run now, each with whose it is.
pub fn running(roster: &Roster, routes: &[Arc<Route>]) -> Vec<(String, Running)> {
    let name = |client: ClientId| format!("client {client}, thread client-{client}");
    let of_clients = roster
        .busy()
        .map(|(client, running)| (name(client), running));
    let of_timers = routes
        .iter()
        .filter_map(|route| Some(("thread timers".to_owned(), route.busy_timer()?)));
    of_clients.chain(of_timers).collect()
}

/// Such as `plugin chat on /chat has been in on_message`.
pub fn describe(routes: &[Arc<Route>], running: &Running) -> String {
    let callback = running.callback.name();
    match routes.iter().find(|route| route.id() == running.route) {
        Some(route) => {
            format!(
                "plugin {} on {} has been in {callback}",
                route.library().name,
                route.path()
            )
        }
        None => format!("a plugin has been in {callback}"),
    }
}

fn is_due(seconds: u64) -> bool {
    seconds.is_multiple_of(CALLBACK_SECONDS_MAX)
        && (seconds / CALLBACK_SECONDS_MAX).is_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::is_due;

    #[test]
    fn a_long_callback_is_reported_ever_more_rarely() {
        let due: Vec<u64> = (0..100).filter(|&seconds| is_due(seconds)).collect();
        assert_eq!(due, [5, 10, 20, 40, 80]);
    }
}
