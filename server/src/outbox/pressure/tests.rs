//! Who is read no further, who has to go, and who is let in no more: by a ledger and a clock of the test's own.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;
use socket2::Socket;

use super::Pressure;
use crate::ids::ClientId;
use crate::limits::memory::{Ledger, Part};
use crate::limits::{MEMORY_CALM, MEMORY_GRAIN_BYTES, MEMORY_LOOK_AGAIN, MEMORY_PAUSE_MAX};
use crate::logging::heard;
use crate::outbox::Outbox;
use crate::outbox::drain::Drain;

const GRAIN: u64 = MEMORY_GRAIN_BYTES as u64;
/// What may be held, and from where on it is short.
const LIMIT: u64 = 512 * GRAIN;
const MARK: u64 = 448 * GRAIN;
const MOMENT: Duration = Duration::from_millis(1);

/// What is short where `ledger` is.
pub(in crate::outbox) fn of(ledger: &'static Ledger) -> Pressure {
    Pressure::of(ledger)
}

/// With `LIMIT` from now on, and so much held.
fn hold(ledger: &'static Ledger, bytes: u64) -> Pressure {
    ledger.set_limit(LIMIT);
    assert_eq!(ledger.pause_from(), MARK);
    ledger.add(Part::Receiving, bytes);
    of(ledger)
}

fn nobody_is_looked_for() -> Vec<Arc<Outbox>> {
    panic!("nobody has to go yet");
}

/// Those who hold so much of what comes in, each with the other end of its socket.
fn holders<const COUNT: usize>(
    drain: &Drain,
    bytes: [u64; COUNT],
) -> [(Arc<Outbox>, UnixStream); COUNT] {
    bytes.map(|bytes| {
        let (socket, peer) = UnixStream::pair().expect("two descriptors");
        let socket = Socket::from(OwnedFd::from(socket));
        let outbox = Outbox::new(socket, ClientId(1), drain.handle());
        outbox.become_websocket(false, None);
        outbox.set_incoming(bytes as usize);
        (outbox, peer)
    })
}

fn all<const COUNT: usize>(of: &[(Arc<Outbox>, UnixStream); COUNT]) -> Vec<Arc<Outbox>> {
    of.iter().map(|(outbox, _)| outbox.clone()).collect()
}

fn have_gone<const COUNT: usize>(of: &[(Arc<Outbox>, UnixStream); COUNT]) -> [bool; COUNT] {
    std::array::from_fn(|at| of[at].0.is_evicted())
}

/// Cause: mutants survived in which the thread never looked, or not when the mark was passed for a moment only, so that all
/// would have been read no further for ever.
#[test]
fn who_passes_the_mark_for_a_moment_is_read_on_at_the_next_look() {
    static LEDGER: Ledger = Ledger::new();
    let mut pressure = hold(&LEDGER, MARK - 1);
    let now = Instant::now();
    assert!(!pressure.is_there());
    LEDGER.add(Part::Receiving, 1);
    assert!(LEDGER.is_paused() && pressure.is_there());
    LEDGER.remove(Part::Receiving, 1);
    assert!(pressure.is_there(), "all are paused still");
    assert_eq!(pressure.act(now, nobody_is_looked_for), None);
    assert!(!LEDGER.is_paused() && !pressure.is_there());
}

/// A lower limit raises no flag: the sum alone says that memory is short.
#[test]
fn a_lower_limit_is_looked_at_too() {
    static LEDGER: Ledger = Ledger::new();
    let mut pressure = hold(&LEDGER, 100);
    assert!(!pressure.is_there());
    LEDGER.set_limit(100);
    assert!(!LEDGER.is_paused() && pressure.is_there());
    pressure.act(Instant::now(), nobody_is_looked_for);
    assert!(LEDGER.is_paused());
}

/// Cause: mutants survived that closed somebody before the pause could help, or only where the limit is met exactly.
#[test]
fn nobody_has_to_go_before_the_limit_is_passed_or_the_pause_was_in_vain() {
    static LEDGER: Ledger = Ledger::new();
    let mut pressure = hold(&LEDGER, LIMIT);
    let start = Instant::now();
    for now in [start, start + MEMORY_PAUSE_MAX - MOMENT] {
        let again = pressure.act(now, nobody_is_looked_for);
        assert_eq!(again, Some(now + MEMORY_LOOK_AGAIN));
        assert!(LEDGER.is_paused());
    }
    let looked_for = std::cell::Cell::new(0);
    let look = || {
        looked_for.set(looked_for.get() + 1);
        Vec::new()
    };
    pressure.act(start + MEMORY_PAUSE_MAX, look);
    assert_eq!(looked_for.get(), 1);
    assert!(!LEDGER.is_closed(), "it is not past the limit");
    // Where it is, none of that is waited for.
    let mut pressure = of(&LEDGER);
    LEDGER.add(Part::Receiving, 1);
    pressure.act(start, look);
    assert_eq!(looked_for.get(), 2);
}

