//! A run of whole frames with what is known of its messages: what every other encoding is made of.
//!
//! Plain borrowed values, made by the hub's thread.

use super::frame::{self, Opcode};
use crate::compression::Deflated;

/// Bytes of a position.
pub const ID_BYTES: usize = 24;

/// The text of a position: ASCII that needs no escape anywhere.
pub type IdText = [u8; ID_BYTES];

/// The position of the frame that begins at some byte of a run.
#[derive(Clone, Copy, Debug)]
pub struct Id {
    /// Where it begins.
    pub at: usize,
    /// What it is.
    pub text: IdText,
}

/// What may be sent instead of the frame that begins at some byte of a run.
#[derive(Clone, Copy, Debug)]
pub struct Instead<'a> {
    /// Where it begins.
    pub at: usize,
    /// The same message in whole compressed frames.
    pub deflated: &'a Deflated,
}

/// Where a client stands in a topic, which it is told before anything of it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// It gets everything behind this position.
    pub id: IdText,
    /// Why something before that cannot be had.
    pub gap: Option<&'static str>,
}

/// Messages of one topic, for who is written to in whatever encoding.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marked<'a> {
    /// Comes before the messages.
    pub place: Option<Place>,
    /// The messages, each as one whole frame.
    pub frames: &'a [u8],
    /// Positions of frames, in their order, as far as they have one.
    pub ids: &'a [Id],
    /// What may be sent instead of frames, in their order, as far as there is something.
    pub instead: &'a [Instead<'a>],
    /// None for what is said to everyone of a route, or to one.
    pub topic: Option<&'a str>,
    /// Where who has got all of this goes on; none where the last of the ids says it.
    pub next: Option<IdText>,
    /// More is kept behind that.
    pub has_more: bool,
}

impl<'a> Marked<'a> {
    /// One message that is of no topic.
    pub fn alone(frame: &'a [u8]) -> Marked<'a> {
        Marked {
            frames: frame,
            ..Marked::default()
        }
    }

    /// Each with the place where its frame begins, and its position.
    pub(super) fn messages(
        &self,
    ) -> impl Iterator<Item = (usize, Option<&'a IdText>, Opcode, &'a [u8])> + use<'a> {
        let (frames, mut rest) = (self.frames, self.frames);
        let mut ids = self.ids.iter().peekable();
        std::iter::from_fn(move || {
            let at = frames.len() - rest.len();
            let (opcode, payload, behind) = frame::split(rest)?;
            rest = behind;
            let id = ids.next_if(|id| id.at == at);
            Some((at, id.map(|id| &id.text), opcode, payload))
        })
    }
}
