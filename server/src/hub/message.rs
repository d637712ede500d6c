//! What is said on a route, and for whom.
//!
//! Plain values, made by whoever speaks and read by the hub's thread.

use std::borrow::Cow;
use std::sync::Arc;

use crate::compression::{Deflated, Demand, Need, Plain, Shape};
use crate::journal::store::Line;
use crate::journal::{POSITION_BYTES, Position};
use crate::outbox::encoding::Encoding;
use crate::outbox::envelope::Sealed;
use crate::outbox::frame::{self, Opcode};
use crate::outbox::marked::{Instead, Marked};

/// Whom a message on a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Every client of the route.
    Everyone,
    /// The members of a topic of the route.
    Topic(Box<str>),
}

impl Audience {
    /// The one of a journal: what is said to everyone has the journal of the empty name, which no topic has.
    pub fn of_journal(name: Box<str>) -> Audience {
        match name.is_empty() {
            true => Audience::Everyone,
            false => Audience::Topic(name),
        }
    }

    /// The topic's name; none for everyone.
    pub fn name(&self) -> Option<&str> {
        match self {
            Audience::Everyone => None,
            Audience::Topic(name) => Some(name),
        }
    }

    /// The name of its journal.
    pub(super) fn journal(&self) -> &str {
        match self {
            Audience::Everyone => "",
            Audience::Topic(name) => name,
        }
    }
}

/// What is said to clients. It is encoded as a frame by who says it, so that the hub only copies bytes; what others
/// need instead is made of that, once for a run.
pub struct Message {
    frame: Vec<u8>,
    /// The same in compressed frames, which some clients may be sent instead.
    deflated: Option<Arc<Deflated>>,
}

impl Message {
    /// A message of one whole frame; `payload` of a text is UTF-8.
    pub fn new(opcode: Opcode, payload: &[u8]) -> Message {
        Message {
            frame: frame::encode(opcode, payload),
            deflated: None,
        }
    }

    /// The same message, compressed too for those members of a route that `demand` it; on the thread of who says it, to
    /// everyone or a topic. Waits a moment at most, where many compress.
    #[inline]
    pub fn compressed(self, topic: Option<&str>, demand: &Demand) -> Message {
        match demand.level(self.payload().len()) {
            Some(_) => self.compressed_for_all(None, topic, demand, Sealed::new),
            None => self,
        }
    }

    /// The same for what is to be kept: its position is yet to be written, at `position_at` of the payload, where it is to
    /// stand in it, and over a place that ends inside it.
    pub fn compressed_to_keep(
        self,
        position_at: Option<usize>,
        topic: Option<&str>,
        demand: &Demand,
    ) -> Message {
        match demand.level(self.payload().len()) {
            Some(_) => self.compressed_for_all(position_at, topic, demand, Sealed::with_place),
            None => self,
        }
    }

    #[cold]
    fn compressed_for_all(
        mut self,
        position_at: Option<usize>,
        topic: Option<&str>,
        demand: &Demand,
        seal: impl Fn(Option<&str>, Opcode, &[u8]) -> Sealed,
    ) -> Message {
        let opcode = self.opcode();
        let mut deflated = Deflated::default();
        let plain = Plain {
            shape: Shape::Bare,
            payload: self.payload(),
            place: position_at.map(|at| (at, at + POSITION_BYTES)),
        };
        let wrap = |small: &[u8]| frame::encode_compressed(opcode, small);
        deflated.add_for_all(plain, demand, wrap);
        // An envelope around a message that has its position in it itself would have two of them to be written.
        if demand.needs(Shape::Enveloped) && position_at.is_none() {
            let sealed = seal(topic, opcode, self.payload());
            let wrap = |small: &[u8]| frame::encode_compressed(Opcode::Text, small);
            deflated.add_for_all(enveloped(&sealed), demand, wrap);
        }
        self.deflated = deflated.if_any().map(Arc::new);
        self
    }

    /// The same for one client, which is written to in this encoding.
    pub fn compressed_for(mut self, encoding: Encoding, demand: &Demand) -> Message {
        let level = demand.level_for_one(self.payload().len());
        let Some((Need { shape, window }, level)) = encoding.need().zip(level) else {
            return self;
        };
        let mut deflated = Deflated::default();
        match shape {
            Shape::Bare => {
                let payload = self.payload();
                let place = None;
                let plain = Plain {
                    shape,
                    payload,
                    place,
                };
                let wrap = |small: &[u8]| frame::encode_compressed(self.opcode(), small);
                deflated.add_for_one(plain, window, level, wrap);
            }
            Shape::Enveloped => {
                let sealed = Sealed::new(None, self.opcode(), self.payload());
                let wrap = |small: &[u8]| frame::encode_compressed(Opcode::Text, small);
                deflated.add_for_one(enveloped(&sealed), window, level, wrap);
            }
        }
        self.deflated = deflated.if_any().map(Arc::new);
        self
    }

