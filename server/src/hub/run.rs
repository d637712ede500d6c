//! A run: consecutive broadcasts to one topic as one contiguous piece of bytes.
//!
//! Every member gets the run with one send. A member that one of the broadcasts leaves out, or that
//! is sent something of its own in between, has patches and gets its own copy of the run. The bytes
//! of both are bounded together. Memory of one lane, of which outboxes that wait keep shares.

#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::members::Member;
use super::message::Message;
use super::queue::Queue;
use super::topic::TopicId;
use crate::compression::Deflated;
use crate::ids::{ByNumber, ClientId};
use crate::journal::{POSITION_BYTES, Position};
use crate::limits::{RUN_BYTES_MAX, RUN_KEPT_BYTES, SHARED_BYTES_LEAST};
use crate::outbox::encoding::Encoding;
use crate::outbox::marked::{ID_BYTES, Id, Instead, Marked};
use crate::outbox::shared::{Frames, Shared};

const _: () = assert!(ID_BYTES == POSITION_BYTES);

/// For one client, at one place of the run: skip some bytes, then insert some.
struct Patch {
    at: usize,
    skip: usize,
    insert: Vec<u8>,
    /// Compressed forms of what is inserted, where it is to be encoded yet.
    deflated: Option<Arc<Deflated>>,
}

/// The run that a round is collecting.
#[derive(Default)]
pub(super) struct Run {
    topic: Option<TopicId>,
    /// Nobody else has a share while it is collected.
    bytes: Arc<Shared>,
    messages: usize,
    patches: HashMap<ClientId, Vec<Patch>, ByNumber>,
    /// What the patches hold, and compressed forms, in bytes.
    bytes_beside: usize,
    /// Somebody gets something else than `bytes`: who has patches, or is written to in another encoding.
    is_mixed: bool,
    /// The run in each other encoding, once somebody needs it.
    encoded: [OnceCell<Arc<Shared>>; Encoding::COUNT],
    /// Positions of the frames in it, as far as somebody needs them.
    ids: Vec<Id>,
    /// Compressed forms of frames in it, each with the place where the frame begins.
    deflated: Vec<(usize, Arc<Deflated>)>,
}

/// The run as one member gets it that has patches.
struct Patched<'a> {
    frames: Vec<u8>,
    ids: Vec<Id>,
    instead: Vec<Instead<'a>>,
}

/// What one member gets of a run.
pub(super) enum Share<'a> {
    /// All of it.
    Whole(&'a Arc<Shared>),
    /// A copy with its patches.
    Patched(Vec<u8>),
}

impl Share<'_> {
    /// To be offered to its outbox.
    #[inline(always)]
    pub(super) fn frames(&self) -> Frames<'_> {
        match self {
            Share::Whole(run) => Frames::shared(run),
            Share::Patched(run) => Frames::copied(run),
        }
    }
}

impl Run {
    /// The topic whose members get it; none while there is nothing to send.
    pub(super) fn topic(&self) -> Option<TopicId> {
        self.topic
    }

    /// Whether so many bytes more are too many for one run.
    pub(super) fn is_full_for(&self, bytes: usize) -> bool {
        self.topic.is_some()
            && self.bytes.len() + self.bytes_beside + size_of::<Patch>() + bytes > RUN_BYTES_MAX
    }

    /// Broadcasts in it.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Appends a message for all members of `topic`, which is the run's or becomes it. A large one that
    /// begins a run is not copied.
    pub(super) fn push(&mut self, topic: TopicId, message: Message, except: Option<ClientId>) {
        self.note_deflated(&message);
        let is_large = message.frame().len() >= SHARED_BYTES_LEAST;
        if !is_large || !self.bytes.is_empty() {
            return self.push_frame(topic, message.frame(), except);
        }
        self.begin(topic, message.frame().len(), except);
        self.bytes = Arc::new(Shared::new(message.into_frame()));
    }

    /// Takes note of the compressed forms of the message that comes next.
    pub(super) fn note_deflated(&mut self, message: &Message) {
        if let Some(deflated) = message.deflated() {
            self.bytes_beside += deflated.bytes();
            self.deflated.push((self.bytes.len(), deflated.clone()));
        }
    }

