//! How a client begins to hear a topic from some place in its past on.

use std::sync::Arc;

use super::behind::{Ahead, Beginning, Behind, File, Standing};
use super::{Past, now};
use crate::counters::COUNTERS;
use crate::hub::members::{Members, TooManyTopics};
use crate::hub::message::{Audience, Message};
use crate::hub::requests::{JoinFrom, Joined, Joining, Notices};
use crate::ids::ClientId;
use crate::journal::store::From;
use crate::journal::{Cursor, Gap, Outcome, Position, Since};
use crate::limits::TOPICS_PER_CLIENT_MAX;
use crate::outbox::Outbox;
use crate::outbox::answer;
use crate::outbox::encoding::Encoding;
use crate::outbox::marked::{Marked, Place};
use crate::outbox::shared::Frames;

impl Past {
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
        let audience = Audience::of_journal(topic);
        let topic = audience.journal();
        let is_member = members.hears(client, &audience) || self.is_behind_in(client, topic);
        // Who asked may have been ended by a panic; there is room for the answer.
        let answer = |joining| reply.map(|reply| reply.try_send(joining).ok());
        if !is_member && self.hears_too_many(client, topic, members) {
            answer(Joining::TooManyTopics);
            return Err(members.refuse(client));
        }
        if !is_member && let Some(ahead) = self.ahead(since) {
            answer(Joining::Later);
            let standing = Standing::ahead(topic, ahead, notices);
            self.has_ahead = true;
            self.fall_behind(client, outbox, standing);
            return Ok(());
        }
        let start = self.journals.start(topic, since, now());
        let (outcome, from) = match is_member {
            true => (Outcome::Recovered, From::Offset(self.journals.head())),
            false => (start.outcome, start.from),
        };
        let position = match from {
            From::Offset(offset) => Some(self.journals.position(offset)),
            From::Last { .. } => None,
        };
        answer(Joining::Joined(Joined { outcome, position }));
        if is_member {
            return Ok(());
        }
        match outcome {
            Outcome::Fresh => {}
            Outcome::Recovered => COUNTERS.hub.recovered.add(1),
            Outcome::Gap(gap) => COUNTERS.hub.gaps[gap as usize].add(1),
        }
        let mut standing = Standing {
            topic: audience.journal().into(),
            at: Cursor {
                offset: 0,
                hole: start.hole,
            },
            place: None,
            notice: None,
            newcomer: match since {
                Since::Last(count) => Some(count),
                Since::Now | Since::After { .. } => None,
            },
            beginning: Some(Beginning {
                from,
                outcome,
                notices,
            }),
            file: File::Idle,
        };
        if let Some(position) = position {
            standing.begin(position, &outbox);
            let is_at_head = self.journals.is_at_head(&standing.topic, position.offset);
            if is_at_head && !self.behind.contains_key(&client) {
                standing.greet(outbox, flush);
                return members.join(client, audience);
            }
        }
        self.fall_behind(client, outbox, standing);
        Ok(())
    }

    /// Whether a client may hear no further topic, as this one would be; everyone is none.
    fn hears_too_many(&self, client: ClientId, topic: &str, members: &Members) -> bool {
        let behind = self.behind.get(&client);
        let is_behind_in = behind.map_or(0, |behind| behind.topics.len());
        !topic.is_empty() && members.topics_of(client) + is_behind_in >= TOPICS_PER_CLIENT_MAX
    }

    fn fall_behind(&mut self, client: ClientId, outbox: Arc<Outbox>, standing: Standing) {
        let behind = self
            .behind
            .entry(client)
            .or_insert_with(|| Behind::new(outbox));
        behind.outbox.set_behind(true);
        behind.topics.push_back(standing);
        self.has_room(client);
    }
}

impl Standing {
    /// One whose place this host has not come to.
    fn ahead(topic: &str, ahead: Ahead, notices: Notices) -> Standing {
        Standing {
            topic: topic.into(),
            at: Cursor { offset: 0, hole: 0 },
            place: None,
            notice: None,
            newcomer: None,
            beginning: Some(Beginning {
                from: From::Offset(ahead.position.offset),
                outcome: Outcome::Recovered,
                notices,
            }),
            file: File::Ahead(Box::new(ahead)),
        }
    }

    /// It is known where it begins.
    pub(super) fn begin(&mut self, position: Position, outbox: &Outbox) {
        self.at.offset = position.offset;
        let Some(beginning) = self.beginning.take() else {
            return;
        };
        self.place = Some(Place {
            id: position.text(),
            gap: why(beginning.outcome),
        });
        if outbox.encoding() == Encoding::Answer {
            // A notice would be the one message that this one waits for.
            outbox.set_silence(answer::silence(self.name(), &position.text()));
        } else {
            self.notice = beginning.notices.take(beginning.outcome, position);
        }
    }

    /// Nothing of the topic comes before what is said.
    fn greet(&self, outbox: Arc<Outbox>, flush: impl FnOnce(Arc<Outbox>)) {
        let first = outbox.encoding().of_run(&Marked {
            place: self.place,
            frames: self.notice.as_ref().map_or(&[], Message::frame),
            topic: self.name(),
            ..Marked::default()
        });
        if !first.is_empty() && outbox.queue_to_flush(Frames::copied(&first)) {
            flush(outbox);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::why;
    use crate::journal::{Gap, Outcome};

    #[test]
    fn each_gap_has_its_word_and_who_gets_all_is_told_none() {
        let gaps = [Gap::TooOld, Gap::OtherEpoch, Gap::Hole].map(Outcome::Gap);
        let words = ["too-old", "other-epoch", "hole"].map(Some);
        assert_eq!(gaps.map(why), words);
        assert_eq!([Outcome::Fresh, Outcome::Recovered].map(why), [None, None]);
    }
}
