//! Whether Redis is there, as the two threads of an engine see it, and who is told when that changes: the log, and who looks
//! at the figures.

use std::sync::Arc;
use std::time::Instant;

use log::{info, warn};
use parking_lot::Mutex;

use super::address::Address;
use super::link::Trouble;
use super::terms::WhenAway;
use crate::counters::EngineCounts;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Writer,
    Reader,
}

/// Shared by both threads; publishers look at it.
pub(super) struct Condition {
    route: Arc<str>,
    address: Address,
    when_away: WhenAway,
    pub(super) counts: Arc<EngineCounts>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_up: [bool; 2],
    /// Since when not both are.
    away_since: Option<Instant>,
    /// What the log was told last; none where all is well.
    told: Option<Trouble>,
    was_up: bool,
}

impl Condition {
    pub(super) fn new(route: Arc<str>, address: Address, when_away: WhenAway) -> Condition {
        let counts = Arc::new(EngineCounts {
            address: address.to_string(),
            ..EngineCounts::default()
        });
        counts.state.lock().away = Some("it was not reached yet".to_owned());
        Condition {
            route,
            address,
            when_away,
            counts,
            state: Mutex::new(State {
                away_since: Some(Instant::now()),
                ..State::default()
            }),
        }
    }

    /// One side has a connection that works. Whether all is well from now on, and was not before.
    pub(super) fn set_up(&self, side: Side) -> bool {
        let mut state = self.state.lock();
        state.is_up[side as usize] = true;
        if state.is_up != [true; 2] || (state.was_up && state.told.is_none()) {
            return false;
        }
        state.told = None;
        state.was_up = true;
        let since = state.away_since.take();
        let server = {
            let mut told = self.counts.state.lock();
            told.away = None;
            told.server.clone()
        };
        drop(state);
        let time = since.map_or(0.0, |since| since.elapsed().as_secs_f64());
        info!(
            "route {}: is shared with other hosts by {server} (after {time:.1} s)",
            self.route
        );
        true
    }

    /// One side has none.
    pub(super) fn set_away(&self, side: Side, trouble: &Trouble) {
        let mut state = self.state.lock();
        state.is_up[side as usize] = false;
        if state.away_since.is_none() {
            state.away_since = Some(Instant::now());
            self.counts.aways.add(1);
        }
        self.counts.state.lock().away = Some(trouble.to_string());
        let is_news = state.told.as_ref() != Some(trouble);
        if is_news {
            state.told = Some(trouble.clone());
        }
        drop(state);
        if is_news {
            let then = match self.when_away {
                WhenAway::Wait => "what is said waits, and is tried again",
                WhenAway::Local => "what is said is heard here, and elsewhere when it is back",
            };
            warn!(
                "route {}: {} is away: {trouble}; {then}",
                self.route, self.address
            );
        }
    }

    /// Since when Redis is away.
    pub(super) fn away_since(&self) -> Option<Instant> {
        self.state.lock().away_since
    }

    /// Whether somebody has tried in vain.
    pub(super) fn is_in_trouble(&self) -> bool {
        self.state.lock().told.is_some()
    }

    /// The writer has come to one of several servers.
    pub(super) fn set_server(&self, name: &str) {
        name.clone_into(&mut self.counts.state.lock().server);
    }

    pub(super) fn route(&self) -> &str {
        &self.route
    }
}
