//! The layer and tungstenite together, against a plain decoder that is written for the test.

mod cuts;
mod held;
mod memory;
mod sizes;

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use proptest::prelude::*;
use proptest::sample::Index;
use tungstenite::{Error, Message};

use super::fuzz::{Event, LIMIT, agree, events};
use super::{Guarded, Source, protocol_for};
use crate::limits::{FRAGMENTS_MAX, RECEIVED_GRAIN_BYTES, WHOLE_FRAME_BYTES_MAX};

fn whole(bytes: &[u8]) -> VecDeque<Vec<u8>> {
    VecDeque::from([bytes.to_vec()])
}

fn bytewise(bytes: &[u8]) -> VecDeque<Vec<u8>> {
    bytes.iter().map(|&byte| vec![byte]).collect()
}

fn frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![first];
    if payload.len() < 126 {
        frame.push(0x80 | payload.len() as u8);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        frame.push(0x80 | 126);
        frame.extend(length.to_be_bytes());
    } else {
        frame.push(0x80 | 127);
        frame.extend((payload.len() as u64).to_be_bytes());
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

#[test]
fn each_rule_is_judged_at_the_byte_that_breaks_it() {
    let cases: &[(&str, &[u8], u16)] = &[
        ("reserved bit", &[0xc1], 1002),
        ("reserved data opcode", &[0x83], 1002),
        ("reserved control opcode", &[0x8b], 1002),
        ("fragmented ping", &[0x09], 1002),
        ("lone continuation", &[0x80], 1002),
        ("unmasked", &[0x81, 0x00], 1002),
        ("long ping", &[0x89, 0xfe], 1002),
        ("close with half a code", &[0x88, 0x81], 1002),
        (
            "message in a message",
            &[0x01, 0x80, 0, 0, 0, 0, 0x81],
            1002,
        ),
        ("length of 125 in 16 bits", &[0x82, 0xfe, 0, 125], 1002),
        (
            "length of 65535 in 64 bits",
            &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            1002,
        ),
        ("negative length", &[0x82, 0xff, 0x80], 1002),
        (
            "over the limit",
            &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x71],
            1009,
        ),
        (
            "close code 1005",
            &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed],
            1002,
        ),
        ("no UTF-8", &[0x81, 0x8a, 0, 0, 0, 0, b'a', 0xff], 1007),
        (
            "surrogate in two frames",
            &[0x01, 0x81, 0, 0, 0, 0, 0xed, 0x80, 0x82, 0, 0, 0, 0, 0xa0],
            1007,
        ),
    ];
    for (name, bytes, code) in cases {
        let (_, before) = bytes.split_last().expect("not empty");
        for cut in [whole, bytewise] {
            assert_eq!(events(cut(before)), [Event::Ended], "{name}, too early");
            assert_eq!(events(cut(bytes)), [Event::Refused(*code)], "{name}");
        }
    }
}

/// A whole message in one read takes a shorter way, and bytewise it does not.
#[test]
fn a_message_that_comes_at_once_is_judged_like_one_that_comes_in_pieces() {
    let mut lengths = vec![0, 1, 124, 125, 126, 127, 128, 255, 256, 257, LIMIT];
    lengths.push(LIMIT + 1);
    for length in lengths {
        let firsts = match length {
            0..300 => Vec::from_iter(0..=u8::MAX),
            // Byte by byte these take long.
            _ => vec![0x01, 0x81, 0x82, 0xc2],
        };
        for first in firsts {
            let bytes = frame(first, &vec![b'x'; length], [1, 2, 3, 4]);
            let two = [bytes.clone(), frame(0x82, b"behind", [0; 4])].concat();
            assert_eq!(
                events(whole(&two)),
                events(bytewise(&two)),
                "first byte {first:#x}, {length} bytes"
            );
        }
        // Lengths in more bytes than they need, and without a mask.
        let payload = vec![b'x'; length];
        let short = [
            &[0x82, 0xfe][..],
            &(length as u16).to_be_bytes(),
            &[0; 4],
            &payload,
        ]
        .concat();
        let bare = [&[0x82, 0x7e][..], &(length as u16).to_be_bytes(), &payload].concat();
        for bytes in [short, bare, frame(0x81, &vec![0xff; length], [0; 4])] {
            assert_eq!(
                events(whole(&bytes)),
                events(bytewise(&bytes)),
                "{length} bytes"
            );
        }
    }
}

#[test]
fn fragments_are_counted() {
    let mut bytes = frame(0x02, b"x", [0; 4]);
    let empty = frame(0x00, b"", [0; 4]);
    for _ in 1..FRAGMENTS_MAX {
        bytes.extend(&empty);
    }
    assert_eq!(events(whole(&bytes)), [Event::Ended]);
    let last = [bytes.clone(), frame(0x80, b"", [0; 4])].concat();
    assert_eq!(events(whole(&last)), [Event::Refused(1009)]);
    // One fragment fewer, and the count begins anew with the next message.
    bytes.truncate(bytes.len() - empty.len());
    bytes.extend(frame(0x80, b"", [0; 4]));
    bytes.extend(frame(0x82, b"y", [0; 4]));
    let expected = [
        Event::Binary(b"x".to_vec()),
        Event::Binary(b"y".to_vec()),
        Event::Ended,
    ];
    assert_eq!(events(whole(&bytes)), expected);
}

#[test]
fn fragments_over_the_limit_are_refused_at_the_length_that_is_too_much() {
    let first = frame(0x02, &[7; LIMIT - 1], [0; 4]);
    let right = [first.clone(), frame(0x80, b"x", [0; 4])].concat();
    let message = [&[7; LIMIT - 1][..], b"x"].concat();
    assert_eq!(
        events(whole(&right)),
        [Event::Binary(message), Event::Ended]
    );
    let over = [&first[..], &[0x80, 0x82]].concat();
    assert_eq!(events(whole(&over)), [Event::Refused(1009)]);
    assert_eq!(events(whole(&over[..over.len() - 1])), [Event::Ended]);
}

