//! Host calls about journals, in Rust's types: keeping messages, joining from a position, reading.
//!
//! Any thread. Those that ask for an answer wait until the hub has come to them; the hub waits for nobody.

use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender, bounded};
use plugin_api::abi::{
    self, EXHAUSTED, GONE, INVALID, LATER, NO_CLIENT, NO_PLACE, NOT_STORED, Status, UNSUPPORTED,
};

use super::{RouteHost, answers, opcode};
use crate::hub::{
    Answer, Audience, Event, JoinFrom, Joined, Joining, Keep, Kept, Message, Notice, Notices,
};
use crate::hub::{Published, Read};
use crate::ids::ClientId;
use crate::journal::{Gap, Outcome, POSITION_BYTES, Position, Since};
use crate::limits::STREAM_TELL;
use crate::outbox::come_behind;
use crate::threads::is_of_the_server;

const _: () = assert!(POSITION_BYTES == abi::POSITION_BYTES);

/// Whose journal is meant.
pub(super) struct Of<'a> {
    pub(super) topic: &'a [u8],
    /// Of the extension: from 2 on an empty topic stands for everyone on the route.
    pub(super) version: u32,
}

/// What a plugin wants to be kept.
pub(super) struct Publish<'a> {
    pub(super) of: Of<'a>,
    pub(super) kind: u32,
    pub(super) payload: &'a [u8],
    pub(super) except: u64,
    pub(super) position_at: u64,
    pub(super) is_durable: bool,
}

/// From where on, as the ABI says it.
pub(super) struct SinceWhen<'a> {
    pub(super) since: u32,
    pub(super) position: &'a [u8],
    pub(super) last: u64,
}

impl SinceWhen<'_> {
    fn read(&self) -> Result<Since, Status> {
        Ok(match self.since {
            abi::SINCE_NOW => Since::Now,
            abi::SINCE_LAST => Since::Last(self.last),
            abi::SINCE_AFTER => Since::After {
                position: Position::parse(self.position),
                or_last: self.last,
            },
            _ => return Err(INVALID),
        })
    }
}

/// As the ABI says it.
pub(super) fn outcome(outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Fresh => abi::JOINED_FRESH,
        Outcome::Recovered => abi::JOINED_RECOVERED,
        Outcome::Gap(Gap::TooOld) => abi::JOINED_GAP_TOO_OLD,
        Outcome::Gap(Gap::OtherEpoch) => abi::JOINED_GAP_OTHER_EPOCH,
        Outcome::Gap(Gap::Hole) => abi::JOINED_GAP_HOLE,
    }
}

/// The methods do what the ABI says of the call of their name; an error is the status to answer with.
impl RouteHost {
    /// None where nobody waits for an answer, or nobody knows it yet.
    pub(super) fn keep(
        &self,
        publish: &Publish<'_>,
        tells: bool,
    ) -> Result<Option<Published>, Status> {
        let topic = self.journal_name(&publish.of)?;
        let opcode = opcode(publish.kind, publish.payload)?;
        let position_at = place(publish.position_at, publish.payload)?;
        self.outgoing.check()?;
        let is_shared = self.outgoing.shared().is_some();
        let confirm = match publish.is_durable && !is_shared {
            true if !self.route.has_file.load(Ordering::Acquire) => return Err(UNSUPPORTED),
            true => answers::confirm()?,
            false => None,
        };
        let waits_here = publish.is_durable && self.may_wait(&publish.of);
        let (confirm, stored) = match confirm {
            None if waits_here && !is_shared => answers::waited_for(),
            confirm => (confirm, None),
        };
        // Where several hosts share the route, what is durable is what Redis has.
        let (told, came) = match self.outgoing.told()? {
            None if waits_here && is_shared => answers::came_for(),
            told => (told, None),
        };
        let except = (publish.except != NO_CLIENT).then_some(ClientId(publish.except));
        let name = Some(&*topic).filter(|name| !name.is_empty());
        let message = Message::new(opcode, publish.payload).compressed_to_keep(
            position_at,
            name,
            self.route.hub.demand(),
        );
        let (reply, answer) = answer(tells && !self.outgoing.is_held());
        let event = Event::Keep(Box::new(Keep {
            topic,
            message,
            position_at,
            except,
            confirm,
            reply,
            at: None,
        }));
        let number = match publish.is_durable {
            true => self.outgoing.say_durably(event, told)?,
            false => self.outgoing.say(event, told)?,
        };
        come_behind(self.route.id, except, number);
        let published = match self.outgoing.shared() {
            None => wait(answer)?,
            // Nobody waits long for another host inside a callback.
            Some(shared) if shared.is_up() => {
                answer.and_then(|answer| answer.recv_timeout(STREAM_TELL).ok())
            }
            Some(_) => None,
        };
        let stored = stored.or(came);
        match stored.as_ref().map(answers::wait_here) {
            Some(Err(_)) => Err(NOT_STORED),
            None | Some(Ok(())) => Ok(published),
        }
    }

    /// Whether this thread may wait for a disk: none that runs callbacks may, and one that a plugin has started does.
    fn may_wait(&self, of: &Of<'_>) -> bool {
        of.version >= 2 && !is_of_the_server() && !self.outgoing.is_held()
    }

