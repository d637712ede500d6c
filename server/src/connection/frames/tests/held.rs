//! What is told of the bytes of messages that are under way, read for read.

use std::io::ErrorKind;

use tungstenite::{Error, Message};

use super::super::{Guarded, protocol_for};
use super::memory::{Talk, agreed, heard};
use super::{LIMIT, frame};
use crate::compression::{Window, deflate};
use crate::limits::RECEIVED_GRAIN_BYTES;

/// Bytes of payload in each fragment, and of a fragment.
const PART: usize = 100;
const FRAGMENT: usize = PART + 6;
/// The least number of them that is told.
const GRAIN_IN_FRAGMENTS: usize = RECEIVED_GRAIN_BYTES.div_ceil(FRAGMENT);

/// A message in so many fragments, each of which comes by itself.
fn fragments(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| {
            let opcode = if number == 0 { 0x02 } else { 0 };
            let last = if number + 1 == count { 0x80 } else { 0 };
            frame(opcode | last, &[b'x'; PART], [1, 2, 3, 4])
        })
        .collect()
}

/// A message that becomes so many bytes, in two fragments.
fn compressed(bytes: usize) -> Vec<Vec<u8>> {
    let wrap = |payload: &[u8]| {
        let (first, second) = payload.split_at(payload.len() / 2);
        vec![
            frame(0x41, first, [1, 2, 3, 4]),
            frame(0x80, second, [1, 2, 3, 4]),
        ]
    };
    deflate(&vec![b'x'; bytes], Window::MOST, 6, wrap).expect("it shrinks")
}

/// Cause: mutants survived in which the last read of a message, or each, did not count.
#[test]
fn what_has_come_of_a_message_is_told_up_to_its_last_byte_and_taken_back() {
    for agreed in [None, Some(agreed(None))] {
        let (mut stream, messages) = heard(fragments(GRAIN_IN_FRAGMENTS), agreed);
        assert_eq!(messages[0].len(), GRAIN_IN_FRAGMENTS * PART);
        assert_eq!(stream.inner().told, [RECEIVED_GRAIN_BYTES, 0]);
        let (mut stream, messages) = heard(fragments(GRAIN_IN_FRAGMENTS - 1), agreed);
        assert_eq!(messages[0].len(), (GRAIN_IN_FRAGMENTS - 1) * PART);
        assert_eq!(stream.inner().told, [0; 0], "it is too little to be told");
    }
}

/// Cause: a mutant survived in which that stayed told until the message behind it was handled.
#[test]
fn what_was_told_of_a_message_is_taken_back_when_another_begins_in_the_same_read() {
    for agreed in [None, Some(agreed(None))] {
        let mut pieces = fragments(GRAIN_IN_FRAGMENTS + 1);
        let last = pieces.last_mut().expect("it has some");
        last.extend(frame(0x01, b"beg", [1, 2, 3, 4]));
        pieces.push(frame(0x80, b"un", [1, 2, 3, 4]));
        let (mut stream, messages) = heard(pieces, agreed);
        assert_eq!(messages[1..], [Message::text("begun")]);
        assert_eq!(stream.inner().told, [RECEIVED_GRAIN_BYTES, 0]);
    }
}

/// Cause: mutants survived in which messages added up whose ends fell into the middle of a read.
#[test]
fn messages_that_follow_each_other_without_a_pause_do_not_add_up() {
    // Each of its fragments comes in two reads, for which it has a second header.
    let count = RECEIVED_GRAIN_BYTES * 3 / 4 / (FRAGMENT + 8);
    let all = fragments(count).concat().repeat(3);
    let (first, rest) = all.split_at(FRAGMENT / 2);
    let pieces: Vec<Vec<u8>> = [first]
        .into_iter()
        .chain(rest.chunks(FRAGMENT))
        .map(<[u8]>::to_vec)
        .collect();
    for agreed in [None, Some(agreed(None))] {
        let (mut stream, messages) = heard(pieces.clone(), agreed);
        assert_eq!(messages.len(), 3);
        assert_eq!(stream.inner().told, [0; 0]);
    }
}

/// Cause: mutants survived in which nothing was told of what compressed messages become, or all of them added up.
#[test]
fn what_a_compressed_message_becomes_is_told_as_it_comes() {
    for refers_back in [None, Some(Window::MOST)] {
        let agreed = Some(agreed(refers_back));
        let (mut stream, messages) = heard(compressed(RECEIVED_GRAIN_BYTES), agreed);
        assert_eq!(messages[0].len(), RECEIVED_GRAIN_BYTES);
        assert_eq!(stream.inner().told, [RECEIVED_GRAIN_BYTES, 0]);
        let one = compressed(RECEIVED_GRAIN_BYTES * 3 / 4).concat();
        let (mut stream, messages) = heard(vec![one.repeat(3)], agreed);
        assert_eq!(messages.len(), 3);
        assert_eq!(stream.inner().told, [0; 0]);
    }
}

/// Behind how many messages a buffer of another size was due, until `count` were heard.
fn renewals(pieces: Vec<Vec<u8>>, count: usize) -> Vec<usize> {
    let mut stream = Guarded::new(Talk::new(pieces), Vec::new(), None);
    let mut protocol = protocol_for(&mut stream);
    let (mut heard, mut renewals) = (0, Vec::new());
    while heard < count {
        match protocol.read(&mut stream) {
            Ok(_) => heard += 1,
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                protocol = protocol_for(&mut stream);
                renewals.push(heard);
            }
            Err(error) => panic!("{error}"),
        }
    }
    renewals
}

/// Cause: mutants survived in which the room that a message of half a megabyte had taken stayed with its client.
#[test]
fn the_room_for_a_message_that_is_read_whole_is_given_back_behind_each() {
    let large = frame(0x82, &vec![b'x'; LIMIT], [1, 2, 3, 4]);
    // The first three are read into ever larger buffers, the others whole.
    assert_eq!(renewals(vec![large; 8], 8), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn who_fills_no_buffer_is_given_no_other() {
    let message = fragments(GRAIN_IN_FRAGMENTS);
    assert_eq!(renewals([message.clone(), message].concat(), 2), [0; 0]);
}