/// Bytes that arrive in pieces, and what was said to be held of them.
struct Counted {
    pieces: VecDeque<Vec<u8>>,
    held: Vec<usize>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.pieces.pop_front() else {
            return Ok(0);
        };
        let count = buffer.len().min(piece.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        if count < piece.len() {
            self.pieces.push_front(piece.split_off(count));
        }
        Ok(count)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Counted {
    fn message_bytes_max(&self) -> usize {
        2 * WHOLE_FRAME_BYTES_MAX
    }

    fn holds(&mut self, bytes: usize) {
        self.held.push(bytes);
    }
}

/// Who has sent much has its messages read into memory for all of them, which counts from their header on; and what
/// is larger comes in parts as ever.
#[test]
fn what_is_reserved_for_a_message_counts_before_it_has_come() {
    let large = |bytes: usize| frame(0x82, &vec![b'x'; bytes], [1, 2, 3, 4]);
    let lengths = [WHOLE_FRAME_BYTES_MAX, WHOLE_FRAME_BYTES_MAX + 1];
    for length in lengths {
        let mut pieces = VecDeque::from([
            large(100_000),
            large(100_000),
            large(100_000),
            large(100_000),
        ]);
        // Its header and little more, and the rest in pieces that fit to nothing.
        let last = large(length);
        pieces.extend([last[..100].to_vec(), last[100..].to_vec()]);
        pieces.push_back(frame(0x81, b"behind", [5, 6, 7, 8]));
        let mut stream = Guarded::new(
            Counted {
                pieces,
                held: Vec::new(),
            },
            Vec::new(),
            None,
        );
        let mut protocol = protocol_for(&mut stream);
        let mut messages = Vec::new();
        while messages.len() < 6 {
            match protocol.read(&mut stream) {
                Ok(message) => messages.push(message),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    protocol = protocol_for(&mut stream);
                }
                Err(error) => panic!("{error}"),
            }
            if messages.len() < 4 {
                stream.inner().held.clear();
            }
        }
        assert_eq!(messages[4].len(), length);
        assert!(
            messages[4]
                .clone()
                .into_data()
                .iter()
                .all(|&byte| byte == b'x')
        );
        assert_eq!(messages[5], Message::text("behind"));
        let held = &stream.inner().held;
        let first = held
            .iter()
            .find(|&&bytes| bytes > 100_000)
            .expect("it is large");
        let is_whole = length <= WHOLE_FRAME_BYTES_MAX;
        assert_eq!(
            *first >= length - RECEIVED_GRAIN_BYTES,
            is_whole,
            "{held:?}"
        );
        assert_eq!(held.last(), Some(&0), "it was handled");
    }
}

/// One message with its fragments, and control frames between them.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        8 => "\\PC{0,50}".prop_map(|text| (1, text.into_bytes())),
        4 => prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| (2, bytes)),
        1 => prop_oneof![65_530..65_540_usize, LIMIT - 10..LIMIT + 10].prop_map(|length| (2, vec![b'x'; length])),
    ];
    let control = prop::option::weighted(
        0.2,
        (
            prop_oneof![Just(0x89), Just(0x8a)],
            prop::collection::vec(any::<u8>(), 0..126),
        ),
    );
    let fragments = prop::collection::vec((any::<Index>(), any::<[u8; 4]>(), control), 1..4);
    (text, fragments).prop_map(|((opcode, payload), fragments)| {
        let mut cuts: Vec<usize> = fragments[1..]
            .iter()
            .map(|(cut, ..)| cut.index(payload.len() + 1))
            .chain([0, payload.len()])
            .collect();
        cuts.sort_unstable();
        let last = fragments.len() - 1;
        let mut bytes = Vec::new();
        for (number, (_, mask, control)) in fragments.into_iter().enumerate() {
            let opcode = if number == 0 { opcode } else { 0 };
            let is_final = if number == last { 0x80 } else { 0 };
            let part = &payload[cuts[number]..cuts[number + 1]];
            bytes.extend(frame(is_final | opcode, part, mask));
            if let Some((first, payload)) = control {
                bytes.extend(frame(first, &payload, mask));
            }
        }
        bytes
    })
}

/// Messages, now and then a Close frame and something behind it, some bytes changed.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![Just(1000_u16), 990..1020_u16, 2990..3010_u16, any::<u16>()];
    let close = (code, "\\PC{0,20}", any::<[u8; 4]>()).prop_map(|(code, reason, mask)| {
        let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
        frame(0x88, &payload[..payload.len().min(125)], mask)
    });
    let messages = prop::collection::vec(message(), 0..5);
    let behind = prop::collection::vec(any::<u8>(), 0..20);
    let end = prop::option::of((close, behind));
    let changes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..3);
    (messages, end, changes).prop_map(|(messages, end, changes)| {
        let mut bytes = messages.concat();
        if let Some((close, behind)) = end {
            bytes.extend(close);
            bytes.extend(behind);
        }
        for (at, change) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= change;
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_layers_agree_with_a_plain_decoder(
        bytes in stream(),
        cuts in prop::collection::vec(any::<Index>(), 0..20),
        is_bytewise in prop::bool::weighted(0.2),
    ) {
        let pieces = if is_bytewise {
            bytewise(&bytes)
        } else {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            cuts.windows(2).map(|cut| bytes[cut[0]..cut[1]].to_vec()).collect()
        };
        agree(pieces.into());
    }
}