/// Cause: mutants survived that closed nobody, everybody, or more with each look for what those still held who were on their
/// way out.
#[test]
fn those_who_hold_most_go_until_it_is_enough_and_no_more() {
    let drain = Drain::start().expect("a thread");
    // More than this has to go, and who has a grain or more may have to.
    for (grains, gone) in [
        (4, [false, false, true, false]),
        (5, [false, false, true, true]),
        (7, [false, false, true, true]),
        (8, [false, true, true, true]),
    ] {
        let ledger: &'static Ledger = {
            static LEDGERS: [Ledger; 9] = [const { Ledger::new() }; 9];
            &LEDGERS[grains as usize]
        };
        let mut pressure = hold(ledger, MARK + grains * GRAIN);
        let clients = holders(&drain, [GRAIN - 1, GRAIN, 5 * GRAIN, 3 * GRAIN]);
        let now = Instant::now();
        pressure.act(now, nobody_is_looked_for);
        let late = now + MEMORY_PAUSE_MAX;
        // Their threads let go of nothing as long as this test wants.
        let heard = heard::while_doing(|| {
            for look in [late, late + MEMORY_LOOK_AGAIN] {
                let again = pressure.act(look, || all(&clients));
                assert_eq!(again, Some(look + MEMORY_LOOK_AGAIN));
                assert_eq!(have_gone(&clients), gone, "{grains} grains too many");
            }
        });
        let count = gone.iter().filter(|has_gone| **has_gone).count() as u64;
        // The first loudly, and there may be a thousand others.
        let loud = heard.iter().filter(|line| line.level == Level::Warn);
        assert_eq!((heard.len() as u64, loud.count()), (count, 1));
        assert_eq!(heard[0].level, Level::Warn);
        let closed = pressure.episode.as_ref().map(|episode| episode.closed);
        assert_eq!(closed, Some(count), "as the log tells");
        assert!(!ledger.is_closed());
    }
    drain.end();
}

/// Cause: mutants survived that refused newcomers while there was room, and told of each that was refused, or of none.
#[test]
fn newcomers_are_refused_past_the_limit_where_nobody_holds_much_until_it_is_over() {
    static LEDGER: Ledger = Ledger::new();
    let mut pressure = hold(&LEDGER, LIMIT + 1);
    let now = Instant::now();
    let first = heard::while_doing(|| _ = pressure.act(now, Vec::new));
    assert!(LEDGER.is_closed() && LEDGER.is_paused());
    let later = heard::while_doing(|| {
        // It is over and comes back, in the same episode.
        LEDGER.remove(Part::Receiving, LIMIT);
        _ = pressure.act(now, nobody_is_looked_for);
        assert!(!LEDGER.is_closed());
        LEDGER.add(Part::Receiving, LIMIT);
        _ = pressure.act(now, Vec::new);
        assert!(LEDGER.is_closed());
    });
    let told = |words| {
        first
            .iter()
            .filter(|line| line.text.contains(words))
            .count()
    };
    assert_eq!(told("newcomers are answered 503"), 1);
    assert_eq!(told("are read no further"), 1);
    assert_eq!(later.len(), 0, "{later:?}");
    LEDGER.remove(Part::Receiving, LIMIT + 1 - MARK);
    pressure.act(now, Vec::new);
    assert!(LEDGER.is_closed(), "it is short still");
    LEDGER.remove(Part::Receiving, 1);
    let calm = now + MEMORY_CALM;
    for look in [now, calm - MOMENT] {
        assert_eq!(pressure.act(look, nobody_is_looked_for), Some(calm));
        assert!(!LEDGER.is_closed() && !LEDGER.is_paused());
        assert!(pressure.is_there(), "it may come back");
    }
    assert_eq!(pressure.act(calm, nobody_is_looked_for), None);
    assert!(!pressure.is_there());
}
