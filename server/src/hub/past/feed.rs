//! The hub's work with the past: keeping, joining, reading, and giving out pieces.

use std::sync::Arc;

use log::info;

use super::behind::{Behind, Cursor};
use super::{Past, now};
use crate::counters::COUNTERS;
use crate::hub::event::Event;
use crate::hub::members::{Members, TooManyTopics};
use crate::hub::message::{Audience, Message};
use crate::hub::queue::Queue;
use crate::hub::requests::{JoinFrom, Joined, Keep, Kept, Published, Read};
use crate::hub::run::Run;
use crate::ids::ClientId;
use crate::journal::{Gap, Lost, Outcome, Position};
use crate::limits::TOPICS_PER_CLIENT_MAX;
use crate::outbox::cause::{Cause, POLICY, TRY_AGAIN};
use crate::outbox::encoding::Encoding;
use crate::outbox::marked::{Id, Marked, Place};
use crate::outbox::{Offered, Outbox, Waker, answer};

impl Past {
    /// Keeps a message whose topic has a journal from now on, and puts it into the run.
    pub(in crate::hub) fn keep(&mut self, keep: Keep, members: &Members, run: &mut Run) {
        let Keep {
            topic,
            message,
            position_at,
            except,
            reply,
        } = keep;
        let is_heard = |topic: &str| members.topic(&Audience::Topic(topic.into())).is_some();
        self.journals.begin(&topic, is_heard);
        let behind = match reply {
            Some(_) => self.count(&topic),
            None => 0,
        };
        let audience = Audience::Topic(topic);
        let position = self.publish(&audience, message, position_at, except, members, run);
        if let Some((reply, position)) = reply.zip(position) {
            let members = members.count(&audience) + behind;
            // Who asked may have been ended by a panic; there is room for the answer.
            reply.try_send(Published { position, members }).ok();
        }
    }

    /// Keeps a message of a topic that has a journal, and puts it into the run.
    pub(in crate::hub) fn publish(
        &mut self,
        audience: &Audience,
        mut message: Message,
        position_at: Option<usize>,
        except: Option<ClientId>,
        members: &Members,
        run: &mut Run,
    ) -> Option<Position> {
        let Audience::Topic(topic) = audience else {
            return None;
        };
        COUNTERS.hub.kept.add(1);
        let bytes = message.bytes();
        self.journals
            .append(topic, now(), except, bytes, |position| {
                if let Some(at) = position_at {
                    message.set_position(at, position);
                }
                if let Some(topic) = members.topic(audience) {
                    let except = except.filter(|&client| members.is_member(client, topic));
                    if members.have_others() {
                        run.mark(position);
                        run.mix();
                    }
                    run.push(topic, message.frame(), except);
                }
                Arc::new(message)
            })
    }

    /// A client wants to hear a topic from some place on; nothing is collected for that topic's members. It is
    /// a member at once where it has missed nothing.
    pub(in crate::hub) fn join(
        &mut self,
        join: JoinFrom,
        members: &mut Members,
        flush: impl FnOnce(Arc<Outbox>),
    ) -> Result<(), TooManyTopics> {
        let JoinFrom {
            client,
            topic,
            since,
            notices,
            reply,
        } = join;
        let Some(outbox) = members.outbox(client).cloned() else {
            return Ok(());
        };
        let is_member = members.is_member_of(client, &topic) || self.is_behind_in(client, &topic);
        let start = self.journals.start(&topic, since, now());
        let (outcome, cursor) = match is_member {
            true => (Outcome::Recovered, self.journals.last()),
            false => (start.outcome, start.cursor),
        };
        let position = self.journals.position(cursor);
        // Who asked may have been ended by a panic; there is room for the answer.
        let answer = Joined { outcome, position };
        reply.map(|reply| reply.try_send(answer).ok());
        if is_member {
            return Ok(());
        }
        match outcome {
            Outcome::Fresh => {}
            Outcome::Recovered => COUNTERS.hub.recovered.add(1),
            Outcome::Gap(_) => COUNTERS.hub.gaps.add(1),
        }
        let encoding = outbox.encoding();
        let notice = match encoding {
            // It would be the one message that this one waits for.
            Encoding::Answer => None,
            _ => notices.take(outcome, position),
        };
        if encoding == Encoding::Answer {
            outbox.set_silence(answer::silence(&topic, &position.text()));
        }
        let place = Place {
            id: position.text(),
            gap: why(outcome),
        };
        if !self.behind.contains_key(&client) && self.journals.is_at_head(&topic, cursor) {
            let first = encoding.of_run(&Marked {
                place: Some(place),
                frames: notice.as_ref().map_or(&[], Message::frame),
                topic: Some(&topic),
                ..Marked::default()
            });
            if !first.is_empty() && outbox.queue_to_flush(&first) {
                flush(outbox);
            }
            return members.join(client, Audience::Topic(topic));
        }
        let behind = self
            .behind
            .entry(client)
            .or_insert_with(|| Behind::new(outbox));
        if members.topics_of(client) + behind.topics.len() >= TOPICS_PER_CLIENT_MAX {
            return Err(TooManyTopics { is_first: false });
        }
        behind.outbox.set_behind(true);
        behind.topics.push_back(Cursor {
            topic,
            offset: cursor,
            place: Some(place),
            notice,
        });
        self.has_room(client);
        Ok(())
    }

    /// Holds a message back for a client that is behind; gives it back where it is not.
    pub(in crate::hub) fn hold(&mut self, client: ClientId, message: Message) -> Option<Message> {
        let Some(behind) = self.behind.get_mut(&client) else {
            return Some(message);
        };
        let limit = behind.outbox.backlog_bytes_max();
        let bytes = behind.hold(self.journals.last(), message);
        if bytes > limit {
            let text = format!("too slow: backlog over {limit} bytes while it was behind");
            info!("{}: {text}; closed with {POLICY}", behind.outbox.name());
            behind.outbox.close(Cause::server(POLICY, text));
        }
        None
    }

