//! A run: consecutive broadcasts to one topic as one contiguous piece of bytes.
//!
//! Every member gets the run with one send. A member that one of the broadcasts leaves out, or that
//! is sent something of its own in between, has patches and gets its own copy of the run. The bytes
//! of both are bounded together. Plain memory of one lane.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use super::members::{Member, TopicId};
use super::queue::Queue;
use crate::ids::{ByNumber, ClientId};
use crate::journal::{POSITION_BYTES, Position};
use crate::limits::{RUN_BYTES_MAX, RUN_KEPT_BYTES};
use crate::outbox::encoding::Encoding;
use crate::outbox::marked::{ID_BYTES, Id, Marked};

const _: () = assert!(ID_BYTES == POSITION_BYTES);

/// For one client, at one place of the run: skip some bytes, then insert some.
struct Patch {
    at: usize,
    skip: usize,
    insert: Vec<u8>,
}

/// The run that a round is collecting.
#[derive(Default)]
pub(super) struct Run {
    topic: Option<TopicId>,
    bytes: Vec<u8>,
    messages: usize,
    patches: HashMap<ClientId, Vec<Patch>, ByNumber>,
    /// What the patches hold, in bytes.
    patch_bytes: usize,
    /// Somebody gets something else than `bytes`: who has patches, or is written to in another encoding.
    is_mixed: bool,
    /// The run in each other encoding, once somebody needs it.
    encoded: [OnceCell<Vec<u8>>; Encoding::OTHERS.len() + 1],
    /// Positions of the frames in it, as far as somebody needs them.
    ids: Vec<Id>,
}

impl Run {
    /// The topic whose members get it; none while there is nothing to send.
    pub(super) fn topic(&self) -> Option<TopicId> {
        self.topic
    }

    /// Whether so many bytes more are too many for one run.
    pub(super) fn is_full_for(&self, bytes: usize) -> bool {
        self.topic.is_some()
            && self.bytes.len() + self.patch_bytes + size_of::<Patch>() + bytes > RUN_BYTES_MAX
    }

    /// Broadcasts in it.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Appends a frame for all members of `topic`, which is the run's or becomes it.
    pub(super) fn push(&mut self, topic: TopicId, frame: &[u8], except: Option<ClientId>) {
        self.topic = Some(topic);
        if let Some(client) = except {
            self.patch(client, frame.len(), Vec::new());
        }
        self.bytes.extend_from_slice(frame);
        self.messages += 1;
    }

    /// Puts a frame for one member behind what the run holds so far.
    pub(super) fn insert(&mut self, client: ClientId, frame: &[u8]) {
        self.patch(client, 0, frame.to_vec());
    }

    fn patch(&mut self, client: ClientId, skip: usize, insert: Vec<u8>) {
        self.is_mixed = true;
        self.patch_bytes += size_of::<Patch>() + insert.len();
        let at = self.bytes.len();
        let patch = Patch { at, skip, insert };
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

    /// What a member gets, in its encoding; `name` is the topic's. Frames become something else here: once for the
    /// run, and only where somebody needs it.
    #[inline(always)]
    pub(super) fn bytes_for(&self, member: &Member, name: Option<&str>) -> Cow<'_, [u8]> {
        if !self.is_mixed {
            return Cow::Borrowed(&self.bytes);
        }
        self.encoded_for(member.client, member.outbox.encoding(), name)
    }

    fn encoded_for(
        &self,
        client: ClientId,
        encoding: Encoding,
        name: Option<&str>,
    ) -> Cow<'_, [u8]> {
        let patches = self.patches.get(&client);
        match (encoding, patches) {
            (Encoding::Frame, None) => Cow::Borrowed(&self.bytes),
            (Encoding::Frame, Some(patches)) => Cow::Owned(self.patched(patches).0),
            (other, None) => Cow::Borrowed(self.encoded[other as usize].get_or_init(|| {
                let run = marked(&self.bytes, &self.ids, name);
                other.of_run(&run).into_owned()
            })),
            (other, Some(patches)) => {
                let (frames, ids) = self.patched(patches);
                let run = marked(&frames, &ids, name);
                Cow::Owned(other.of_run(&run).into_owned())
            }
        }
    }

    /// What one member gets that has patches, and the positions in that.
    fn patched(&self, patches: &[Patch]) -> (Vec<u8>, Vec<Id>) {
        let mut frames = Vec::with_capacity(self.bytes.len());
        let mut ids = Vec::new();
        let mut from = 0;
        let end = Patch {
            at: self.bytes.len(),
            skip: 0,
            insert: Vec::new(),
        };
        for patch in patches.iter().chain([&end]) {
            let begin = frames.len();
            let [first, last] =
                [from, patch.at].map(|at| self.ids.partition_point(|id| id.at < at));
            ids.extend(self.ids[first..last].iter().map(|id| Id {
                at: id.at - from + begin,
                text: id.text,
            }));
            frames.extend_from_slice(&self.bytes[from..patch.at]);
            frames.extend_from_slice(&patch.insert);
            from = patch.at + patch.skip;
        }
        (frames, ids)
    }

    /// Begins anew, with the memory of the last run.
    pub(super) fn clear(&mut self) {
        self.topic = None;
        self.bytes.clear();
        self.messages = 0;
        self.patches.clear();
        self.patch_bytes = 0;
        if std::mem::take(&mut self.is_mixed) {
            self.encoded = Default::default();
        }
        self.ids.clear();
    }

    /// Gives memory back that a route does not need while it is silent.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to(RUN_KEPT_BYTES);
        self.patches.shrink_to(0);
    }
}

