//! Messages as events of an event stream (WHATWG HTML, section 9.2).
//!
//! Pure functions on bytes. Each event ends with an empty line and has no other, since every line of a message
//! stands behind `data: `.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use memchr::{memchr2, memmem};

use super::frame::Opcode;
use super::marked::{ID_BYTES, IdText, Marked, Place};

/// Keeps a stream alive: a comment, of which a client sees nothing.
pub(super) const PING: &[u8] = b":\n\n";

/// What ends an event.
const END: &[u8] = b"\n\n";

/// One message.
pub(super) fn encode(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 16);
    append(&mut out, opcode, payload);
    out
}

/// The last event: why the server ends the stream. A client that does not listen for it comes back.
pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    let mut out = b"event: close\n".to_vec();
    append_lines(&mut out, format!("{code} {reason}").trim_end().as_bytes());
    out
}

/// Messages as events, those with a position with their id.
pub(super) fn encode_run(run: &Marked<'_>) -> Vec<u8> {
    // A short message takes more than its frame, and a long one hardly.
    let room = run.frames.len() + run.frames.len() / 4 + 32 + run.ids.len() * (ID_BYTES + 5);
    let mut out = Vec::with_capacity(room);
    if let Some(place) = &run.place {
        append_place(&mut out, place);
    }
    for (_, id, opcode, payload) in run.messages() {
        if let Some(id) = id {
            append_id(&mut out, id);
        }
        append(&mut out, opcode, payload);
    }
    out
}

/// From where on a client hears, so that it can come back there: it sees nothing of that, but where something
/// before it cannot be had.
fn append_place(out: &mut Vec<u8>, place: &Place) {
    if place.gap.is_some() {
        out.extend_from_slice(b"event: gap\n");
    }
    append_id(out, &place.id);
    match place.gap {
        Some(why) => append_lines(out, why.as_bytes()),
        None => out.push(b'\n'),
    }
}

fn append_id(out: &mut Vec<u8>, id: &IdText) {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(id);
    out.push(b'\n');
}

fn append(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    match opcode {
        Opcode::Text => append_lines(out, payload),
        Opcode::Binary => {
            out.extend_from_slice(b"event: binary\n");
            append_lines(out, BASE64_STANDARD.encode(payload).as_bytes());
        }
        Opcode::Ping => out.extend_from_slice(PING),
        Opcode::Close => {}
    }
}

/// A `data` line for each line of `text`, whatever ends it: a browser joins them by line feeds.
fn append_lines(out: &mut Vec<u8>, mut text: &[u8]) {
    loop {
        out.extend_from_slice(b"data: ");
        let Some(end) = memchr2(b'\n', b'\r', text) else {
            out.extend_from_slice(text);
            out.extend_from_slice(END);
            return;
        };
        out.extend_from_slice(&text[..end]);
        out.push(b'\n');
        let is_pair = text[end..].starts_with(b"\r\n");
        text = &text[end + 1 + usize::from(is_pair)..];
    }
}

/// Bytes of the event that begins `run`, its end included.
pub(super) fn length(run: &[u8]) -> usize {
    memmem::find(run, END).map_or(run.len(), |end| end + END.len())
}

#[cfg(test)]
mod tests {
    use super::{close, encode, encode_run};
    use crate::outbox::frame::{self, Opcode};
    use crate::outbox::marked::{ID_BYTES, Id, Marked, Place};

    fn text(text: &str) -> String {
        String::from_utf8(encode(Opcode::Text, text.as_bytes())).expect("text stays text")
    }

    #[test]
    fn every_line_is_data_whatever_ends_it() {
        for (message, event) in [
            ("", "data: \n\n"),
            ("hello", "data: hello\n\n"),
            (" led", "data:  led\n\n"),
            ("a\nb\rc\r\nd", "data: a\ndata: b\ndata: c\ndata: d\n\n"),
            ("\n\n", "data: \ndata: \ndata: \n\n"),
            ("a\r\n", "data: a\ndata: \n\n"),
            (
                "x\n\ndata: y\nid: 7",
                "data: x\ndata: \ndata: data: y\ndata: id: 7\n\n",
            ),
        ] {
            assert_eq!(text(message), event, "{message:?}");
        }
    }

    #[test]
    fn bytes_are_base64_under_another_name() {
        let event = encode(Opcode::Binary, &[0, 255, 10, 10]);
        assert_eq!(event, b"event: binary\ndata: AP8KCg==\n\n");
    }

    #[test]
    fn the_end_says_why() {
        assert_eq!(
            close(1001, "bye\nbye"),
            b"event: close\ndata: 1001 bye\ndata: bye\n\n"
        );
        assert_eq!(close(1000, ""), b"event: close\ndata: 1000\n\n");
    }

    #[test]
    fn a_run_of_frames_becomes_a_run_of_events() {
        let mut run = frame::encode(Opcode::Text, b"one");
        run.extend(frame::encode(Opcode::Binary, &[7; 70_000]));
        run.extend(frame::encode(Opcode::Text, "ä".repeat(100).as_bytes()));
        let expected = [
            encode(Opcode::Text, b"one"),
            encode(Opcode::Binary, &[7; 70_000]),
            encode(Opcode::Text, "ä".repeat(100).as_bytes()),
        ];
        assert_eq!(encode_run(&Marked::alone(&run)), expected.concat());
        assert_eq!(encode_run(&Marked::default()), b"");
    }

    #[test]
    fn what_has_a_position_says_it() {
        let one = frame::encode(Opcode::Text, b"one");
        let run = [one.clone(), one.clone(), one.clone()].concat();
        let id = |at, byte| Id {
            at,
            text: [byte; ID_BYTES],
        };
        let ids = [id(0, b'a'), id(10, b'b')];
        let place = |gap| {
            Some(Place {
                id: [b'0'; ID_BYTES],
                gap,
            })
        };
        let marked = |gap| Marked {
            place: place(gap),
            frames: &run,
            ids: &ids,
            ..Marked::default()
        };
        let [zeros, a, b] = ["0", "a", "b"].map(|digit| digit.repeat(ID_BYTES));
        let messages = format!("id: {a}\ndata: one\n\ndata: one\n\nid: {b}\ndata: one\n\n");
        for (gap, place) in [
            (None, format!("id: {zeros}\n\n")),
            (
                Some("hole"),
                format!("event: gap\nid: {zeros}\ndata: hole\n\n"),
            ),
        ] {
            let events = String::from_utf8(encode_run(&marked(gap))).expect("text");
            assert_eq!(events, place + &messages);
        }
    }
}
