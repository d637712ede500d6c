//! What the members of a route need: told by the hub, looked at by whoever publishes.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicUsize, Ordering};

use super::{Effort, Need, Shape, Window, is_worth_it};
use crate::limits::settings;

const _: () = assert!(Shape::COUNT * Window::COUNT <= u16::BITS as usize);

/// Which windows the members of a route have, and which messages are worth compressing for them. What is read may be some
/// moments old: then a message goes plain, or was compressed for nobody.
#[derive(Debug)]
pub struct Demand {
    /// A bit for each shape and window.
    needs: AtomicU16,
    /// Written by the main thread.
    level: AtomicU8,
    threshold: AtomicUsize,
}

impl Default for Demand {
    fn default() -> Demand {
        Demand {
            needs: AtomicU16::new(0),
            level: AtomicU8::new(settings::COMPRESSION_LEVEL.default as u8),
            threshold: AtomicUsize::new(settings::COMPRESSION_THRESHOLD.default as usize),
        }
    }
}

impl Demand {
    /// One who needs this is about to be a member.
    pub fn note(&self, need: Need) {
        self.needs.fetch_or(bit(need), Ordering::Relaxed);
    }

    /// The hub: some of the members need this, or none does any more, but for those who are on their way, who
    /// are counted when they are here.
    pub fn set(&self, need: Need, is_needed: bool) {
        if is_needed {
            self.needs.fetch_or(bit(need), Ordering::Relaxed);
        } else {
            self.needs.fetch_and(!bit(need), Ordering::Relaxed);
        }
    }

    /// So much effort is worth while from now on.
    pub fn set_effort(&self, effort: Effort) {
        self.level.store(effort.level, Ordering::Relaxed);
        self.threshold.store(effort.threshold, Ordering::Relaxed);
    }

    /// How hard what a message of so many bytes says is compressed; none where it is not.
    #[inline]
    pub fn level(&self, bytes: usize) -> Option<u8> {
        if self.needs.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.level_for_one(bytes)
    }

    /// The same for one who is known to need it.
    pub fn level_for_one(&self, bytes: usize) -> Option<u8> {
        let is_enough = bytes >= self.threshold.load(Ordering::Relaxed);
        (is_enough && is_worth_it()).then(|| self.level.load(Ordering::Relaxed))
    }

    /// Whether some of the members need this shape.
    pub fn needs(&self, shape: Shape) -> bool {
        self.windows(shape).next().is_some()
    }

    /// The windows of the members that need this shape, the largest first.
    pub(super) fn windows(&self, shape: Shape) -> impl Iterator<Item = Window> + use<> {
        let needs = self.needs.load(Ordering::Relaxed);
        Window::all().filter(move |&window| needs & bit(Need { shape, window }) != 0)
    }
}

fn bit(need: Need) -> u16 {
    1 << (need.shape as usize * Window::COUNT + need.window.index())
}
