//! Messages as the body of one answer, in JSON: what who waits for them by a plain request is answered.
//!
//! Pure functions on bytes.

use super::json;
use super::marked::{IdText, Marked};

/// The body; nothing where there is nothing to tell yet.
pub(super) fn encode(run: &Marked<'_>) -> Vec<u8> {
    let gap = run.place.and_then(|place| place.gap);
    if run.frames.is_empty() && gap.is_none() {
        return Vec::new();
    }
    let last = run.ids.last().map(|id| id.text);
    let at = run.place.map(|place| place.id);
    body(run, run.next.or(last).or(at).as_ref())
}

/// The body where nothing was said for as long as the client waits.
pub fn silence(topic: Option<&str>, next: &IdText) -> Vec<u8> {
    let run = Marked {
        topic,
        ..Marked::default()
    };
    body(&run, Some(next))
}

fn body(run: &Marked<'_>, next: Option<&IdText>) -> Vec<u8> {
    let mut out = Vec::with_capacity(run.frames.len() + run.ids.len() * 64 + 128);
    out.push(b'{');
    json::append_text(&mut out, "topic", run.topic);
    out.extend_from_slice(b",\"messages\":[");
    for (index, (_, id, opcode, payload)) in run.messages().enumerate() {
        if index > 0 {
            json::append_comma(&mut out);
        }
        out.push(b'{');
        json::append_id(&mut out, "id", id);
        json::append_comma(&mut out);
        json::append_message(&mut out, "text", opcode, payload);
        out.push(b'}');
    }
    out.extend_from_slice(b"],");
    json::append_id(&mut out, "next", next);
    let more = if run.has_more { "true" } else { "false" };
    out.extend_from_slice(format!(",\"more\":{more},").as_bytes());
    json::append_text(&mut out, "gap", run.place.and_then(|place| place.gap));
    out.extend_from_slice(b"}\n");
    out
}

#[cfg(test)]
mod tests {
    use super::{encode, silence};
    use crate::outbox::frame::{self, Opcode};
    use crate::outbox::marked::{Id, Marked, Place};

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn an_answer_holds_what_is_there_and_says_where_to_go_on() {
        let mut frames = frame::encode(Opcode::Text, b"one");
        let ids = [0, frames.len()].map(|at| Id {
            at,
            text: [b'a' + at as u8; 24],
        });
        frames.extend(frame::encode(Opcode::Binary, b"\0"));
        let run = Marked {
            frames: &frames,
            ids: &ids,
            topic: Some("t"),
            has_more: true,
            ..Marked::default()
        };
        let (a, f) = ("a".repeat(24), "f".repeat(24));
        assert_eq!(
            text(encode(&run)),
            format!(
                r#"{{"topic":"t","messages":[{{"id":"{a}","text":"one"}},{{"id":"{f}","base64":"AA=="}}],"next":"{f}","more":true,"gap":null}}"#
            ) + "\n"
        );
    }

    #[test]
    fn a_gap_is_answered_at_once_and_a_place_alone_is_not() {
        let place = |gap| Marked {
            place: Some(Place {
                id: [b'0'; 24],
                gap,
            }),
            topic: Some("t"),
            ..Marked::default()
        };
        assert_eq!(encode(&place(None)), b"");
        let zeros = "0".repeat(24);
        let gap = text(encode(&place(Some("hole"))));
        assert_eq!(
            gap,
            format!(r#"{{"topic":"t","messages":[],"next":"{zeros}","more":false,"gap":"hole"}}"#)
                + "\n"
        );
        assert_eq!(
            text(silence(Some("t"), &[b'0'; 24])),
            gap.replace("\"hole\"", "null")
        );
    }
}