    /// Appends a frame that is kept elsewhere too.
    pub(super) fn push_frame(&mut self, topic: TopicId, frame: &[u8], except: Option<ClientId>) {
        self.begin(topic, frame.len(), except);
        let bytes = Arc::make_mut(&mut self.bytes).bytes_mut();
        bytes.extend_from_slice(frame);
    }

    fn begin(&mut self, topic: TopicId, bytes: usize, except: Option<ClientId>) {
        self.topic = Some(topic);
        if let Some(client) = except {
            self.patch(client, bytes, Vec::new(), None);
        }
        self.messages += 1;
    }

    /// Puts a message for one member, who is written to in this encoding, behind what the run holds so far.
    pub(super) fn insert(&mut self, client: ClientId, message: &Message, encoding: Encoding) {
        match encoding {
            // What is put into a run stays as it is where that is encoded as frames, some of them compressed.
            Encoding::Deflate(_) => {
                let frame = message.in_encoding(encoding).into_owned();
                self.patch(client, 0, frame, None);
            }
            Encoding::Envelope(_) => {
                let deflated = message.deflated().cloned();
                self.patch(client, 0, message.frame().to_vec(), deflated);
            }
            _ => self.patch(client, 0, message.frame().to_vec(), None),
        }
    }

    fn patch(
        &mut self,
        client: ClientId,
        skip: usize,
        insert: Vec<u8>,
        deflated: Option<Arc<Deflated>>,
    ) {
        self.is_mixed = true;
        let beside = deflated.as_ref().map_or(0, |deflated| deflated.bytes());
        self.bytes_beside += size_of::<Patch>() + insert.len() + beside;
        let patch = Patch {
            at: self.bytes.len(),
            skip,
            insert,
            deflated,
        };
        self.patches.entry(client).or_default().push(patch);
    }

    /// Counts it for so many members: what is left out for one of them or put in less or more.
    pub(super) fn count(&self, members: usize, queue: &Queue) {
        let (mut messages, mut bytes) = (self.messages * members, self.bytes.len() * members);
        for patch in self.patches.values().flatten() {
            if patch.insert.is_empty() {
                messages -= 1;
            } else {
                messages += 1;
            }
            bytes = bytes + patch.insert.len() - patch.skip;
        }
        queue.count_deliveries(messages as u64, bytes as u64);
    }

    /// Some members may be written to in another encoding.
    pub(super) fn mix(&mut self) {
        self.is_mixed = true;
    }

    /// The frame that comes next has a position.
    pub(super) fn mark(&mut self, position: Position) {
        self.ids.push(Id {
            at: self.bytes.len(),
            text: position.text(),
        });
    }

