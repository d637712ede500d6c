//! Messages as events of an event stream (WHATWG HTML, section 9.2).
//!
//! Pure functions on bytes. Each event ends with an empty line and has no other, since every line of a message
//! stands behind `data: `.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use memchr::{memchr2, memmem};

use super::frame::{self, Opcode};

/// Keeps a stream alive: a comment, of which a client sees nothing.
pub const PING: &[u8] = b":\n\n";

/// Bytes of a position.
pub const ID_BYTES: usize = 24;

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

/// The position of the frame that begins at some byte of a run.
pub struct Id {
    /// Where it begins.
    pub at: usize,
    /// ASCII without line ends.
    pub text: [u8; ID_BYTES],
}

/// From where on a client hears, so that it can come back there: it sees nothing of that.
pub fn cursor(id: &[u8; ID_BYTES]) -> Vec<u8> {
    let mut out = Vec::new();
    append_id(&mut out, id);
    out.push(b'\n');
    out
}

/// Something before this position cannot be had.
pub fn gap(id: &[u8; ID_BYTES], why: &str) -> Vec<u8> {
    let mut out = b"event: gap\n".to_vec();
    append_id(&mut out, id);
    append_lines(&mut out, why.as_bytes());
    out
}

/// A run of whole frames as events, those with a position with their id. `ids` are those of this run, in
/// their order, and count from `start` for its first byte.
pub fn from_frames(mut run: &[u8], start: usize, ids: &[Id]) -> Vec<u8> {
    // A short message takes more than its frame, and a long one hardly.
    let mut out = Vec::with_capacity(run.len() + run.len() / 4 + 32 + ids.len() * (ID_BYTES + 5));
    let end = start + run.len();
    let mut ids = ids.iter().skip_while(|id| id.at < start).peekable();
    while let Some((opcode, payload, rest)) = frame::split(run) {
        if let Some(id) = ids.next_if(|id| id.at == end - run.len()) {
            append_id(&mut out, &id.text);
        }
        append(&mut out, opcode, payload);
        run = rest;
    }
    out
}

fn append_id(out: &mut Vec<u8>, id: &[u8; ID_BYTES]) {
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
    use super::{ID_BYTES, Id, close, encode, from_frames};
    use crate::outbox::frame::{self, Opcode};

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
        assert_eq!(from_frames(&run, 0, &[]), expected.concat());
        assert_eq!(from_frames(&[], 0, &[]), b"");
    }

    #[test]
    fn what_has_a_position_says_it() {
        let one = frame::encode(Opcode::Text, b"one");
        let run = [one.clone(), one.clone(), one.clone()].concat();
        let id = |at, byte| Id {
            at,
            text: [byte; ID_BYTES],
        };
        let ids = [id(0, b'a'), id(5, b'b'), id(15, b'c')];
        // Of a run whose first frame was left out, and whose last has none.
        let events = from_frames(&run[5..], 5, &ids);
        let second = format!("id: {}\ndata: one\n\n", "b".repeat(ID_BYTES));
        assert_eq!(
            String::from_utf8(events).expect("text"),
            second + "data: one\n\n"
        );
    }
}
