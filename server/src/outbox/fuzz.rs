//! Event streams as a fuzzer and the tests drive them: messages in, what a browser hears out.
//!
//! The reader is written after the standard (WHATWG HTML, section 9.2.6) and knows nothing of how events are
//! written here.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::encoding::Encoding;
use super::event::{self, ID_BYTES, Id};
use super::frame::{self, Opcode};

/// A message that is said.
struct Said {
    opcode: Opcode,
    payload: Vec<u8>,
    id: Option<[u8; ID_BYTES]>,
}

/// What a page gets of one event.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    kind: String,
    data: String,
    last_id: String,
}

/// Asserts that whatever is said on a topic, a browser hears each message once, as it was said, with its position,
/// and that wherever a run is cut, whole messages are left.
pub(crate) fn events_hold(data: &[u8]) {
    let said = messages(data);
    let (mut run, mut ids) = (Vec::new(), Vec::new());
    // As one of many runs, which does not begin at the first byte of all.
    let start = data.len();
    let (mut frame_ends, mut event_ends) = (Vec::new(), Vec::new());
    let mut events_apart = Vec::new();
    for message in &said {
        let frame = frame::encode(message.opcode, &message.payload);
        let at = start + run.len();
        let id = message.id.map(|text| Id { at, text });
        events_apart.extend(event::from_frames(&frame, at, id.as_slice()));
        ids.extend(id);
        run.extend(frame);
        frame_ends.push(run.len());
        event_ends.push(events_apart.len());
    }
    let events = event::from_frames(&run, start, &ids);
    assert_eq!(events, events_apart, "together as one by one");
    let text = std::str::from_utf8(&events).expect("event streams are UTF-8");
    assert_eq!(listen(text), expected(&said));
    cuts_hold(Encoding::Frame, &run, &frame_ends);
    cuts_hold(Encoding::Event, &events, &event_ends);
}

/// A byte says what comes and a second one how long it is, as far as there is so much.
fn messages(mut data: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    while let [what, length, rest @ ..] = data {
        let (payload, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        // Some have a length of two bytes, some of eight.
        let times = [1, 1, 2, 300][usize::from(what >> 6)];
        let (opcode, payload) = match what & 3 {
            // The host takes no other text.
            0 | 1 => {
                let text = String::from_utf8_lossy(payload).repeat(times);
                (Opcode::Text, text.into_bytes())
            }
            2 => (Opcode::Binary, payload.repeat(times)),
            _ => (Opcode::Ping, Vec::new()),
        };
        let has_id = opcode != Opcode::Ping && what & 4 != 0;
        said.push(Said {
            opcode,
            payload,
            id: has_id.then_some([b'a' + (what >> 3) % 26; ID_BYTES]),
        });
    }
    said
}

fn expected(said: &[Said]) -> Vec<Heard> {
    let mut last_id = String::new();
    let mut heard = Vec::new();
    for message in said {
        if let Some(id) = &message.id {
            last_id = String::from_utf8_lossy(id).into_owned();
        }
        let (kind, data) = match message.opcode {
            Opcode::Text => {
                let text = String::from_utf8_lossy(&message.payload);
                // A browser has one line end.
                ("", text.replace("\r\n", "\n").replace('\r', "\n"))
            }
            Opcode::Binary => ("binary", BASE64_STANDARD.encode(&message.payload)),
            Opcode::Ping | Opcode::Close => continue,
        };
        heard.push(Heard {
            kind: kind.to_owned(),
            data,
            last_id: last_id.clone(),
        });
    }
    heard
}

fn listen(stream: &str) -> Vec<Heard> {
    let lines = stream.replace("\r\n", "\n").replace('\r', "\n");
    let (mut heard, mut event) = (Vec::new(), Heard::default());
    for line in lines.split_terminator('\n') {
        if line.is_empty() {
            let last_id = event.last_id.clone();
            let mut whole = std::mem::take(&mut event);
            event.last_id = last_id;
            // What has no data is nothing to the page.
            if whole.data.pop().is_some() {
                heard.push(whole);
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => event.data.extend([value, "\n"]),
            "event" => value.clone_into(&mut event.kind),
            "id" if !value.contains('\0') => value.clone_into(&mut event.last_id),
            _ => {}
        }
    }
    heard
}

/// `ends` are those of the messages in `run`.
fn cuts_hold(encoding: Encoding, run: &[u8], ends: &[usize]) {
    let starts = [0].into_iter().chain(ends.iter().copied());
    let cuts = starts.zip(ends).flat_map(|(start, &end)| {
        let middle = start + (end - start) / 2;
        [start, start + 1, middle, end - 1, end]
    });
    for cut in cuts {
        let end = ends.iter().copied().find(|&end| end >= cut);
        let end = if cut == 0 { Some(0) } else { end };
        let left = encoding.remainder(run, cut);
        assert_eq!(Some(cut + left), end, "{encoding:?} cut at {cut}");
        let fitting = ends.iter().copied().filter(|&end| end <= cut);
        let (kept, left_out) = encoding.fitting(run, cut);
        let count = fitting.clone().count();
        assert_eq!(kept.len(), fitting.max().unwrap_or(0), "{encoding:?} {cut}");
        assert_eq!(left_out as usize, ends.len() - count, "{encoding:?} {cut}");
    }
}
