//! While Redis is away, with [`WhenAway::Local`](crate::engine::WhenAway): what is in flight is heard here, and takes its place once it
//! has come back.

use log::info;
use parking_lot::MutexGuard;

use super::{Flight, InFlight, State};
use crate::engine::local;
use crate::hub::{Event, Late};
use crate::journal::Position;

impl Flight {
    /// Redis is away: from here on what is said is heard here without it. Never waits.
    pub(in crate::engine) fn go_alone(&self) {
        let mut state = self.state.lock();
        state.is_alone = true;
        let first = state.first;
        self.hear_alone(state, first);
    }

    /// Redis is back: from here on what is said comes by the stream.
    pub(in crate::engine) fn go_together(&self) {
        let mut state = self.state.lock();
        if !std::mem::take(&mut state.is_alone) {
            return;
        }
        let count = state.messages.len();
        drop(state);
        info!(
            "route {}: what is said goes to all hosts again, and {count} messages that were said meanwhile",
            self.condition.route()
        );
    }

    /// Gives the hub what is in flight from this number on, and what waits behind it.
    pub(super) fn hear_alone(&self, mut locked: MutexGuard<'_, State>, from: u64) {
        let state = &mut *locked;
        let at = from.saturating_sub(state.first) as usize;
        let (mut events, mut told) = (Vec::new(), Vec::new());
        for (index, message) in state.messages.iter_mut().enumerate().skip(at) {
            if message.alone.is_some() {
                continue;
            }
            state.alone += 1;
            message.alone = Some(state.alone);
            state.last_alone = state.first + index as u64;
            let local = local::event(&mut message.event, state.read, state.alone);
            self.condition.counts.alone.add(u64::from(local.is_some()));
            events.extend(local);
            events.append(&mut message.behind);
            if !message.is_durable {
                told.extend(message.told.take());
            }
        }
        self.post(&locked, events);
        drop(locked);
        self.room.notify_all();
        told.into_iter().for_each(|told| told(Ok(())));
    }

    /// Whether what is said is heard here without Redis.
    pub(in crate::engine) fn is_alone(&self) -> bool {
        self.state.lock().is_alone
    }
}

impl InFlight {
    /// What the hub gets of it now that it has come back to `position`: of one that was heard here alone only its place, and that
    /// it was the last.
    pub(super) fn back(&mut self, position: Position, is_last: bool) -> Option<Event> {
        let event = self.event.take().map(|event| at(event, position));
        let Some(number) = self.alone else {
            return event;
        };
        let keep = match event {
            Some(Event::Keep(keep)) => Some(*keep),
            _ => None,
        };
        (keep.is_some() || is_last).then(|| {
            Event::Late(Box::new(Late {
                keep,
                number,
                is_last,
            }))
        })
    }
}

/// Gives a message that is kept its place.
fn at(mut event: Event, position: Position) -> Event {
    if let Event::Keep(keep) = &mut event {
        keep.at = Some(position);
    }
    event
}
