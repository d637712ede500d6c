//! The hub's work with the past: keeping, and giving out pieces.

use std::sync::Arc;

use log::info;

use super::behind::{Behind, File, Standing};
use super::file::For;
use super::{Past, now};
use crate::compression::Deflated;
use crate::counters::COUNTERS;
use crate::hub::event::Event;
use crate::hub::members::Members;
use crate::hub::message::{Audience, Message};
use crate::hub::queue::Queue;
use crate::hub::requests::{Keep, Published};
use crate::hub::run::Run;
use crate::ids::ClientId;
use crate::journal::store::{Confirm, From};
use crate::journal::{Absent, Cursor, Entry, Journals, Position, Since};
use crate::outbox::cause::{Cause, POLICY, TRY_AGAIN};
use crate::outbox::encoding::Encoding;
use crate::outbox::marked::{Id, Instead, Marked};
use crate::outbox::shared::Frames;
use crate::outbox::{Offered, Waker};

impl Past {
    /// Keeps a message whose topic has a journal from now on, and puts it into the run where there is one. False where that
    /// was done before.
    pub(in crate::hub) fn keep(
        &mut self,
        keep: Keep,
        members: &Members,
        run: Option<&mut Run>,
    ) -> bool {
        let Keep {
            topic,
            message,
            position_at,
            except,
            confirm,
            reply,
            at,
        } = keep;
        // One that was read before, which nobody is to hear twice.
        if at.is_some_and(|at| !self.journals.is_next(at)) {
            return false;
        }
        if self.journals.is_used_up() {
            self.settle();
            self.begin_anew(Journals::new(self.journals.bounds()));
        }
        // What is said to everyone is never the one to be forgotten while there is another.
        let is_heard = |topic: &str| {
            topic.is_empty() || members.topic(&Audience::Topic(topic.into())).is_some()
        };
        self.journals.begin(&topic, is_heard);
        let behind = match reply {
            Some(_) => self.count(&topic),
            None => 0,
        };
        let audience = Audience::of_journal(topic);
        let leaves_out = |except| {
            members.hears(except, &audience) || self.is_behind_in(except, audience.journal())
        };
        let left_out = reply.is_some() && except.is_some_and(leaves_out);
        let how = (position_at, confirm);
        let position = self.publish(&audience, message, how, except, members, run);
        if let Some((reply, position)) = reply.zip(position) {
            let members = members.hearers(&audience) + behind - u64::from(left_out);
            self.replies.push((reply, Published { position, members }));
        }
        true
    }

    /// Keeps a message of a topic that has a journal, and puts it into the run where there is one. It is kept with its
    /// position at a place in it, and with who is told when it is stored.
    pub(in crate::hub) fn publish(
        &mut self,
        audience: &Audience,
        mut message: Message,
        (position_at, confirm): (Option<usize>, Option<Confirm>),
        except: Option<ClientId>,
        members: &Members,
        run: Option<&mut Run>,
    ) -> Option<Position> {
        COUNTERS.hub.kept.add(1);
        let bytes = message.bytes();
        self.journals.append(
            audience.journal(),
            now(),
            except,
            bytes,
            confirm,
            |position| {
                message.set_positions(position_at, position);
                if let (Some(run), Some(topic)) = (run, members.topic(audience)) {
                    let except = except.filter(|&client| members.is_member(client, topic));
                    if members.have_others() {
                        run.mark(position);
                        run.mix();
                    }
                    run.note_deflated(&message);
                    run.push_frame(topic, message.frame(), except);
                }
                Arc::new(message)
            },
        )
    }