    /// For one client alone.
    pub(super) fn in_encoding(&self, encoding: Encoding) -> Cow<'_, [u8]> {
        let instead = self
            .deflated
            .as_ref()
            .map(|deflated| Instead { at: 0, deflated });
        let run = Marked {
            instead: instead.as_slice(),
            ..Marked::alone(&self.frame)
        };
        match encoding.of_run(&run) {
            // A compressed form lives as long as the message, and not only as `run`.
            Cow::Owned(bytes) => Cow::Owned(bytes),
            Cow::Borrowed(_) => Cow::Borrowed(&self.frame),
        }
    }

    /// Its compressed forms, where there are some.
    pub(super) fn deflated(&self) -> Option<&Arc<Deflated>> {
        self.deflated.as_ref()
    }

    /// As one frame, whole and unmasked.
    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// The same, to be kept.
    pub(super) fn into_frame(self) -> Vec<u8> {
        self.frame
    }

    /// What it is.
    pub fn opcode(&self) -> Opcode {
        frame::opcode(&self.frame)
    }

    /// What it says.
    pub fn payload(&self) -> &[u8] {
        frame::payload(&self.frame)
    }

    /// Writes its position over the places that were left for it: at `at` of the payload, where it is to stand in that,
    /// and in what was compressed. What was compressed without a place for it says something else, and goes.
    pub(super) fn set_positions(&mut self, at: Option<usize>, position: Position) {
        let text = position.text();
        if let Some(at) = at {
            let payload = frame::payload_mut(&mut self.frame);
            payload[at..at + POSITION_BYTES].copy_from_slice(&text);
        }
        // Nobody else has a share of it before it is said.
        if let Some(deflated) = self.deflated.as_mut().and_then(Arc::get_mut) {
            if at.is_some() {
                deflated.fill(Shape::Bare, &text);
            }
            deflated.fill(Shape::Enveloped, &text);
        }
    }

    /// What is to be kept, as it is said before it has a position of its own: another one is written at `position_at` of its
    /// payload, where both are known. Compresses nothing: what was is copied, as far as it says the same.
    pub fn before_it_is_kept(
        &self,
        position_at: Option<usize>,
        position: Option<Position>,
    ) -> Message {
        let mut message = Message {
            frame: self.frame.clone(),
            deflated: None,
        };
        let mut deflated = self.deflated.as_deref().cloned();
        if let Some(deflated) = &mut deflated {
            deflated.leave_unfilled(Shape::Enveloped);
        }
        if let Some((at, position)) = position_at.zip(position) {
            let text = position.text();
            frame::payload_mut(&mut message.frame)[at..at + POSITION_BYTES].copy_from_slice(&text);
            if let Some(deflated) = &mut deflated {
                deflated.fill(Shape::Bare, &text);
            }
        }
        message.deflated = deflated.and_then(Deflated::if_any).map(Arc::new);
        message
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.frame.len()
            + self
                .deflated
                .as_ref()
                .map_or(0, |deflated| deflated.bytes())
    }
}

fn enveloped(sealed: &Sealed) -> Plain<'_> {
    Plain {
        shape: Shape::Enveloped,
        payload: &sealed.payload,
        place: sealed.place,
    }
}

impl Line for Message {
    fn kind(&self) -> u8 {
        self.opcode() as u8
    }

    fn payload(&self) -> &[u8] {
        Message::payload(self)
    }

