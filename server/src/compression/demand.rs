//! What the members of a route need: told by the hub, looked at by whoever publishes.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use super::{Terms, Window, is_worth_it};
use crate::limits::settings;

const _: () = assert!(Window::COUNT <= u8::BITS as usize);

/// Which windows the members of a route have, and which messages are worth compressing for them. What is read may be some
/// moments old: then a message goes plain, or was compressed for nobody.
#[derive(Debug)]
pub struct Demand {
    /// A bit for each window, by its index.
    windows: AtomicU8,
    /// Written by the main thread.
    level: AtomicU8,
    threshold: AtomicUsize,
}

impl Default for Demand {
    fn default() -> Demand {
        Demand {
            windows: AtomicU8::new(0),
            level: AtomicU8::new(settings::COMPRESSION_LEVEL.default as u8),
            threshold: AtomicUsize::new(settings::COMPRESSION_THRESHOLD.default as usize),
        }
    }
}

impl Demand {
    /// One who has this window is about to be a member.
    pub fn note(&self, window: Window) {
        self.windows
            .fetch_or(1 << window.index(), Ordering::Relaxed);
    }

    /// The hub: some of the members have this window, or none has it any more, but for those who are on their way, who
    /// are counted when they are here.
    pub fn set(&self, window: Window, is_needed: bool) {
        let bit = 1 << window.index();
        if is_needed {
            self.windows.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.windows.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// These terms hold from now on.
    pub fn set_terms(&self, terms: Terms) {
        self.level.store(terms.level, Ordering::Relaxed);
        self.threshold.store(terms.threshold, Ordering::Relaxed);
    }

    /// How hard what a message of so many bytes says is compressed; none where it is not.
    #[inline]
    pub fn level(&self, bytes: usize) -> Option<u8> {
        if self.windows.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.level_for_one(bytes)
    }

    /// The same for one who is known to need it.
    pub fn level_for_one(&self, bytes: usize) -> Option<u8> {
        let is_enough = bytes >= self.threshold.load(Ordering::Relaxed);
        (is_enough && is_worth_it()).then(|| self.level.load(Ordering::Relaxed))
    }

    /// The windows that members have, the largest first.
    pub(super) fn windows(&self) -> impl Iterator<Item = Window> + use<> {
        let windows = self.windows.load(Ordering::Relaxed);
        Window::all().filter(move |window| windows & (1 << window.index()) != 0)
    }
}
