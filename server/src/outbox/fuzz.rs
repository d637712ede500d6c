//! Encodings as a fuzzer and the tests drive them: messages in, what a browser or a reader of JSON hears out.
//!
//! The reader of event streams is written after the standard (WHATWG HTML, section 9.2.6), and neither knows how
//! anything is written here.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use serde_json::{Value, json};

use super::encoding::Encoding;
use super::frame::{self, Opcode};
use super::marked::{ID_BYTES, Id, IdText, Marked};

const TOPIC: &str = "a \"topic\"";

/// A message that is said.
struct Said {
    opcode: Opcode,
    payload: Vec<u8>,
    id: Option<IdText>,
}

/// What a page gets of one event.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    kind: String,
    data: String,
    last_id: String,
}

/// Asserts that whatever is said on a topic, each message is heard once, as it was said, with its position, in every
/// encoding, and that wherever a run is cut, whole messages are left.
pub(crate) fn encodings_hold(data: &[u8]) {
    let said = messages(data);
    let (mut frames, mut ids) = (Vec::new(), Vec::new());
    let mut ends =
        [Encoding::Frame, Encoding::Envelope(None), Encoding::Event].map(|of| (of, vec![0]));
    for message in &said {
        let frame = frame::encode(message.opcode, &message.payload);
        let alone = |at| message.id.map(|text| Id { at, text });
        for (encoding, ends) in &mut ends {
            let end =
                ends[ends.len() - 1] + encoding.of_run(&marked(&frame, alone(0).as_slice())).len();
            ends.push(end);
        }
        ids.extend(alone(frames.len()));
        frames.extend(frame);
    }
    let run = marked(&frames, &ids);
    for (encoding, ends) in &ends {
        cuts_hold(*encoding, &encoding.of_run(&run), &ends[1..]);
    }
    let events = Encoding::Event.of_run(&run);
    let events = std::str::from_utf8(&events).expect("event streams are UTF-8");
    assert_eq!(listen(events), expected(&said));
    let envelopes: Vec<Value> = Frames(&Encoding::Envelope(None).of_run(&run))
        .map(|payload| serde_json::from_slice(payload).expect("an envelope is JSON"))
        .collect();
    let expected: Vec<Value> = said
        .iter()
        .map(|message| in_json(message, "data", true))
        .collect();
    assert_eq!(envelopes, expected);
    let answer = Encoding::Answer.of_run(&run);
    if said.is_empty() {
        assert!(answer.is_empty(), "there is nothing to answer yet");
        return;
    }
    let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
    let expected: Vec<Value> = said
        .iter()
        .map(|message| in_json(message, "text", false))
        .collect();
    let next = said.iter().rev().find_map(|message| message.id);
    let expected = json!({
        "topic": TOPIC, "messages": expected, "next": next.as_ref().map(text_of), "more": false, "gap": null
    });
    assert_eq!(answer, expected);
}

fn marked<'a>(frames: &'a [u8], ids: &'a [Id]) -> Marked<'a> {
    Marked {
        frames,
        ids,
        topic: Some(TOPIC),
        ..Marked::default()
    }
}

fn text_of(id: &IdText) -> String {
    String::from_utf8_lossy(id).into_owned()
}

fn in_json(message: &Said, text_name: &str, has_topic: bool) -> Value {
    let mut value = json!({ "id": message.id.as_ref().map(text_of) });
    if has_topic {
        value["topic"] = TOPIC.into();
    }
    if message.opcode == Opcode::Text {
        value[text_name] = String::from_utf8_lossy(&message.payload).into();
    } else {
        value["base64"] = BASE64_STANDARD.encode(&message.payload).into();
    }
    value
}

/// The payloads of a run of text frames.
struct Frames<'a>(&'a [u8]);

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (opcode, payload, rest) = frame::split(self.0)?;
        assert_eq!(opcode, Opcode::Text);
        self.0 = rest;
        Some(payload)
    }
}

/// A byte says what comes and a second one how long it is, as far as there is so much.
fn messages(mut data: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    while let [what, length, rest @ ..] = data {
        let (payload, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        // Some have a length of two bytes, some of eight.
        let times = [1, 1, 2, 300][usize::from(what >> 6)];
        let (opcode, payload) = if what & 1 == 0 {
            // The host takes no other text.
            let text = String::from_utf8_lossy(payload).repeat(times);
            (Opcode::Text, text.into_bytes())
        } else {
            (Opcode::Binary, payload.repeat(times))
        };
        let has_id = what & 2 != 0;
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
            last_id = text_of(id);
        }
        let (kind, data) = if message.opcode == Opcode::Text {
            let text = String::from_utf8_lossy(&message.payload);
            // A browser has one line end.
            ("", text.replace("\r\n", "\n").replace('\r', "\n"))
        } else {
            ("binary", BASE64_STANDARD.encode(&message.payload))
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
