//! The walks of a lane from member to member, each of which can be left between two.
//!
//! Nothing but the lane's own events changes its members, and none is taken while a walk is under way: the
//! place is all that is to be kept.

use std::time::Instant;

use super::lane::{Lane, Walk};
use super::members::Member;
use super::slice::Slice;
use crate::counters::nanoseconds_since;
use crate::limits::{FEW_TOUCHED_DIVISOR, GATHER_MESSAGES_LEAST, PIECES_PER_ROUND};
use crate::outbox::cause::Cause;
use crate::outbox::shared::Frames;

impl Lane {
    /// Goes on with the walk that is under way, if any; false where it was left before its end.
    pub(super) fn walk_on(&mut self, slice: &mut Slice) -> bool {
        if self.walk.is_some() {
            self.settle();
        }
        loop {
            let left = match self.walk.take() {
                None => return true,
                Some(Walk::Queueing { at }) => self.queue_from(at, slice),
                Some(Walk::Delivering { at }) => self.deliver_from(at, slice),
                Some(Walk::Flushing) => self.flush(slice),
                Some(Walk::Feeding { pieces }) => self.feed(pieces, slice),
                Some(Walk::Closing { at, cause }) => self.close_from(at, cause, slice),
            };
            if left {
                return false;
            }
        }
    }

    fn queue_from(&mut self, mut at: usize, slice: &mut Slice) -> bool {
        if let Some(topic) = self.run.topic() {
            let (members, name) = (self.members.members(topic), self.members.name(topic));
            while let Some(member) = members.get(at) {
                let share = self.run.share_of(member, name);
                let frames = share.frames();
                if member.outbox.queue_to_flush(frames) {
                    self.touched.push_back(member.outbox.clone());
                }
                at += 1;
                if !slice.goes_on(frames.bytes().len()) {
                    self.walk = Some(Walk::Queueing { at });
                    return true;
                }
            }
            self.deliveries += self.run.messages() * at;
            self.run.count(at, &self.queue);
        }
        self.run.clear();
        false
    }

    /// Sends what waits at a few, and then the run to each member, from where the walk was left on.
    fn deliver_from(&mut self, mut at: usize, slice: &mut Slice) -> bool {
        let start = self.begin_sending();
        if let Some(topic) = self.run.topic() {
            let (members, name) = (self.members.members(topic), self.members.name(topic));
            let few = members.len() / FEW_TOUCHED_DIVISOR;
            while at == 0
                && self.touched.len() <= few
                && let Some(outbox) = self.touched.pop_front()
            {
                let bytes = outbox.flush_for_hub();
                self.sends += 1;
                if !slice.goes_on(bytes) {
                    self.note_sending(start);
                    self.walk = Some(Walk::Delivering { at });
                    return true;
                }
            }
            let left = match self.run.plain() {
                Some(frames) => deliver_plain(members, &mut at, frames, slice),
                None => loop {
                    let Some(member) = members.get(at) else {
                        break false;
                    };
                    let share = self.run.share_of(member, name);
                    let frames = share.frames();
                    member.outbox.deliver(frames);
                    at += 1;
                    if !slice.goes_on(frames.bytes().len()) {
                        break true;
                    }
                },
            };
            if left {
                self.note_sending(start);
                self.walk = Some(Walk::Delivering { at });
                return true;
            }
            self.deliveries += self.run.messages() * at;
            self.run.count(at, &self.queue);
            self.sends += at;
        }
        self.run.clear();
        self.note_sending(start);
        self.walk = Some(Walk::Flushing);
        false
    }

    fn flush(&mut self, slice: &mut Slice) -> bool {
        if !self.touched.is_empty() {
            let start = self.begin_sending();
            while let Some(outbox) = self.touched.pop_front() {
                let bytes = outbox.flush_for_hub();
                self.sends += 1;
                if !slice.goes_on(bytes) {
                    self.note_sending(start);
                    self.walk = Some(Walk::Flushing);
                    return true;
                }
            }
            self.note_sending(start);
        }
        if self.has_somebody_behind() {
            self.walk = Some(Walk::Feeding {
                pieces: PIECES_PER_ROUND,
            });
        } else {
            self.end_round();
        }
        false
    }

    /// When a part of the sending begins; none where so little was said that nobody asks how long it takes.
    fn begin_sending(&self) -> Option<Instant> {
        let is_busy = self.deliveries > 0 || self.run.messages() >= GATHER_MESSAGES_LEAST;
        is_busy.then(Instant::now)
    }

    fn note_sending(&mut self, start: Option<Instant>) {
        self.sending += start.map_or(0, nanoseconds_since);
    }

    fn close_from(&mut self, mut at: usize, cause: Cause, slice: &mut Slice) -> bool {
        while let Some(member) = self.members.nth(at) {
            member.outbox.close(cause.clone());
            at += 1;
            if !slice.goes_on(0) {
                self.walk = Some(Walk::Closing { at, cause });
                return true;
            }
        }
        false
    }
}

/// Gives the same frames to each member from `at` on; true where it was left before the last.
///
/// The loop of nearly every delivery: no function returns in it behind the system call, see
/// [`Outbox::deliver`](crate::outbox::Outbox::deliver).
#[inline(always)]
fn deliver_plain(
    members: &[Member],
    at: &mut usize,
    frames: Frames<'_>,
    slice: &mut Slice,
) -> bool {
    let steps = Slice::steps_of(frames.bytes().len());
    for member in members.iter().skip(*at) {
        member.outbox.deliver(frames);
        *at += 1;
        if !slice.has_room_for(steps) {
            return true;
        }
    }
    false
}