    /// Holds a message back for a client that is behind; gives it back where it is not. What comes for one whose end has begun
    /// is dropped, as it is where nobody is behind.
    pub(in crate::hub) fn hold(&mut self, client: ClientId, message: Message) -> Option<Message> {
        let Some(behind) = self.behind.get_mut(&client) else {
            return Some(message);
        };
        if behind.outbox.is_closing() {
            return None;
        }
        let limit = behind.outbox.backlog_bytes_max();
        let bytes = behind.hold(self.journals.last(), message);
        if bytes > limit {
            behind.let_go_of_held();
            let text = format!("too slow: backlog over {limit} bytes while it was behind");
            info!("{}: {text}; closed with {POLICY}", behind.outbox.name());
            behind.outbox.close(Cause::server(POLICY, text));
        }
        None
    }

    /// Gives the client whose turn it is its next piece; says how many bytes that were. Nothing is collected
    /// for the members of any topic.
    pub(in crate::hub) fn feed_next(&mut self, members: &mut Members, queue: &Arc<Queue>) -> usize {
        let Some(client) = self.ready.pop_front() else {
            return 0;
        };
        let Some(mut behind) = self.behind.remove(&client) else {
            return 0;
        };
        behind.is_ready = false;
        let mut piece = std::mem::take(&mut self.piece);
        piece.clear();
        let fed = self.feed(client, &mut behind, &mut piece, members, queue);
        let bytes = piece.len();
        self.piece = piece;
        match fed {
            Fed::More | Fed::Waits if !behind.is_done() => {
                self.behind.insert(client, behind);
                if fed == Fed::More {
                    self.has_room(client);
                }
            }
            _ => behind.outbox.set_behind(false),
        }
        bytes
    }

    /// One piece of one topic, and what was held back until now.
    fn feed(
        &mut self,
        client: ClientId,
        behind: &mut Behind,
        piece: &mut Vec<u8>,
        members: &mut Members,
        queue: &Arc<Queue>,
    ) -> Fed {
        let limit = behind.limit();
        if behind.topics.is_empty() {
            return deliver_held(behind, queue);
        }
        // Those that wait for the file, until this host has read more, or for what is held back, hold up none of the others.
        let waits = |standing: &Standing| {
            let is_asked = matches!(standing.file, File::Asked(_) | File::Ahead(_));
            is_asked || standing.at.offset >= limit
        };
        let Some(index) = behind.topics.iter().position(|standing| !waits(standing)) else {
            let fed = deliver_held(behind, queue);
            return if behind.limit() == limit {
                Fed::Waits
            } else {
                fed
            };
        };
        behind.topics.rotate_left(index);
        let bytes_max = behind.outbox.piece_bytes();
        let encoding = behind.outbox.encoding();
        let standing = &mut behind.topics[0];
        let mut filled = self.fill(client, standing, limit, encoding, bytes_max, piece);
        if matches!(filled, Err(Absent::LetGo)) && self.begin_later(standing) {
            // In the same turn: until the next one as much may be said again.
            piece.clear();
            filled = self.fill(client, standing, limit, encoding, bytes_max, piece);
        }
        let filled = match filled {
            Ok(filled) => filled,
            Err(Absent::InFile) => {
                self.ask_for(client, standing, bytes_max, queue);
                return Fed::More;
            }
            Err(Absent::LetGo) => return lose(behind),
        };
        let next = self.journals.position(filled.offset).text();
        let instead: Vec<_> = filled.instead().collect();
        let encoded = encoding.of_run(&Marked {
            place: standing.place,
            frames: piece,
            ids: &filled.ids,
            instead: &instead,
            topic: standing.name(),
            next: Some(next),
            has_more: !self.journals.is_at_head(&standing.topic, filled.offset),
        });
        let offered = match encoded.is_empty() {
            true => Offered::Sent,
            false => behind.outbox.offer(&encoded, || wake(client, queue)),
        };
        match offered {
            Offered::Gone => return Fed::Gone,
            Offered::Full => {
                // What is held for it would be memory of nobody's bound.
                behind.topics[0].file = File::Idle;
                return Fed::Waits;
            }
            Offered::Sent | Offered::Taken => {}
        }
        queue.count_deliveries(filled.messages, piece.len() as u64);
        // The topics take turns.
        let done = behind.topics.pop_front().and_then(|mut standing| {
            standing.go_on(&filled);
            let is_done = self
                .journals
                .is_at_head(&standing.topic, standing.at.offset);
            match is_done {
                true => Some(standing),
                false => {
                    behind.topics.push_back(standing);
                    None
                }
            }
        });
        let fed = deliver_held(behind, queue);
        if let Some(mut standing) = done {
            if behind.limit() == u64::MAX {
                // That it is not a member of too many was looked at when it began.
                let audience = Audience::of_journal(standing.topic);
                members.join(client, audience).ok();
            } else {
                // Something is held back still, and what is said on the topic from now on comes behind it.
                standing.at.offset = standing.at.offset.max(self.journals.last());
                behind.topics.push_back(standing);
            }
        }
        match fed {
            Fed::More if offered == Offered::Taken => Fed::Waits,
            fed => fed,
        }
    }