    /// None where nobody knows yet; [`EXHAUSTED`] where the client hears as many topics as it may.
    pub(super) fn join_from(
        &self,
        client: u64,
        of: &Of<'_>,
        since: &SinceWhen<'_>,
        notices: [(u32, &[u8], u64); 3],
    ) -> Result<Option<Joined>, Status> {
        let topic = self.journal_name(of)?;
        let since = since.read()?;
        let [fresh, recovered, gap] = notices.map(notice);
        let notices = Notices {
            fresh: fresh?,
            recovered: recovered?,
            gap: gap?,
        };
        let client = self.open_client(client)?;
        if topic.is_empty() && !self.is_apart(client) {
            return Err(UNSUPPORTED);
        }
        let (reply, answer) = answer(!self.outgoing.is_held());
        let number = self.outgoing.post(Event::JoinFrom(Box::new(JoinFrom {
            client,
            topic,
            since,
            notices,
            reply,
        })))?;
        // What it is told comes first.
        come_behind(self.route.id, None, number);
        match wait(answer)? {
            None | Some(Joining::Later) => Ok(None),
            Some(Joining::Joined(joined)) => Ok(Some(joined)),
            Some(Joining::TooManyTopics) => Err(EXHAUSTED),
        }
    }

    /// What the file has is not waited for in a callback: [`LATER`], and in an `on_request` the callback is called
    /// again.
    pub(super) fn read(
        &self,
        of: &Of<'_>,
        since: &SinceWhen<'_>,
        messages_max: u64,
        bytes_max: u64,
    ) -> Result<Kept, Status> {
        let topic = self.journal_name(of)?;
        let asked = since.read()?;
        self.outgoing.check()?;
        let question = (
            topic.clone(),
            since.since,
            since.position.into(),
            since.last,
            messages_max,
            bytes_max,
        );
        if let Some(kept) = answers::known(&question) {
            return Ok(kept);
        }
        let (reply, answer) = bounded(2);
        self.outgoing.hub().post(Event::Read(Box::new(Read {
            topic,
            since: asked,
            messages_max: usize::try_from(messages_max).unwrap_or(usize::MAX),
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            reply,
        })));
        let first = answer.recv().map_err(|_| GONE)?;
        let then = match first {
            Answer::Kept(kept) => return Ok(kept),
            Answer::Later if answers::read_later(question, &answer) => return Err(LATER),
            Answer::Later if is_of_the_server() => return Err(LATER),
            Answer::Later => answer.recv().map_err(|_| GONE)?,
        };
        match then {
            Answer::Kept(kept) => Ok(kept),
            Answer::Later => Err(GONE),
        }
    }

    fn journal_name(&self, of: &Of<'_>) -> Result<Box<str>, Status> {
        if of.topic.is_empty() && of.version >= 2 {
            return Ok(Box::default());
        }
        match self.topic(of.topic)? {
            Audience::Topic(name) => Ok(name),
            Audience::Everyone => Err(INVALID),
        }
    }

    /// Whether it was admitted as one that does not hear everyone yet; one that has gone counts as such.
    fn is_apart(&self, client: ClientId) -> bool {
        let outbox = self.route.services.roster.outbox(client);
        outbox.is_none_or(|outbox| outbox.is_apart())
    }
}

/// Where an answer goes and comes from, if somebody waits for one.
fn answer<T>(is_wanted: bool) -> (Option<Sender<T>>, Option<Receiver<T>>) {
    is_wanted.then(|| bounded(1)).unzip()
}

/// Waits until the hub has come to what was posted, which never waits; gone where the route has ended before that.
fn wait<T>(answer: Option<Receiver<T>>) -> Result<Option<T>, Status> {
    let answer = answer.map(|answer| answer.recv().map_err(|_| GONE));
    answer.transpose()
}

fn notice((kind, payload, position_at): (u32, &[u8], u64)) -> Result<Option<Notice>, Status> {
    if kind == 0 {
        return Ok(None);
    }
    let opcode = opcode(kind, payload)?;
    Ok(Some(Notice {
        position_at: place(position_at, payload)?,
        message: Message::new(opcode, payload),
    }))
}

/// A place for a position inside a payload. What stands there is ASCII, so that text stays text.
fn place(at: u64, payload: &[u8]) -> Result<Option<usize>, Status> {
    if at == NO_PLACE {
        return Ok(None);
    }
    let begin = usize::try_from(at).map_err(|_| INVALID)?;
    let end = begin.checked_add(POSITION_BYTES).ok_or(INVALID)?;
    match payload.get(begin..end) {
        Some(place) if place.is_ascii() => Ok(Some(begin)),
        _ => Err(INVALID),
    }
}

#[cfg(test)]
mod tests {
    use super::{INVALID, NO_PLACE, POSITION_BYTES, place};

    #[test]
    fn a_place_lies_inside_the_message_and_holds_ascii() {
        let payload = [
            b"{\"id\":\"".as_slice(),
            &[b'-'; POSITION_BYTES],
            "\"ü".as_bytes(),
        ]
        .concat();
        assert_eq!(place(NO_PLACE, &payload), Ok(None));
        assert_eq!(place(7, &payload), Ok(Some(7)));
        assert_eq!(
            place(8, &payload),
            Ok(Some(8)),
            "what is written over is the plugin's"
        );
        for at in [9, 1000, u64::MAX - 1] {
            assert_eq!(place(at, &payload), Err(INVALID), "{at}");
        }
    }
}
