//! Messages in envelopes, as WebSocket frames: `{"id":"...","topic":"...","data":"..."}`.
//!
//! Pure functions on bytes. An envelope is a text frame whatever is in it; bytes stand in it as `"base64"`.

use super::frame::{self, Opcode};
use super::json;
use super::marked::{IdText, Marked, Place};

/// Messages as frames, each with its position and topic.
pub(super) fn encode(run: &Marked<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(run.frames.len() + run.ids.len() * 80 + 64);
    let mut envelope = Vec::new();
    if let Some(place) = &run.place {
        append_place(&mut envelope, place, run.topic);
        frame::append(&mut out, Opcode::Text, &envelope);
    }
    for (id, opcode, payload) in run.messages() {
        envelope.clear();
        open(&mut envelope, id, run.topic);
        json::append_message(&mut envelope, "data", opcode, payload);
        envelope.push(b'}');
        frame::append(&mut out, Opcode::Text, &envelope);
    }
    out
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
    use super::encode;
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
            texts(&encode(&run)),
            [
                r#"{"id":"000000000000000000000000","topic":"a/\"b\"","gap":"too-old"}"#,
                r#"{"id":null,"topic":"a/\"b\"","data":"say \"hi\"\n\u0007ü"}"#,
                r#"{"id":"aaaaaaaaaaaaaaaaaaaaaaaa","topic":"a/\"b\"","base64":"AP8K"}"#,
            ]
        );
        let alone = frame::encode(Opcode::Text, b"to you");
        assert_eq!(
            texts(&encode(&Marked::alone(&alone))),
            [r#"{"id":null,"topic":null,"data":"to you"}"#]
        );
    }
}
