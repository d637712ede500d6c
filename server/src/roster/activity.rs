//! What a thread runs of a plugin, noted so cheaply that it is noted for every callback.
//!
//! The thread itself writes it, the main thread reads it: the watchdog, and the stop.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ids::RouteId;

/// A callback of a plugin, as the watchdog and the log name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Callback {
    Upgrade = 1,
    Open = 2,
    Message = 3,
    Close = 4,
    Error = 5,
    Request = 6,
    Timer = 7,
    Turn = 8,
    Gap = 9,
}

impl Callback {
    /// All of them, in the order of [`Callback::index`].
    pub const ALL: [Callback; 9] = [
        Callback::Upgrade,
        Callback::Open,
        Callback::Message,
        Callback::Close,
        Callback::Error,
        Callback::Request,
        Callback::Timer,
        Callback::Turn,
        Callback::Gap,
    ];

    /// Its place in [`Callback::ALL`].
    pub fn index(self) -> usize {
        self as usize - 1
    }

    /// Its name in the ABI.
    pub fn name(self) -> &'static str {
        match self {
            Callback::Upgrade => "on_upgrade",
            Callback::Open => "on_open",
            Callback::Message => "on_message",
            Callback::Close => "on_close",
            Callback::Error => "on_error",
            Callback::Request => "on_request",
            Callback::Timer => "on_timer",
            Callback::Turn => "with_session",
            Callback::Gap => "on_gap",
        }
    }

    fn from_byte(byte: u8) -> Option<Callback> {
        Callback::ALL
            .into_iter()
            .find(|callback| *callback as u8 == byte)
    }
}

/// What a thread runs of a plugin: the second in which it began, the route, and the callback. One
/// word, so that noting it costs one store.
#[derive(Default)]
pub struct Activity(AtomicU64);

/// A callback that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// Which.
    pub callback: Callback,
    /// Of which route.
    pub route: RouteId,
    /// The tick of the [`Clock`] in which it began.
    pub since: u64,
}

impl Activity {
    /// Notes that `callback` begins now; gives the tick.
    pub fn begin(&self, route: RouteId, callback: Callback, clock: &Clock) -> u64 {
        let what = u64::from(route.0) << 8 | callback as u64;
        let tick = clock.tick();
        self.0.store(tick << 32 | what, Ordering::Relaxed);
        tick
    }

    /// Notes that it has returned.
    pub fn end(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// What runs.
    pub fn running(&self) -> Option<Running> {
        Activity::decode(self.0.load(Ordering::Relaxed))
    }

    /// Where it is noted, for [`Activity::decode`].
    pub fn word(&self) -> &AtomicU64 {
        &self.0
    }

    /// What such a word says.
    pub fn decode(word: u64) -> Option<Running> {
        let callback = Callback::from_byte(word as u8)?;
        Some(Running {
            callback,
            route: RouteId(word as u32 >> 8),
            since: word >> 32,
        })
    }
}

/// Counts seconds coarsely: the main thread moves it on, everyone reads it for nothing.
#[derive(Default)]
pub struct Clock(AtomicU64);

impl Clock {
    /// Seconds since the start, about.
    pub fn tick(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One second has passed. Only the main thread calls it.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::{Activity, Callback, Clock, Running};
    use crate::ids::RouteId;

    /// How long a callback takes is told by this clock alone.
    #[test]
    fn the_clock_counts_the_seconds_that_it_is_told_of() {
        let clock = Clock::default();
        let ticks = [0; 3].map(|_: u64| {
            let tick = clock.tick();
            clock.advance();
            tick
        });
        assert_eq!(ticks, [0, 1, 2]);
    }

    /// It is read where the end of the process is told, without anything that allocates.
    #[test]
    fn its_word_says_what_runs() {
        let (activity, clock) = (Activity::default(), Clock::default());
        activity.begin(RouteId(3), Callback::from_byte(1).expect("one"), &clock);
        let word = activity.word().load(Ordering::Relaxed);
        assert_eq!(Activity::decode(word), activity.running());
        assert!(activity.running().is_some());
    }

    #[test]
    fn what_runs_is_told_with_its_route_and_its_beginning_until_it_has_returned() {
        let (activity, clock) = (Activity::default(), Clock::default());
        assert_eq!(activity.running(), None);
        let route = RouteId(0xab_cdef);
        let mut names = Vec::new();
        for number in 1..=u8::MAX {
            let Some(callback) = Callback::from_byte(number) else {
                break;
            };
            clock.advance();
            activity.begin(route, callback, &clock);
            let since = clock.tick();
            let running = Running {
                callback,
                route,
                since,
            };
            // Time goes on, its beginning stays.
            clock.advance();
            assert_eq!(activity.running(), Some(running));
            activity.end();
            assert_eq!(activity.running(), None);
            names.push(callback.name());
        }
        let all = [
            "on_upgrade",
            "on_open",
            "on_message",
            "on_close",
            "on_error",
            "on_request",
            "on_timer",
            "with_session",
            "on_gap",
        ];
        assert_eq!(names, all);
    }
}
