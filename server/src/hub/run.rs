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

use super::members::{Member, TopicId};
use super::message::Message;
use super::queue::Queue;
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
mod tests {
    use std::sync::Arc;

    use super::{RUN_BYTES_MAX, Run, SHARED_BYTES_LEAST, Share};
    use crate::compression::{Demand, Inflater, Need, Shape, Window};
    use crate::hub::members::EVERYONE;
    use crate::hub::message::Message;
    use crate::ids::ClientId;
    use crate::journal::{Epoch, Position};
    use crate::outbox::encoding::Encoding;
    use crate::outbox::frame::{Opcode, encode, split};

    fn text(text: &str) -> Message {
        Message::new(Opcode::Text, text.as_bytes())
    }

    fn frames(texts: &[&str]) -> Vec<u8> {
        let encoded = texts
            .iter()
            .map(|text| encode(Opcode::Text, text.as_bytes()));
        encoded.flatten().collect()
    }

    #[test]
    fn patches_apply_in_order_and_only_to_their_client() {
        let topic = EVERYONE;
        let (one, two) = (ClientId(1), ClientId(2));
        let mut run = Run::default();
        run.push(topic, text("aa"), None);
        run.insert(one, &text("X"), Encoding::Frame);
        run.push(topic, text("bb"), Some(one));
        run.insert(one, &text("Y"), Encoding::Frame);
        run.push(topic, text("cc"), Some(two));
        let given = |client| {
            run.encoded_for(client, Encoding::Frame, None)
                .frames()
                .bytes()
                .to_vec()
        };
        assert_eq!(given(one), frames(&["aa", "X", "Y", "cc"]));
        assert_eq!(given(two), frames(&["aa", "bb"]));
        assert_eq!(given(ClientId(3)), frames(&["aa", "bb", "cc"]));
    }

