//! What the drain thread does where memory is short: see [`memory`](crate::limits::memory).
//!
//! State of that thread. It looks when the alarm rings and again until all is well; it waits for nobody.

use std::sync::Arc;
use std::time::Instant;

use bytesize::ByteSize;
use log::{Level, info, warn};

use super::Outbox;
use crate::limits::memory::{LEDGER, Ledger};
use crate::limits::{MEMORY_CALM, MEMORY_GRAIN_BYTES, MEMORY_LOOK_AGAIN, MEMORY_PAUSE_MAX};

/// Whether memory is short, and what was done about it.
pub(super) struct Pressure {
    ledger: &'static Ledger,
    episode: Option<Episode>,
}

impl Default for Pressure {
    fn default() -> Pressure {
        Pressure::of(&LEDGER)
    }
}

/// From the first time that memory was short until it has not been for a while; each step is told once in it.
struct Episode {
    /// Since when reading is paused; none while it is not.
    paused_since: Option<Instant>,
    /// When all was well last.
    calm_since: Instant,
    closed: u64,
    has_told_of_newcomers: bool,
}

impl Pressure {
    /// Of the memory that this ledger counts.
    fn of(ledger: &'static Ledger) -> Pressure {
        Pressure {
            ledger,
            episode: None,
        }
    }

    /// Whether there is anything to look at.
    pub(super) fn is_there(&self) -> bool {
        // Whoever passed the mark has paused all, also where it is well again by now.
        let ledger = self.ledger;
        self.episode.is_some() || ledger.is_paused() || ledger.sum() >= ledger.pause_from()
    }

    /// Acts as the sum demands; `holders` gives everyone who may hold much. Gives when to look again, if no alarm
    /// rings before.
    pub(super) fn act(
        &mut self,
        now: Instant,
        holders: impl FnOnce() -> Vec<Arc<Outbox>>,
    ) -> Option<Instant> {
        let ledger = self.ledger;
        let sum = ledger.sum();
        if sum < ledger.pause_from() {
            return self.relax(now);
        }
        let episode = self.episode.get_or_insert_with(|| {
            warn!(
                "memory: {}: clients that hold {} or more are read no further for now",
                ledger.parts(),
                ByteSize(MEMORY_GRAIN_BYTES as u64)
            );
            Episode::new(now)
        });
        episode.calm_since = now;
        let paused_since = *episode.paused_since.get_or_insert_with(|| {
            ledger.set_paused(true);
            now
        });
        if sum > ledger.limit() || now >= paused_since + MEMORY_PAUSE_MAX {
            episode.close_largest(ledger, holders());
        }
        Some(now + MEMORY_LOOK_AGAIN)
    }

    /// Memory is not short now.
    fn relax(&mut self, now: Instant) -> Option<Instant> {
        if self.ledger.is_paused() {
            self.ledger.set_paused(false);
            self.ledger.set_closed(false);
        }
        let episode = self.episode.as_mut()?;
        episode.paused_since = None;
        let calm = episode.calm_since + MEMORY_CALM;
        if now < calm {
            return Some(calm);
        }
        let closed = episode.closed;
        info!(
            "memory: {}: all is well again; {closed} clients were closed for it",
            self.ledger.parts()
        );
        self.episode = None;
        None
    }
}

impl Episode {
    fn new(now: Instant) -> Episode {
        Episode {
            paused_since: None,
            calm_since: now,
            closed: 0,
            has_told_of_newcomers: false,
        }
    }

    /// Closes those who hold most, until what is held without them is little enough.
    fn close_largest(&mut self, ledger: &Ledger, holders: Vec<Arc<Outbox>>) {
        // What those hold who have been closed and are not gone yet.
        let mut going = 0;
        let mut staying = Vec::new();
        for outbox in holders {
            let bytes = outbox.held_bytes();
            if outbox.is_evicted() {
                going += bytes as u64;
            } else if bytes >= MEMORY_GRAIN_BYTES {
                staying.push((bytes, outbox));
            }
        }
        staying.sort_unstable_by_key(|(bytes, _)| *bytes);
        while ledger.sum() >= ledger.pause_from() + going {
            let Some((bytes, outbox)) = staying.pop() else {
                return self.close_doors(ledger);
            };
            let parts = ledger.parts();
            let why = format!("{parts}, {} of them by it", ByteSize(bytes as u64));
            // The first is told with figures; there may be a thousand of them.
            let level = if self.closed == 0 {
                Level::Warn
            } else {
                Level::Debug
            };
            going += outbox.evict(level, &why);
            self.closed += 1;
        }
    }

    /// There is nobody to close.
    fn close_doors(&mut self, ledger: &Ledger) {
        if ledger.sum() <= ledger.limit() || ledger.is_closed() {
            return;
        }
        ledger.set_closed(true);
        if !std::mem::replace(&mut self.has_told_of_newcomers, true) {
            let parts = ledger.parts();
            warn!(
                "memory: {parts}, and nobody holds much of it: newcomers are answered 503 for now"
            );
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