fn marked<'a>(frames: &'a [u8], ids: &'a [Id], topic: Option<&'a str>) -> Marked<'a> {
    Marked {
        frames,
        ids,
        topic,
        ..Marked::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{RUN_BYTES_MAX, Run};
    use crate::hub::members::EVERYONE;
    use crate::ids::ClientId;
    use crate::journal::{Epoch, Position};
    use crate::outbox::encoding::Encoding;
    use crate::outbox::frame::{Opcode, encode};

    #[test]
    fn patches_apply_in_order_and_only_to_their_client() {
        let topic = EVERYONE;
        let (one, two) = (ClientId(1), ClientId(2));
        let mut run = Run::default();
        run.push(topic, b"aa", None);
        run.insert(one, b"X");
        run.push(topic, b"bb", Some(one));
        run.insert(one, b"Y");
        run.push(topic, b"cc", Some(two));
        let frames_for = |client| run.encoded_for(client, Encoding::Frame, None);
        assert_eq!(&*frames_for(one), b"aaXYcc");
        assert_eq!(&*frames_for(two), b"aabb");
        assert_eq!(&*frames_for(ClientId(3)), b"aabbcc");
    }

    #[test]
    fn each_encoding_has_the_positions_of_what_is_left() {
        let (one, epoch) = (ClientId(1), Epoch::random());
        let at = |offset| Position { epoch, offset };
        let mut run = Run::default();
        run.mix();
        for (offset, except) in [(1, None), (2, Some(one)), (3, None)] {
            run.mark(at(offset));
            let text = format!("m{offset}");
            run.push(EVERYONE, &encode(Opcode::Text, text.as_bytes()), except);
            run.insert(one, &encode(Opcode::Text, b"own"));
        }
        for encoding in Encoding::OTHERS {
            let texts = |client| {
                let bytes = run.encoded_for(client, encoding, Some("t"));
                String::from_utf8_lossy(&bytes).into_owned()
            };
            let has = |text: &str, position| text.contains(&at(position).to_string());
            let (all, own) = (texts(ClientId(2)), texts(one));
            for position in 1..=3 {
                assert!(has(&all, position), "{encoding:?}: {all}");
                assert_eq!(has(&own, position), position != 2, "{encoding:?}: {own}");
            }
            assert!(
                !all.contains("own") && own.matches("own").count() == 3,
                "{own}"
            );
            assert!(!own.contains("m2") && own.contains("m3"), "{own}");
        }
    }

    /// Cause: what was sent to single members in between was not counted, so that one run could hold as much
    /// of it as there were events in a round.
    #[test]
    fn what_single_members_get_counts_too() {
        let mut run = Run::default();
        assert!(
            !run.is_full_for(2 * RUN_BYTES_MAX),
            "one message may be large"
        );
        run.push(EVERYONE, b"a", None);
        let mut inserts = 0;
        while !run.is_full_for(1000) {
            run.insert(ClientId(1), &[b'x'; 1000]);
            inserts += 1;
        }
        assert!(inserts * 1000 <= RUN_BYTES_MAX);
        run.clear();
        assert!(!run.is_full_for(RUN_BYTES_MAX));
        run.push(EVERYONE, b"a", None);
        let mut skips = 0;
        while !run.is_full_for(0) {
            run.push(EVERYONE, b"", Some(ClientId(1)));
            skips += 1;
        }
        assert!(skips < RUN_BYTES_MAX / 16, "a patch is not free");
    }
}
