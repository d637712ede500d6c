//! Whose turn it is: deficit round robin by time, in which who has been silent comes first.
//!
//! As a router shares a line between flows (RFC 8290, section 4.2, with time for bytes). Each takes part
//! with a credit of time. Who comes out of silence stands among the fresh ones until its credit is used up;
//! the others take turns, and get new credit when they have used up theirs, so that who overran one turn
//! waits for longer. Plain memory; only the hub's thread has it.

use std::collections::VecDeque;

use crate::limits::TURN;

/// Those who have something to do.
pub(super) struct Turns<T> {
    fresh: VecDeque<Turn<T>>,
    steady: VecDeque<Turn<T>>,
}

/// One of them, taken out for its turn.
pub(super) struct Turn<T> {
    pub(super) who: T,
    /// Nanoseconds that it may still work; below zero where it overran.
    credit: i64,
    is_fresh: bool,
}

impl<T> Turn<T> {
    /// How many nanoseconds it may work now.
    pub(super) fn time(&self) -> u64 {
        self.credit.max(0) as u64
    }

    /// Whether it is left as soon as somebody comes out of silence.
    pub(super) fn gives_way(&self) -> bool {
        !self.is_fresh
    }

    /// Takes note that it has worked for so many nanoseconds.
    pub(super) fn charge(&mut self, nanoseconds: u64) {
        self.credit = self.credit.saturating_sub_unsigned(nanoseconds);
    }
}

impl<T> Turns<T> {
    pub(super) fn new() -> Turns<T> {
        Turns {
            fresh: VecDeque::new(),
            steady: VecDeque::new(),
        }
    }

    /// Somebody comes out of silence.
    pub(super) fn enter(&mut self, who: T) {
        self.fresh.push_back(Turn {
            who,
            credit: credit_of_a_turn(),
            is_fresh: true,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.steady.is_empty()
    }

    /// The next one to work; it comes back by [`Turns::put_back`] or [`Turns::let_go`].
    pub(super) fn next(&mut self) -> Option<Turn<T>> {
        if let Some(turn) = self.fresh.pop_front() {
            return Some(turn);
        }
        loop {
            let mut turn = self.steady.pop_front()?;
            if turn.credit > 0 {
                return Some(turn);
            }
            turn.credit = turn.credit.saturating_add(credit_of_a_turn());
            self.steady.push_back(turn);
        }
    }

    /// It has more to do: at once, if it was left before its turn was over.
    pub(super) fn put_back(&mut self, mut turn: Turn<T>) {
        if turn.credit <= 0 {
            turn.is_fresh = false;
            turn.credit = turn.credit.saturating_add(credit_of_a_turn());
            self.steady.push_back(turn);
        } else if turn.is_fresh {
            self.fresh.push_front(turn);
        } else {
            self.steady.push_front(turn);
        }
    }

    /// It has nothing to do. It comes back where others wait and it came out of silence just now: it is to
    /// wait for its turn once, so that nobody comes first again and again by being silent in between.
    pub(super) fn let_go(&mut self, mut turn: Turn<T>) -> Option<Turn<T>> {
        if turn.is_fresh && !self.steady.is_empty() {
            turn.is_fresh = false;
            self.steady.push_back(turn);
            return None;
        }
        Some(turn)
    }
}

fn credit_of_a_turn() -> i64 {
    TURN.as_nanos() as i64
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Turns, credit_of_a_turn};

    fn turn() -> u64 {
        credit_of_a_turn() as u64
    }

    #[test]
    fn who_costs_more_at_once_has_fewer_turns_and_the_same_time() {
        let mut turns = Turns::new();
        let turn = turn();
        let costs = HashMap::from([("cheap", turn / 4), ("dear", 5 * turn), ("even", turn)]);
        costs.keys().for_each(|&name| turns.enter(name));
        let mut time: HashMap<&str, u64> = HashMap::new();
        for _ in 0..10_000 {
            let mut turn = turns.next().expect("all have something to do");
            *time.entry(turn.who).or_default() += costs[turn.who];
            turn.charge(costs[turn.who]);
            turns.put_back(turn);
        }
        let most = time.values().max().expect("three");
        for (name, time) in &time {
            let share = *time as f64 / *most as f64;
            assert!(share > 0.98, "{name} has {share} of the longest time");
        }
    }

    #[test]
    fn who_was_silent_comes_first_and_once() {
        let mut turns = Turns::new();
        turns.enter("busy");
        let mut busy = turns.next().expect("it is there");
        busy.charge(turn() + turn() / 2);
        turns.put_back(busy);
        turns.enter("quiet");
        let quiet = turns.next().expect("two are there");
        assert_eq!(quiet.who, "quiet");
        assert!(!quiet.gives_way());
        // It has nothing more to do, and stays until its turn comes, behind the one that waits.
        assert!(turns.let_go(quiet).is_none());
        let busy = turns.next().expect("two are there");
        assert_eq!(busy.who, "busy");
        assert!(busy.gives_way());
        assert_eq!(busy.time(), turn() - turn() / 2, "it overran the last one");
        turns.put_back(busy);
        let mut busy = turns.next().expect("it has credit");
        assert_eq!(busy.who, "busy", "it was left before its turn was over");
        busy.charge(turn());
        turns.put_back(busy);
        let quiet = turns.next().expect("two are there");
        assert_eq!(quiet.who, "quiet");
        assert!(turns.let_go(quiet).is_some());
    }

    #[test]
    fn alone_it_goes_on_however_long_it_took() {
        let mut turns = Turns::new();
        turns.enter(());
        for _ in 0..3 {
            let mut turn = turns.next().expect("it is there");
            assert!(turn.time() > 0);
            turn.charge(1_000_000_000);
            turns.put_back(turn);
        }
        let turn = turns.next().expect("it is there");
        assert!(turns.let_go(turn).is_some() && turns.is_empty());
    }
}