    #[test]
    fn each_encoding_has_the_positions_of_what_is_left() {
        let (one, epoch) = (ClientId(1), Epoch::random());
        let at = |offset| Position { epoch, offset };
        let mut run = Run::default();
        run.mix();
        for (offset, except) in [(1, None), (2, Some(one)), (3, None)] {
            run.mark(at(offset));
            // No position has a space: "m2" stood in one of a hundred.
            let text = format!("m {offset}");
            run.push(
                EVERYONE,
                Message::new(Opcode::Text, text.as_bytes()),
                except,
            );
            let own = Message::new(Opcode::Text, b"own");
            run.insert(one, &own, Encoding::Frame);
        }
        for encoding in [Encoding::Envelope(None), Encoding::Event, Encoding::Answer] {
            let texts = |client| {
                let share = run.encoded_for(client, encoding, Some("t"));
                String::from_utf8_lossy(share.frames().bytes()).into_owned()
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
            assert!(!own.contains("m 2") && own.contains("m 3"), "{own}");
        }
    }

    #[test]
    fn each_window_gets_compressed_forms_where_there_are_some_patched_or_not() {
        let demand = Demand::default();
        let windows = [9, 15].map(|bits| Window::new(bits).expect("a window"));
        let shape = Shape::Bare;
        for window in windows {
            demand.set(Need { shape, window }, true);
        }
        let texts = [600, 30, 3000, 900].map(|length| "so it goes, and ".repeat(length / 16));
        let one = ClientId(1);
        let mut run = Run::default();
        run.mix();
        for (index, said) in texts.iter().enumerate() {
            let message = text(said).compressed(None, &demand);
            let except = (index == 2).then_some(one);
            run.push(EVERYONE, message, except);
            if index == 0 {
                let encoding = Encoding::Deflate(windows[0]);
                let alone = text(&texts[3]).compressed_for(encoding, &demand);
                run.insert(one, &alone, encoding);
            }
        }
        for window in windows {
            let heard = |client| {
                let share = run.encoded_for(client, Encoding::Deflate(window), None);
                inflated(share.frames().bytes(), window)
            };
            let all: Vec<_> = texts
                .iter()
                .map(|text| (text.clone(), text.len() > 256))
                .collect();
            assert_eq!(heard(ClientId(2)), all);
            let mut patched = all.clone();
            patched.remove(2);
            patched.insert(1, all[3].clone());
            assert_eq!(heard(one), patched);
        }
        let share = run.encoded_for(ClientId(2), Encoding::Frame, None);
        let plain: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(share.frames().bytes(), frames(&plain));
        run.clear();
        run.mix();
        run.push(EVERYONE, text("plain"), None);
        let share = run.encoded_for(one, Encoding::Deflate(windows[0]), None);
        assert_eq!(share.frames().bytes(), frames(&["plain"]));
    }

    /// Cause: what was sent to one alone in between said in its envelope that it was of the run's topic, and came plain.
    #[test]
    fn what_one_gets_alone_in_an_envelope_is_of_no_topic_and_compressed() {
        let demand = Demand::default();
        let window = Window::MOST;
        let encoding = Encoding::Envelope(Some(window));
        demand.set(encoding.need().expect("it is compressed"), true);
        let texts = [600, 900, 300].map(|length| "so it goes, and ".repeat(length / 16));
        let one = ClientId(1);
        let mut run = Run::default();
        run.mix();
        for said in &texts[..2] {
            let message = text(said).compressed(Some("t"), &demand);
            run.push(EVERYONE, message, None);
            let alone = text(&texts[2]).compressed_for(encoding, &demand);
            run.insert(one, &alone, encoding);
        }
        let heard = |client| {
            let share = run.encoded_for(client, encoding, Some("t"));
            inflated(share.frames().bytes(), window)
        };
        assert!(heard(one).iter().all(|(_, is_compressed)| *is_compressed));
        let envelopes = |client| {
            let texts = heard(client).into_iter().map(|(text, _)| text);
            texts
                .map(|text| serde_json::from_str::<serde_json::Value>(&text).expect("JSON"))
                .collect::<Vec<_>>()
        };
        let of_topic: Vec<_> = envelopes(ClientId(2));
        let own = serde_json::json!({"id": null, "topic": null, "data": texts[2]});
        assert!(of_topic.len() == 2 && of_topic.iter().all(|envelope| envelope["topic"] == "t"));
        let expected = [&of_topic[0], &own, &of_topic[1], &own];
        assert_eq!(envelopes(one).iter().collect::<Vec<_>>(), expected);
    }

    /// What a client hears of a run, and whether each came compressed.
    fn inflated(mut run: &[u8], window: Window) -> Vec<(String, bool)> {
        let mut heard = Vec::new();
        while let Some((_, payload, rest)) = split(run) {
            let is_compressed = run[0] & 0x40 != 0;
            let mut text = payload.to_vec();
            if is_compressed {
                let mut inflater = Inflater::new(window);
                text = vec![0; 10_000];
                let step = inflater.step(payload, &mut text).expect("a whole stream");
                text.truncate(step.written);
                inflater.end().expect("it is whole");
            }
            heard.push((String::from_utf8(text).expect("text"), is_compressed));
            run = rest;
        }
        heard
    }

    /// Cause: each of 100 members that did not read held its own copy of a message of 16 MiB.
    #[test]
    fn a_large_message_is_nowhere_copied() {
        let message = Message::new(Opcode::Binary, &[7; SHARED_BYTES_LEAST]);
        let place = message.frame().as_ptr();
        let mut run = Run::default();
        run.push(EVERYONE, message, Some(ClientId(1)));
        let Share::Whole(share) = run.encoded_for(ClientId(2), Encoding::Frame, None) else {
            panic!("it has no patch");
        };
        let kept = share.clone();
        assert!(
            run.encoded_for(ClientId(1), Encoding::Frame, None)
                .frames()
                .bytes()
                .is_empty()
        );
        run.clear();
        run.push(EVERYONE, text("next"), None);
        assert_eq!(kept.as_ptr(), place, "who waits keeps what it was");
        assert_eq!(Arc::strong_count(&kept), 1);
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
        run.push(EVERYONE, text("a"), None);
        let mut inserts = 0;
        let alone = Message::new(Opcode::Binary, &[b'x'; 1000]);
        while !run.is_full_for(1000) {
            run.insert(ClientId(1), &alone, Encoding::Frame);
            inserts += 1;
        }
        assert!(inserts * 1000 <= RUN_BYTES_MAX);
        run.clear();
        assert!(!run.is_full_for(RUN_BYTES_MAX));
        run.push(EVERYONE, text("a"), None);
        let mut skips = 0;
        while !run.is_full_for(0) {
            run.push(EVERYONE, text(""), Some(ClientId(1)));
            skips += 1;
        }
        assert!(skips < RUN_BYTES_MAX / 16, "a patch is not free");
    }
}
