//! What an entry of the stream means here: a message for the hub, another epoch, or that something is missing.
//!
//! Of the thread `engine-in`; waits for nobody. Offsets are dense: what does not follow the entry before it is a gap, and
//! is told to everybody on the route, since nobody knows whom it was for.

use std::fmt;
use std::sync::Arc;

use super::directed;
use super::entry::{Body, Entry, Kind, Meta, StreamId};
use super::flight::Arrived;
use super::gap::{Gap, GapCause};
use super::kept::KeptTopics;
use super::seen::Seen;
use super::terms::this_host;
use crate::counters::EngineCounts;
use crate::hub::{Audience, Event, Keep, Message, RouteHandle, StreamNews};
use crate::ids::ClientId;
use crate::journal::store::Line;
use crate::journal::{Epoch, POSITION_BYTES, Position};
use crate::outbox::cause::{Cause, TRY_AGAIN};

/// What one host has read of a stream.
pub(super) struct Arrivals {
    /// The run of this server.
    host: u64,
    hub: RouteHandle,
    counts: Arc<EngineCounts>,
    kept: Arc<KeptTopics>,
    seen: Seen,
    last: StreamId,
    has_begun: bool,
    /// What is read was said before this host began: nobody here has heard anything that could be lost.
    pub(super) is_history: bool,
    /// The last epoch of which it was told that something of it is lost.
    told_lost: u64,
    has_told_unreadable: bool,
    /// What is missing, and the plugin is yet to be told.
    gap: Option<Gap>,
    /// What every other host is to be told: this one has read what is not there any more.
    pub(super) tell_lost: Box<dyn Fn(u64) + Send>,
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Entries behind the first and before the second are not there any more.
    Trimmed(StreamId, StreamId),
    /// The stream goes on before what was read of it.
    Lost(StreamId, StreamId),
    /// Another host says so.
    LostElsewhere(StreamId),
    /// Something stands there that this version does not know.
    Unreadable(StreamId),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = "clients of the route are closed, and come back";
        match self {
            Missing::Trimmed(from, to) => write!(
                f,
                "gap: the stream has nothing between {from} and {to} any more, which was read by others (raise \
                 redis.messages); {told}"
            ),
            Missing::Lost(from, to) => write!(
                f,
                "gap: Redis has lost what was said up to {from} and goes on at {to}; {told}"
            ),
            Missing::LostElsewhere(at) => write!(
                f,
                "gap: another host has heard what Redis has lost ({at}); {told}"
            ),
            Missing::Unreadable(at) => write!(
                f,
                "the entry {at} of the stream is none of this version of Detent, and is passed over"
            ),
        }
    }
}

impl Arrivals {
    pub(super) fn new(
        host: u64,
        hub: RouteHandle,
        counts: Arc<EngineCounts>,
        kept: Arc<KeptTopics>,
        tell_lost: Box<dyn Fn(u64) + Send>,
    ) -> Arrivals {
        Arrivals {
            host,
            hub,
            counts,
            kept,
            seen: Seen::default(),
            last: StreamId::default(),
            has_begun: false,
            is_history: true,
            told_lost: 0,
            has_told_unreadable: false,
            gap: None,
            tell_lost,
        }
    }

    /// The last entry that was taken.
    pub(super) fn last(&self) -> StreamId {
        self.last
    }

