//! Runs as a fuzzer and the tests drive them: whatever is said, who inflates hears what is sent plain to others.
//!
//! Reads inflated frames with the inflater of the server itself, which the fuzz target `compression` holds against what
//! was compressed.

use super::Run;
use crate::compression::{Demand, Effort, Inflater, Window};
use crate::hub::message::Message;
use crate::hub::topic::EVERYONE;
use crate::ids::ClientId;
use crate::journal::{Epoch, POSITION_BYTES, Position};
use crate::outbox::encoding::Encoding;
use crate::outbox::frame::{self, Opcode};

const TOPIC: Option<&str> = Some("a \"topic\"");
/// Who is left out, and sent to alone.
const ONE: ClientId = ClientId(1);
const OTHER: ClientId = ClientId(2);

/// Asserts that in each window and shape every message is what it is in plain, kept or not, with its position or without,
/// for who is left out or sent to alone and for everyone else.
pub(crate) fn compressed_runs_hold(data: &[u8]) {
    let [how, data @ ..] = data else { return };
    let window = Window::all().nth(usize::from(how & 7) % Window::COUNT);
    let window = window.unwrap_or(Window::MOST);
    let demand = Demand::default();
    demand.set_effort(Effort {
        threshold: [1, 50, 256, 1000][usize::from(how >> 3 & 3)],
        level: 1 + how % 9,
    });
    for window in Window::all() {
        for encoding in [Encoding::Deflate(window), Encoding::Envelope(Some(window))] {
            demand.set(encoding.need().expect("it is compressed"), true);
        }
    }
    for (plain, small) in [
        (Encoding::Frame, Encoding::Deflate as fn(_) -> _),
        (Encoding::Envelope(None), |window| {
            Encoding::Envelope(Some(window))
        }),
    ] {
        let expected = said(data, plain, &Demand::default());
        let run = said(data, small(window), &demand);
        assert_same(&expected, &run, ONE, plain, small(window), window);
        for window in Window::all() {
            assert_same(&expected, &run, OTHER, plain, small(window), window);
        }
    }
}

/// The run that `data` tells, where [`ONE`] is written to in `encoding`.
fn said(mut data: &[u8], encoding: Encoding, demand: &Demand) -> Run {
    let mut run = Run::default();
    run.mix();
    let mut offset = 0;
    // A byte says what comes and a second one how long it is, as far as there is so much.
    while let [what, length, rest @ ..] = data {
        let (payload, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        offset += 1;
        let has = |bit: u8| what & (1 << bit) != 0;
        let mut payload = payload.repeat([1, 3, 9, 40][usize::from(what >> 6)]);
        let opcode = if has(0) {
            Opcode::Binary
        } else {
            // The host takes no other text.
            payload = String::from_utf8_lossy(&payload).into_owned().into_bytes();
            Opcode::Text
        };
        let except = has(3).then_some(ONE);
        if has(1) {
            keep(&mut run, opcode, payload, has(2), except, offset, demand);
        } else {
            let message = Message::new(opcode, &payload).compressed(TOPIC, demand);
            run.push(EVERYONE, message, except);
        }
        if has(4) {
            let alone = b"to you alone, and to nobody else ".repeat(usize::from(*length));
            let alone = Message::new(Opcode::Text, &alone).compressed_for(encoding, demand);
            run.insert(ONE, &alone, encoding);
        }
    }
    run
}

/// As the lane keeps a message and puts it into the run.
fn keep(
    run: &mut Run,
    opcode: Opcode,
    mut payload: Vec<u8>,
    tells_position: bool,
    except: Option<ClientId>,
    offset: u64,
    demand: &Demand,
) {
    let epoch = Epoch::from_number(7).expect("a small one");
    let position = Position { epoch, offset };
    let position_at = tells_position.then(|| {
        // Between two characters.
        let text = |at: &usize| std::str::from_utf8(&payload[..*at]).is_ok();
        let mut places = (0..=payload.len() / 2).rev();
        let at = places.find(|at| opcode == Opcode::Binary || text(at));
        let at = at.unwrap_or_default();
        payload.splice(at..at, [b'0'; POSITION_BYTES]);
        at
    });
    let mut message = Message::new(opcode, &payload).compressed_to_keep(position_at, TOPIC, demand);
    message.set_positions(position_at, position);
    run.mark(position);
    run.note_deflated(&message);
    run.push_frame(EVERYONE, message.frame(), except);
}

fn assert_same(
    expected: &Run,
    run: &Run,
    client: ClientId,
    plain: Encoding,
    small: Encoding,
    window: Window,
) {
    let expected = expected.encoded_for(client, plain, TOPIC);
    let heard = run.encoded_for(client, small, TOPIC);
    assert!(heard.frames().bytes().len() <= expected.frames().bytes().len());
    let expected = inflated(expected.frames().bytes(), window);
    assert_eq!(inflated(heard.frames().bytes(), window), expected);
}

/// What a client with this window hears.
fn inflated(mut run: &[u8], window: Window) -> Vec<(u8, Vec<u8>)> {
    let mut heard = Vec::new();
    while let Some((opcode, payload, rest)) = frame::split(run) {
        let mut text = payload.to_vec();
        if run[0] & 0x40 != 0 {
            let mut inflater = Inflater::new(window);
            // A byte becomes 1,032 at most.
            text = vec![0; payload.len() * 1032 + 1];
            let step = inflater.step(payload, &mut text).expect("a whole stream");
            assert_eq!(step.used, payload.len());
            text.truncate(step.written);
            inflater.end().expect("it is whole");
            assert!(
                payload.len() < text.len(),
                "what does not shrink goes plain"
            );
        }
        heard.push((opcode as u8, text));
        run = rest;
    }
    heard
}