    /// What comes next in a topic was let go. A newcomer, who was given nothing yet, begins with what are the last messages
    /// now: in a busy room others come before its turn. False for everyone else.
    fn begin_later(&mut self, standing: &mut Standing) -> bool {
        let Some(count) = standing.newcomer else {
            return false;
        };
        let start = self
            .journals
            .start(&standing.topic, Since::Last(count), now());
        let From::Offset(offset) = start.from else {
            return false;
        };
        standing.at = Cursor {
            offset,
            hole: start.hole,
        };
        true
    }

    /// Asks the file for what follows a place.
    fn ask_for(
        &mut self,
        client: ClientId,
        standing: &mut Standing,
        bytes_max: usize,
        queue: &Arc<Queue>,
    ) {
        let from = match &standing.beginning {
            Some(beginning) => beginning.from,
            None => From::Offset(standing.at.offset),
        };
        let topic = standing.topic.clone();
        let of = For::Client(client, topic.clone());
        let number = self.ask(topic, from, (usize::MAX, bytes_max), of, queue);
        standing.file = File::Asked(number);
    }

    /// Fills a piece with what follows a place, up to a limit.
    fn fill(
        &self,
        client: ClientId,
        standing: &Standing,
        limit: u64,
        encoding: Encoding,
        bytes_max: usize,
        piece: &mut Vec<u8>,
    ) -> Result<Filled, Absent> {
        let mut pouring = Pouring {
            client,
            limit,
            bytes_max,
            has_ids: encoding.tells_positions(),
            may_be_deflated: encoding.need().is_some(),
            journals: &self.journals,
            filled: Filled {
                offset: standing.at.offset,
                messages: 0,
                ids: Vec::new(),
                deflated: Vec::new(),
            },
        };
        if standing.beginning.is_some() {
            return Err(Absent::InFile);
        }
        let here = self.journals.after(&standing.topic, standing.at);
        if let Some(notice) = &standing.notice {
            piece.extend_from_slice(notice.frame());
            pouring.filled.messages += 1;
        }
        match (here, &standing.file) {
            (Ok(entries), _) => {
                for entry in entries {
                    let Entry {
                        offset, message, ..
                    } = entry;
                    if !pouring.pour(piece, *offset, entry.except, message) {
                        break;
                    }
                }
            }
            (Err(Absent::InFile), File::Piece(of_file)) => {
                let done = standing.at.offset;
                let lines = of_file.lines.iter().filter(|line| line.offset > done);
                let mut is_whole = true;
                for line in lines {
                    is_whole = pouring.pour(piece, line.offset, line.except, &line.message);
                    if !is_whole {
                        break;
                    }
                }
                if is_whole && !of_file.has_more {
                    let last = of_file.lines.last().map(|line| line.offset);
                    let (begin, through) = (of_file.begin, of_file.through);
                    let offset = self
                        .journals
                        .fetched_to(&standing.topic, last, begin, through);
                    pouring.filled.offset = offset.min(limit).max(pouring.filled.offset);
                }
            }
            (Err(Absent::InFile), File::Idle | File::Asked(_) | File::Ahead(_)) => {
                return Err(Absent::InFile);
            }
            (Err(Absent::InFile), File::Lost) | (Err(Absent::LetGo), _) => {
                return Err(Absent::LetGo);
            }
        }
        Ok(pouring.filled)
    }
}

