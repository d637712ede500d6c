//! Messages in envelopes, as WebSocket frames: `{"id":"...","topic":"...","data":"..."}`.
//!
//! Pure functions on bytes. An envelope is a text frame whatever is in it; bytes stand in it as `"base64"`. What is
//! compressed was so by whoever said it, with a place for the position.

use super::frame::{self, Opcode};
use super::json;
use super::marked::{ID_BYTES, IdText, Marked, Place};
use crate::compression::{Need, Shape, Window};

/// What stands before the position.
const BEFORE_ID: &str = "{\"id\":\"";

/// Messages as frames, each with its position and topic.
pub(super) fn encode(run: &Marked<'_>, window: Option<Window>) -> Vec<u8> {
    let shape = Shape::Enveloped;
    let need = window.map(|window| Need { shape, window });
    let mut forms = run.instead.iter().peekable();
    let mut out = Vec::with_capacity(run.frames.len() + run.ids.len() * 80 + 64);
    let mut envelope = Vec::new();
    if let Some(place) = &run.place {
        append_place(&mut envelope, place, run.topic);
        frame::append(&mut out, Opcode::Text, &envelope);
    }
    for (at, id, opcode, payload) in run.messages() {
        let instead = forms.next_if(|instead| instead.at == at);
        if let Some(form) = instead
            .zip(need)
            .and_then(|(of, need)| of.deflated.form(need))
        {
            out.extend_from_slice(form);
            continue;
        }
        envelope.clear();
        append(&mut envelope, id, run.topic, opcode, payload);
        frame::append(&mut out, Opcode::Text, &envelope);
    }
    out
}

/// The payload of one envelope.
fn append(
    out: &mut Vec<u8>,
    id: Option<&IdText>,
    topic: Option<&str>,
    opcode: Opcode,
    payload: &[u8],
) {
    open(out, id, topic);
    json::append_message(out, "data", opcode, payload);
    out.push(b'}');
}

/// A message of a topic in its envelope, without a position, or with a place for one: where that begins and ends.
pub struct Sealed {
    /// The payload of a text frame.
    pub payload: Vec<u8>,
    /// Where the position is to stand.
    pub place: Option<(usize, usize)>,
}

impl Sealed {
    /// One without a position.
    pub fn new(topic: Option<&str>, opcode: Opcode, message: &[u8]) -> Sealed {
        Sealed::with(None, topic, opcode, message)
    }

    /// One with a place for its position.
    pub fn with_place(topic: Option<&str>, opcode: Opcode, message: &[u8]) -> Sealed {
        Sealed::with(Some(&[b'0'; ID_BYTES]), topic, opcode, message)
    }

    fn with(id: Option<&IdText>, topic: Option<&str>, opcode: Opcode, message: &[u8]) -> Sealed {
        let mut payload = Vec::with_capacity(message.len() + message.len() / 8 + 80);
        append(&mut payload, id, topic, opcode, message);
        let begin = BEFORE_ID.len();
        Sealed {
            payload,
            place: id.map(|_| (begin, begin + ID_BYTES)),
        }
    }
}

/// From where on a client hears a topic, and whether something before that is missing: an envelope without a message.
fn append_place(out: &mut Vec<u8>, place: &Place, topic: Option<&str>) {
    open(out, Some(&place.id), topic);
    json::append_text(out, "gap", place.gap);
    out.push(b'}');
}

fn open(out: &mut Vec<u8>, id: Option<&IdText>, topic: Option<&str>) {
    out.push(b'{');
    json::append_id(out, "id", id);
    json::append_comma(out);
    json::append_text(out, "topic", topic);
    json::append_comma(out);
}

#[cfg(test)]
mod tests {
    use super::{Sealed, encode};
    use crate::outbox::frame::{self, Opcode};
    use crate::outbox::marked::{Id, Marked, Place};

    fn texts(mut run: &[u8]) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some((opcode, payload, rest)) = frame::split(run) {
            assert_eq!(opcode, Opcode::Text);
            texts.push(String::from_utf8(payload.to_vec()).expect("text"));
            run = rest;
        }
        texts
    }

    #[test]
    fn a_message_stands_in_its_envelope_with_its_position_and_topic() {
        let mut frames = frame::encode(Opcode::Text, "say \"hi\"\n\u{7}ü".as_bytes());
        let second = frames.len();
        frames.extend(frame::encode(Opcode::Binary, &[0, 255, 10]));
        let ids = [Id {
            at: second,
            text: [b'a'; 24],
        }];
        let run = Marked {
            frames: &frames,
            ids: &ids,
            topic: Some("a/\"b\""),
            place: Some(Place {
                id: [b'0'; 24],
                gap: Some("too-old"),
            }),
            ..Marked::default()
        };
        assert_eq!(
            texts(&encode(&run, None)),
            [
                r#"{"id":"000000000000000000000000","topic":"a/\"b\"","gap":"too-old"}"#,
                r#"{"id":null,"topic":"a/\"b\"","data":"say \"hi\"\n\u0007ü"}"#,
                r#"{"id":"aaaaaaaaaaaaaaaaaaaaaaaa","topic":"a/\"b\"","base64":"AP8K"}"#,
            ]
        );
        let alone = frame::encode(Opcode::Text, b"to you");
        assert_eq!(
            texts(&encode(&Marked::alone(&alone), None)),
            [r#"{"id":null,"topic":null,"data":"to you"}"#]
        );
    }
    #[test]
    fn the_place_of_a_position_is_where_it_stands() {
        let sealed = Sealed::with_place(Some("t"), Opcode::Text, b"said");
        let (begin, end) = sealed.place.expect("there is one");
        let mut payload = sealed.payload;
        payload[begin..end].copy_from_slice(&[b'a'; 24]);
        let frame = frame::encode(Opcode::Text, b"said");
        let text = [b'a'; 24];
        let run = Marked {
            ids: &[Id { at: 0, text }],
            topic: Some("t"),
            ..Marked::alone(&frame)
        };
        assert_eq!(
            texts(&encode(&run, None)),
            [String::from_utf8_lossy(&payload)]
        );
    }
}