    fn read(kind: u8, payload: &[u8]) -> Option<Message> {
        let opcode = [Opcode::Text, Opcode::Binary]
            .into_iter()
            .find(|&of| of as u8 == kind)?;
        let is_valid = opcode == Opcode::Binary || simdutf8::basic::from_utf8(payload).is_ok();
        is_valid.then(|| Message::new(opcode, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::{Audience, Line, Message, Opcode};
    use crate::compression::{Demand, Inflater, Need, Shape, Window};
    use crate::journal::{Epoch, POSITION_BYTES, Position};
    use crate::outbox::frame;

    /// The payload of a compressed frame.
    fn inflated(form: &[u8]) -> Vec<u8> {
        let mut inflater = Inflater::new(Window::MOST);
        let mut text = vec![0; 10_000];
        let step = inflater.step(frame::payload(form), &mut text);
        text.truncate(step.expect("a whole stream").written);
        inflater.end().expect("it is whole");
        text
    }

    /// Cause: mutants survived in which each topic had the same name for who compresses what is said on it.
    #[test]
    fn an_audience_has_the_name_of_its_topic_and_that_of_all_none() {
        let topic = Audience::Topic("t".into());
        assert_eq!((topic.name(), topic.journal()), (Some("t"), "t"));
        let everyone = Audience::Everyone;
        assert_eq!((everyone.name(), everyone.journal()), (None, ""));
        for audience in [topic, everyone] {
            let journal = audience.journal().into();
            assert_eq!(Audience::of_journal(journal), audience);
        }
    }

    /// Cause: a mutant survived that counted a message for less the more there is of it.
    #[test]
    fn a_message_takes_what_it_is_in_each_of_its_forms() {
        let demand = Demand::default();
        let (shape, window) = (Shape::Bare, Window::MOST);
        demand.set(Need { shape, window }, true);
        let text = "so it goes, and ".repeat(100);
        let message = Message::new(Opcode::Text, text.as_bytes()).compressed(None, &demand);
        let deflated = message.deflated().expect("it can be compressed").bytes();
        assert!(deflated > 0);
        assert_eq!(message.bytes(), message.frame().len() + deflated);
    }

    /// Cause: what was heard here alone was compressed anew, by the hub too, under a lock of the route.
    #[test]
    fn what_is_said_before_it_is_kept_has_another_position_and_what_was_compressed_of_it() {
        let position = Position {
            epoch: Epoch::random(),
            offset: 7,
        };
        let text = format!("{} {}", "-".repeat(POSITION_BYTES), "and on ".repeat(50));
        let said = text.replacen(&"-".repeat(POSITION_BYTES), &position.to_string(), 1);
        let demand = Demand::default();
        let keep = || {
            let message = Message::new(Opcode::Text, text.as_bytes());
            message.compressed_to_keep(Some(0), Some("t"), &demand)
        };
        let plain = keep();
        let window = Window::MOST;
        let need = |shape| Need { shape, window };
        for shape in [Shape::Bare, Shape::Enveloped] {
            demand.set(need(shape), true);
        }
        let now = plain.before_it_is_kept(Some(0), Some(position));
        assert_eq!(now.payload(), said.as_bytes());
        assert!(now.deflated().is_none(), "nothing is compressed");
        for (position, says) in [(Some(position), &said), (None, &text)] {
            let now = keep().before_it_is_kept(Some(0), position);
            assert_eq!(now.payload(), says.as_bytes());
            let form = now.deflated().and_then(|of| of.form(need(Shape::Bare)));
            assert_eq!(inflated(form.expect("it was compressed")), says.as_bytes());
        }
        let sealed = Message::new(Opcode::Text, text.as_bytes());
        let sealed = sealed.compressed_to_keep(None, Some("t"), &demand);
        let now = sealed.before_it_is_kept(None, Some(position));
        assert_eq!(now.payload(), text.as_bytes());
        let form = |shape| now.deflated().and_then(|of| of.form(need(shape)));
        assert!(form(Shape::Bare).is_some());
        assert!(form(Shape::Enveloped).is_none(), "that says a position");
    }

    /// Cause: a mutant that kept every message as text survived: what is binary would have come back from a file as text.
    #[test]
    fn what_a_file_keeps_comes_back_as_what_it_was() {
        for (opcode, payload) in [
            (Opcode::Text, "naïve".as_bytes()),
            (Opcode::Binary, &[0xff, 0x00][..]),
            (Opcode::Binary, b"text by chance"),
        ] {
            let message = Message::new(opcode, payload);
            let read = <Message as Line>::read(message.kind(), Line::payload(&message));
            let read = read.expect("it is valid");
            assert_eq!((read.opcode(), Line::payload(&read)), (opcode, payload));
        }
        let text = Message::new(Opcode::Text, b"").kind();
        assert!(<Message as Line>::read(text, b"\xff").is_none(), "no UTF-8");
        assert!(<Message as Line>::read(7, b"").is_none(), "no such kind");
    }
}
