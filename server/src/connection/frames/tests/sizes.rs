//! How long a message may be, to the byte: what it announces, and what it becomes where it is compressed.

use super::super::fuzz::{Event, LIMIT, agreed, events_where};
use super::{frame, whole};
use crate::compression::{Compressor, Window};
use crate::limits::{COMPRESSED_SLACK_BYTES, COMPRESSED_SLACK_DIVISOR};

/// What a compressed message may announce.
const ANNOUNCED_MOST: usize =
    LIMIT + LIMIT / COMPRESSED_SLACK_DIVISOR as usize + COMPRESSED_SLACK_BYTES as usize;

/// The header of a frame that announces so many bytes, more than 16 bits can say.
fn head(first: u8, length: usize) -> Vec<u8> {
    [
        &[first, 0xff][..],
        &(length as u64).to_be_bytes(),
        &[1, 2, 3, 4],
    ]
    .concat()
}

/// What is heard of `bytes` where messages may be compressed.
fn heard(bytes: &[u8]) -> Vec<Event> {
    events_where(whole(bytes), Some(agreed(true)))
}

/// `data` in blocks that are not compressed (RFC 1951 section 3.2.4), as a compressed message has them.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stored: Vec<u8> = data
        .chunks(usize::from(u16::MAX))
        .flat_map(|block| {
            let length = block.len() as u16;
            let head = [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes()].concat();
            [head, block.to_vec()].concat()
        })
        .collect();
    // The first byte of the empty block whose other four are left out (RFC 7692 section 7.2.1).
    stored.push(0);
    stored
}

/// Cause: mutants survived that refused a message which does not shrink, or let one announce without end.
#[test]
fn a_compressed_message_may_announce_a_little_more_than_it_may_become() {
    assert_eq!(heard(&head(0xc2, ANNOUNCED_MOST)), [Event::Ended]);
    let over = head(0xc2, ANNOUNCED_MOST + 1);
    assert_eq!(heard(&over), [Event::Refused(1009)]);
    // One that is not compressed may not, though it could have been.
    assert_eq!(heard(&head(0x82, LIMIT)), [Event::Ended]);
    assert_eq!(heard(&head(0x82, LIMIT + 1)), [Event::Refused(1009)]);
}

#[test]
fn what_all_fragments_of_a_compressed_message_announce_counts() {
    let begun = frame(0x42, &stored(b"begun"), [1, 2, 3, 4]);
    let announced = stored(b"begun").len();
    let with = |length| [begun.clone(), head(0x80, length)].concat();
    assert_eq!(heard(&with(ANNOUNCED_MOST - announced)), [Event::Ended]);
    let over = with(ANNOUNCED_MOST - announced + 1);
    assert_eq!(heard(&over), [Event::Refused(1009)]);
    // It is no matter for the message behind that one, which is not compressed.
    let whole = [
        frame(0xc2, &stored(b"whole"), [0; 4]),
        frame(0x02, b"x", [0; 4]),
    ]
    .concat();
    let with = |length| [whole.clone(), head(0x80, length)].concat();
    let first = Event::Binary(b"whole".to_vec());
    assert_eq!(heard(&with(LIMIT - 1)), [first.clone(), Event::Ended]);
    assert_eq!(heard(&with(LIMIT)), [first, Event::Refused(1009)]);
}

/// Cause: mutants survived that never counted what a message becomes, or refused the longest that may be.
#[test]
fn what_a_compressed_message_becomes_is_bounded_to_the_byte() {
    let mut compressor = Compressor::new(Window::MOST, 6);
    for (length, is_heard) in [
        (LIMIT, true),
        (LIMIT + 1, false),
        (LIMIT + 2, false),
        (20 * LIMIT, false),
    ] {
        let message = vec![b'x'; length];
        compressor.forget();
        let compressed = compressor.run(&message).expect("it shrinks").to_vec();
        let payloads = [Some(compressed), is_heard.then(|| stored(&message))];
        for payload in payloads.into_iter().flatten() {
            let expected = match is_heard {
                true => vec![Event::Binary(message.clone()), Event::Ended],
                false => vec![Event::Refused(1009)],
            };
            let seen = heard(&frame(0xc2, &payload, [1, 2, 3, 4]));
            assert!(seen == expected, "{length} bytes, {} sent", payload.len());
        }
    }
}