    /// Answers what is kept.
    pub(in crate::hub) fn read(&mut self, read: &Read) {
        let start = self.journals.start(&read.topic, read.since, now());
        let mut next = start.cursor;
        let (mut messages, mut bytes, mut has_more) = (Vec::new(), 0, false);
        for entry in self
            .journals
            .after(&read.topic, start.cursor)
            .into_iter()
            .flatten()
        {
            let more = entry.message.payload().len();
            let is_full = messages.len() >= read.messages_max || bytes + more > read.bytes_max;
            if is_full && !messages.is_empty() {
                has_more = true;
                break;
            }
            bytes += more;
            next = entry.offset;
            messages.push((self.journals.position(next), entry.message.clone()));
        }
        if !has_more {
            next = self.journals.last();
        }
        let kept = Kept {
            outcome: start.outcome,
            messages,
            next: self.journals.position(next),
            has_more,
        };
        // As above.
        read.reply.try_send(kept).ok();
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
        &self,
        client: ClientId,
        behind: &mut Behind,
        piece: &mut Vec<u8>,
        members: &mut Members,
        queue: &Arc<Queue>,
    ) -> Fed {
        let limit = behind.limit();
        let Some(cursor) = behind.topics.front() else {
            return deliver_held(behind, queue);
        };
        let bytes_max = behind.outbox.piece_bytes();
        let encoding = behind.outbox.encoding();
        let Ok(filled) = self.fill(client, cursor, limit, encoding, bytes_max, piece) else {
            let text = "what it has missed is kept no more: come back";
            info!("{}: {text}; closed with {TRY_AGAIN}", behind.outbox.name());
            COUNTERS.hub.lost.add(1);
            behind.outbox.close(Cause::server(TRY_AGAIN, text));
            return Fed::Gone;
        };
        let next = self.journals.position(filled.offset).text();
        let encoded = encoding.of_run(&Marked {
            place: cursor.place,
            frames: piece,
            ids: &filled.ids,
            topic: Some(&cursor.topic),
            next: Some(next),
            has_more: !self.journals.is_at_head(&cursor.topic, filled.offset),
        });
        let offered = match encoded.is_empty() {
            true => Offered::Sent,
            false => behind.outbox.offer(&encoded, || wake(client, queue)),
        };
        match offered {
            Offered::Gone => return Fed::Gone,
            Offered::Full => return Fed::Waits,
            Offered::Sent | Offered::Taken => {}
        }
        queue.count_deliveries(filled.messages, piece.len() as u64);
        // The topics take turns.
        if let Some(mut cursor) = behind.topics.pop_front() {
            cursor.offset = filled.offset;
            cursor.notice = None;
            cursor.place = None;
            if !self.journals.is_at_head(&cursor.topic, cursor.offset) {
                behind.topics.push_back(cursor);
            } else {
                // That it is not a member of too many was looked at when it began.
                members.join(client, Audience::Topic(cursor.topic)).ok();
            }
        }
        match deliver_held(behind, queue) {
            Fed::More if offered == Offered::Taken => Fed::Waits,
            fed => fed,
        }
    }

    /// Fills a piece with what follows a cursor, up to a limit.
    fn fill(
        &self,
        client: ClientId,
        cursor: &Cursor,
        limit: u64,
        encoding: Encoding,
        bytes_max: usize,
        piece: &mut Vec<u8>,
    ) -> Result<Filled, Lost> {
        let mut filled = Filled {
            offset: cursor.offset,
            messages: 0,
            ids: Vec::new(),
        };
        let has_ids = encoding != Encoding::Frame;
        if let Some(notice) = &cursor.notice {
            piece.extend_from_slice(notice.frame());
            filled.messages += 1;
        }
        for entry in self.journals.after(&cursor.topic, cursor.offset)? {
            if entry.offset > limit {
                // What was held back comes first, and nothing of the topic is before it.
                filled.offset = filled.offset.max(limit);
                return Ok(filled);
            }
            if entry.except != Some(client) {
                let frame = entry.message.frame();
                if !piece.is_empty() && piece.len() + frame.len() > bytes_max {
                    return Ok(filled);
                }
                if has_ids {
                    let text = self.journals.position(entry.offset).text();
                    filled.ids.push(Id {
                        at: piece.len(),
                        text,
                    });
                }
                piece.extend_from_slice(frame);
                filled.messages += 1;
            }
            filled.offset = entry.offset;
        }
        Ok(filled)
    }
}

/// What a piece holds.
struct Filled {
    /// Everything of the topic up to this offset is done with.
    offset: u64,
    messages: u64,
    /// Positions of the frames, where somebody needs them.
    ids: Vec<Id>,
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

/// What a client is told that cannot have all that it has missed.
fn why(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Fresh | Outcome::Recovered => None,
        Outcome::Gap(Gap::TooOld) => Some("too-old"),
        Outcome::Gap(Gap::OtherEpoch) => Some("other-epoch"),
        Outcome::Gap(Gap::Hole) => Some("hole"),
    }
}

fn deliver_held(behind: &mut Behind, queue: &Queue) -> Fed {
    while let Some(message) = behind.next_held() {
        queue.count_deliveries(1, message.bytes() as u64);
        let encoding = behind.outbox.encoding();
        behind.outbox.deliver(&message.in_encoding(encoding));
    }
    Fed::More
}

fn wake(client: ClientId, queue: &Arc<Queue>) -> Waker {
    let queue = queue.clone();
    Box::new(move || {
        queue.post(Event::HasRoom { client });
    })
}