    /// What every member gets, where they all get the same.
    pub(super) fn plain(&self) -> Option<Frames<'_>> {
        (!self.is_mixed).then(|| Frames::shared(&self.bytes))
    }

    /// What a member gets, in its encoding; `name` is the topic's. Frames become something else here: once for the
    /// run, and only where somebody needs it.
    #[inline(always)]
    pub(super) fn share_of(&self, member: &Member, name: Option<&str>) -> Share<'_> {
        if !self.is_mixed {
            return Share::Whole(&self.bytes);
        }
        self.encoded_for(member.client, member.outbox.encoding(), name)
    }

    fn encoded_for(&self, client: ClientId, encoding: Encoding, name: Option<&str>) -> Share<'_> {
        let patches = self.patches.get(&client);
        match (encoding, patches) {
            (Encoding::Frame, None) => Share::Whole(&self.bytes),
            (Encoding::Deflate(_), None) if self.deflated.is_empty() => Share::Whole(&self.bytes),
            (Encoding::Frame, Some(patches)) => Share::Patched(self.patched(patches).frames),
            (other, None) => {
                let encoded = &self.encoded[usize::from(other.number())];
                Share::Whole(encoded.get_or_init(|| {
                    let instead = self.instead(0, self.bytes.len(), 0).collect::<Vec<_>>();
                    let run = marked(&self.bytes, &self.ids, &instead, name);
                    Arc::new(Shared::new(other.of_run(&run).into_owned()))
                }))
            }
            (Encoding::Envelope(_), Some(patches)) => {
                Share::Patched(self.enveloped(encoding, patches, name))
            }
            (other, Some(patches)) => {
                let Patched {
                    frames,
                    ids,
                    instead,
                } = self.patched(patches);
                let run = marked(&frames, &ids, &instead, name);
                Share::Patched(other.of_run(&run).into_owned())
            }
        }
    }

    /// The compressed forms of what begins between two places of the run, where the first of them is moved to `to`.
    fn instead(&self, from: usize, until: usize, to: usize) -> impl Iterator<Item = Instead<'_>> {
        let place = |at| self.deflated.partition_point(|(of, _)| *of < at);
        let within = &self.deflated[place(from)..place(until)];
        within.iter().map(move |(at, deflated)| Instead {
            at: at - from + to,
            deflated,
        })
    }

    /// What a member gets in envelopes that has patches: what is for it alone is of no topic.
    fn enveloped(&self, encoding: Encoding, patches: &[Patch], name: Option<&str>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + self.bytes.len() / 4);
        let mut from = 0;
        let end = Patch::end(self.bytes.len());
        for patch in patches.iter().chain([&end]) {
            let ids: Vec<_> = self.ids_within(from, patch.at, 0).collect();
            let instead: Vec<_> = self.instead(from, patch.at, 0).collect();
            let part = marked(&self.bytes[from..patch.at], &ids, &instead, name);
            out.extend_from_slice(&encoding.of_run(&part));
            let deflated = patch.deflated.as_deref();
            let instead = deflated.map(|deflated| Instead { at: 0, deflated });
            let alone = marked(&patch.insert, &[], instead.as_slice(), None);
            out.extend_from_slice(&encoding.of_run(&alone));
            from = patch.at + patch.skip;
        }
        out
    }

    /// The positions of what begins between two places of the run, where the first of them is moved to `to`.
    fn ids_within(&self, from: usize, until: usize, to: usize) -> impl Iterator<Item = Id> {
        let place = |at| self.ids.partition_point(|id| id.at < at);
        let within = &self.ids[place(from)..place(until)];
        within.iter().map(move |id| Id {
            at: id.at - from + to,
            text: id.text,
        })
    }

    /// What one member gets that has patches, and what is known of that.
    fn patched(&self, patches: &[Patch]) -> Patched<'_> {
        let inserted: usize = patches.iter().map(|patch| patch.insert.len()).sum();
        let skipped: usize = patches.iter().map(|patch| patch.skip).sum();
        let mut frames = Vec::with_capacity(self.bytes.len() + inserted - skipped);
        let (mut ids, mut instead) = (Vec::new(), Vec::new());
        let mut from = 0;
        let end = Patch::end(self.bytes.len());
        for patch in patches.iter().chain([&end]) {
            let begin = frames.len();
            ids.extend(self.ids_within(from, patch.at, begin));
            instead.extend(self.instead(from, patch.at, begin));
            frames.extend_from_slice(&self.bytes[from..patch.at]);
            frames.extend_from_slice(&patch.insert);
            from = patch.at + patch.skip;
        }
        Patched {
            frames,
            ids,
            instead,
        }
    }

    /// Begins anew, with the memory of the last run unless somebody waits for that, or it was a large message.
    pub(super) fn clear(&mut self) {
        self.topic = None;
        match Arc::get_mut(&mut self.bytes).map(Shared::bytes_mut) {
            Some(bytes) if bytes.capacity() <= 2 * RUN_BYTES_MAX => bytes.clear(),
            _ => self.bytes = Arc::default(),
        }
        self.messages = 0;
        self.patches.clear();
        self.bytes_beside = 0;
        if std::mem::take(&mut self.is_mixed) {
            self.encoded = Default::default();
        }
        self.ids.clear();
        self.deflated.clear();
    }

    /// Gives memory back that a route does not need while it is silent.
    pub(super) fn shrink(&mut self) {
        if let Some(bytes) = Arc::get_mut(&mut self.bytes) {
            bytes.bytes_mut().shrink_to(RUN_KEPT_BYTES);
        }
        self.patches.shrink_to(0);
        self.deflated.shrink_to(0);
    }
}

impl Patch {
    /// Where the last part of a run of so many bytes ends: nothing.
    fn end(at: usize) -> Patch {
        Patch {
            at,
            skip: 0,
            insert: Vec::new(),
            deflated: None,
        }
    }
}

fn marked<'a>(
    frames: &'a [u8],
    ids: &'a [Id],
    instead: &'a [Instead<'a>],
    topic: Option<&'a str>,
) -> Marked<'a> {
    Marked {
        frames,
        ids,
        instead,
        topic,
        ..Marked::default()
    }
}

#[cfg(test)]
mod tests;