impl Standing {
    /// So much of the topic was given to its client.
    fn go_on(&mut self, filled: &Filled) {
        self.at.offset = filled.offset;
        self.notice = None;
        self.place = None;
        self.newcomer = None;
        let is_used = match &self.file {
            File::Piece(piece) => piece
                .lines
                .last()
                .is_none_or(|line| line.offset <= filled.offset),
            _ => true,
        };
        if is_used {
            self.file = File::Idle;
        }
    }
}

/// A piece while it is filled.
struct Pouring<'j> {
    client: ClientId,
    limit: u64,
    bytes_max: usize,
    has_ids: bool,
    may_be_deflated: bool,
    journals: &'j Journals<Message>,
    filled: Filled,
}

impl Pouring<'_> {
    /// Adds a message; false where the piece ends before it.
    fn pour(
        &mut self,
        piece: &mut Vec<u8>,
        offset: u64,
        except: Option<ClientId>,
        message: &Message,
    ) -> bool {
        let filled = &mut self.filled;
        if offset > self.limit {
            // What was held back comes first, and nothing of the topic is before it.
            filled.offset = filled.offset.max(self.limit);
            return false;
        }
        if except != Some(self.client) {
            let frame = message.frame();
            if !piece.is_empty() && piece.len() + frame.len() > self.bytes_max {
                return false;
            }
            if self.has_ids {
                filled.ids.push(Id {
                    at: piece.len(),
                    text: self.journals.position(offset).text(),
                });
            }
            // What was compressed when it was said; the hub compresses nothing, and the file keeps it plain.
            if let Some(deflated) = message.deflated().filter(|_| self.may_be_deflated) {
                filled.deflated.push((piece.len(), deflated.clone()));
            }
            piece.extend_from_slice(frame);
            filled.messages += 1;
        }
        filled.offset = offset;
        true
    }
}

/// What a piece holds.
struct Filled {
    /// Everything of the topic up to this offset is done with.
    offset: u64,
    messages: u64,
    /// Positions of the frames, where somebody needs them.
    ids: Vec<Id>,
    /// Compressed forms of frames, where the client may get them, each with the place where the frame begins.
    deflated: Vec<(usize, Arc<Deflated>)>,
}

impl Filled {
    fn instead(&self) -> impl Iterator<Item = Instead<'_>> {
        self.deflated
            .iter()
            .map(|(at, deflated)| Instead { at: *at, deflated })
    }
}

/// How a client goes on that was given a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fed {
    /// Its next piece may follow.
    More,
    /// Its outbox tells when.
    Waits,
    /// Its connection ends.
    Gone,
}

/// What its client is about to get was let go: it comes back, and is told of the gap then.
fn lose(behind: &Behind) -> Fed {
    let text = "what it has missed is kept no more: come back";
    info!("{}: {text}; closed with {TRY_AGAIN}", behind.outbox.name());
    COUNTERS.hub.lost.add(1);
    behind.outbox.close(Cause::server(TRY_AGAIN, text));
    Fed::Gone
}

fn deliver_held(behind: &mut Behind, queue: &Queue) -> Fed {
    while let Some(message) = behind.next_held() {
        queue.count_deliveries(1, message.bytes() as u64);
        let encoding = behind.outbox.encoding();
        let bytes = message.in_encoding(encoding);
        behind.outbox.deliver(Frames::copied(&bytes));
    }
    Fed::More
}

fn wake(client: ClientId, queue: &Arc<Queue>) -> Waker {
    let queue = queue.clone();
    Box::new(move || {
        queue.post(Event::HasRoom { client });
    })
}

#[cfg(test)]
mod tests;