    /// What was found to be missing since this was asked last.
    pub(super) fn take_gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }

    /// Takes the next entry: what the hub is to get goes into `out`. Says what is missing, if that is to be told.
    pub(super) fn take(&mut self, entry: Entry, out: &mut Vec<Arrived>) -> Option<Missing> {
        let missing = self.follow(&entry, out);
        let before = std::mem::replace(&mut self.last, entry.id);
        let Some(body) = entry.body else {
            let is_first = !std::mem::replace(&mut self.has_told_unreadable, true);
            return missing.or_else(|| is_first.then_some(Missing::Unreadable(entry.id)));
        };
        match body.meta.kind {
            Kind::Epoch => missing,
            Kind::Lost => {
                let epoch = body.number().unwrap_or(0);
                if !self.seen.is_new(body.meta.host, body.meta.number) {
                    return missing;
                }
                if body.meta.host == self.host {
                    let position = position(entry.id);
                    out.push(Arrived::Own {
                        number: body.meta.number,
                        position,
                        body: Box::new((body.meta, Vec::new())),
                    });
                }
                if epoch > self.told_lost {
                    self.told_lost = epoch;
                    // Who comes with a place of before may have missed what is lost: it cannot be told from who has not.
                    begin_anew(entry.id.epoch, 0, entry.id.offset, out);
                    if self.is_history {
                        return missing;
                    }
                    self.close_all(out);
                    self.counts.gaps.add(1);
                    let (from, to) = (position(before), position(entry.id));
                    self.note_gap(GapCause::Lost, from, to);
                    return Some(Missing::LostElsewhere(entry.id));
                }
                missing
            }
            Kind::Said | Kind::Kept | Kind::Told | Kind::Closed => {
                self.take_message(entry.id, body, out);
                missing
            }
        }
    }

    /// How an entry follows the one before it.
    fn follow(&mut self, entry: &Entry, out: &mut Vec<Arrived>) -> Option<Missing> {
        let (last, id) = (self.last, entry.id);
        let body = entry.body.as_ref();
        let epoch = body.filter(|body| body.meta.kind == Kind::Epoch);
        let (is_epoch, of) = (epoch.is_some(), epoch.and_then(Body::number));
        if is_epoch {
            self.counts.epochs.add(1);
        }
        let before = match is_epoch {
            true => id.offset,
            false => id.offset.saturating_sub(1),
        };
        if !std::mem::replace(&mut self.has_begun, true) {
            begin_anew(id.epoch, if is_epoch { before } else { 0 }, before, out);
            return None;
        }
        if id.epoch == last.epoch && before == last.offset {
            return None;
        }
        // Of two histories one may end where the other does: it has to be the same entry.
        if is_epoch && of == Some(last.epoch) && before == last.offset {
            out.push(news(StreamNews::Begins {
                epoch: name(id.epoch),
                begin: before,
            }));
            return None;
        }
        begin_anew(id.epoch, if is_epoch { before } else { 0 }, before, out);
        self.close_all(out);
        self.counts.gaps.add(1);
        let is_lost = before < last.offset || (before == last.offset && of != Some(last.epoch));
        let (from, to) = (
            position(last),
            position(StreamId {
                offset: before,
                ..id
            }),
        );
        if is_epoch && is_lost {
            self.note_gap(GapCause::Lost, from, to);
            // Who has not read it does not know that it has missed it.
            self.told_lost = last.epoch;
            (self.tell_lost)(last.epoch);
            return Some(Missing::Lost(last, id));
        }
        self.note_gap(GapCause::Missed, from, to);
        Some(Missing::Trimmed(last, id))
    }

    /// What is found in what was said before this host began is nothing to a plugin that has heard nothing.
    fn note_gap(&mut self, cause: GapCause, from: Position, to: Position) {
        if self.is_history {
            return;
        }
        let gap = Gap { cause, from, to };
        self.gap = Some(match self.gap.take() {
            Some(before) => before.followed_by(gap),
            None => gap,
        });
    }

    fn close_all(&self, out: &mut Vec<Arrived>) {
        let text = "what other hosts have said is lost: come back";
        let cause = Cause::server(TRY_AGAIN, text);
        out.push(Arrived::Other(Event::CloseAll { cause }));
    }

    fn take_message(&mut self, id: StreamId, body: Body, out: &mut Vec<Arrived>) {
        let Body { meta, payload, .. } = body;
        if !self.seen.is_new(meta.host, meta.number) {
            return;
        }
        if meta.kind == Kind::Kept {
            self.kept.note(&meta.topic);
        }
        let position = position(id);
        let number = meta.number;
        if meta.host == self.host {
            // Here it stands already, as a rule, and is not made anew.
            out.push(Arrived::Own {
                number,
                position,
                body: Box::new((meta, payload)),
            });
            return;
        }
        if matches!(meta.kind, Kind::Told | Kind::Closed) {
            // What was said before this run of the server began is for another.
            let directed = directed::read(meta.kind, meta.opcode, &payload, this_host());
            if let Some((client, event)) = directed {
                out.push(Arrived::Other(Event::FromAfar { client }));
                out.push(Arrived::Other(event));
            }
            return;
        }
        self.counts.heard.add(1);
        let event = self.message((meta, payload), position);
        out.extend(event.map(Arrived::Other));
    }

    /// A message as its host has said it, compressed for those here that get it so; none where it is none. Waits a moment at
    /// most, where many compress.
    fn message(&self, body: (Meta, Vec<u8>), position: Position) -> Option<Event> {
        let demand = self.hub.demand();
        Some(match self.plain_message(body, position)? {
            Event::Publish {
                audience,
                message,
                except,
            } => Event::Publish {
                message: message.compressed(audience.name(), demand),
                audience,
                except,
            },
            Event::Keep(keep) => {
                let keep = *keep;
                let name = Some(&*keep.topic).filter(|name| !name.is_empty());
                let message = keep.message;
                let message = message.compressed_to_keep(keep.position_at, name, demand);
                Event::Keep(Box::new(Keep { message, ..keep }))
            }
            other => other,
        })
    }

    /// The same, not compressed: for who holds a lock that the hub takes. Never waits.
    pub(super) fn plain_message(
        &self,
        (meta, payload): (Meta, Vec<u8>),
        position: Position,
    ) -> Option<Event> {
        if !matches!(meta.kind, Kind::Said | Kind::Kept) {
            return None;
        }
        let message = Message::read(meta.opcode, &payload)?;
        // A client's number says something on its own host only.
        let except = meta.except.filter(|_| meta.host == self.host).map(ClientId);
        if meta.kind == Kind::Said {
            return Some(Event::Publish {
                message,
                audience: Audience::of_journal(meta.topic),
                except,
            });
        }
        let position_at = match meta.position_at {
            None => None,
            Some(at) => {
                let at = at as usize;
                payload.get(at..at.checked_add(POSITION_BYTES)?)?;
                Some(at)
            }
        };
        Some(Event::Keep(Box::new(Keep {
            message,
            topic: meta.topic,
            position_at,
            except,
            confirm: None,
            reply: None,
            at: Some(position),
        })))
    }
}

pub(super) fn position(id: StreamId) -> Position {
    Position {
        epoch: name(id.epoch),
        offset: id.offset,
    }
}

fn begin_anew(epoch: u64, begin: u64, from: u64, out: &mut Vec<Arrived>) {
    let epoch = name(epoch);
    out.push(news(StreamNews::Anew { epoch, begin, from }));
}

fn news(news: StreamNews) -> Arrived {
    Arrived::Other(Event::Stream(news))
}

/// An epoch by its number; one that nobody can have opened counts as the last there can be.
fn name(number: u64) -> Epoch {
    Epoch::from_number(number).unwrap_or(Epoch::LAST)
}

#[cfg(test)]
mod tests;
