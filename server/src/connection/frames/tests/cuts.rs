//! Where the reads end changes nothing of what is heard.

use super::super::fuzz::{Event, agreed, events, events_where};
use super::{bytewise, frame, whole};
use crate::compression::{Window, deflate};
use crate::limits::READ_BUFFER_BYTES_LEAST;

/// Cause: a mutant survived that took a message for whole whose mask or last byte had not come.
#[test]
fn a_message_that_is_cut_anywhere_is_heard_whole() {
    for length in [0, 1, 2, 125, 126, 127, 300] {
        let text = vec![b'x'; length];
        let bytes = [
            frame(0x81, &text, [1, 2, 3, 4]),
            frame(0x82, b"behind", [5, 6, 7, 8]),
        ]
        .concat();
        let expected = [
            Event::Text(text),
            Event::Binary(b"behind".to_vec()),
            Event::Ended,
        ];
        for at in 0..=bytes.len() {
            let (before, behind) = bytes.split_at(at);
            let seen = events([before.to_vec(), behind.to_vec()].into());
            assert_eq!(seen, expected, "{length} bytes, cut at {at}");
        }
    }
}

/// Cause: a mutant survived that judged whole messages by a shorter way inside of another one too.
#[test]
fn a_message_in_a_message_is_refused_though_it_comes_at_once() {
    let bytes = [frame(0x01, b"a", [0; 4]), frame(0x81, b"bcdef", [0; 4])].concat();
    for cut in [whole, bytewise] {
        assert_eq!(events(cut(&bytes)), [Event::Refused(1002)]);
    }
}

/// Cause: mutants of how the code is read and put in the place of another one survived all but one slow test.
#[test]
fn a_close_frame_is_heard_with_its_own_code_and_nothing_behind_it() {
    let said = |code: u16, reason: &str| [&code.to_be_bytes()[..], reason.as_bytes()].concat();
    for (payload, close) in [
        (Vec::new(), None),
        (said(1000, ""), Some((1000, ""))),
        (said(1013, "later"), Some((1013, "later"))),
        (said(1014, "bad gateway"), Some((1014, "bad gateway"))),
        (said(4999, "ours"), Some((4999, "ours"))),
    ] {
        let close = close.map(|(code, reason)| (code, reason.as_bytes().to_vec()));
        let expected = [
            Event::Binary(b"before".to_vec()),
            Event::Close(close),
            Event::Ended,
        ];
        for mask in [[0; 4], [0x5a, 0xc3, 0xff, 0x0f], [0xff; 4]] {
            let bytes = [
                frame(0x82, b"before", mask),
                frame(0x88, &payload, mask),
                vec![0xff; 20],
            ]
            .concat();
            for cut in [whole, bytewise] {
                assert_eq!(events(cut(&bytes)), expected, "{payload:x?}, {mask:x?}");
            }
        }
    }
}

/// Cause: a mutant survived that let go what had come and was not given out, where a message ended with the buffer.
#[test]
fn what_stands_behind_a_message_that_fills_the_buffer_is_heard() {
    // Each compressed one is given a header of 8 bytes, and each plain one keeps its own of 6.
    let first = vec![b'x'; READ_BUFFER_BYTES_LEAST - 60];
    let second = vec![b'y'; 60 - 8 - 6];
    let wrap = |payload: &[u8]| frame(0xc2, payload, [1, 2, 3, 4]);
    let bytes = [
        deflate(&first, Window::MOST, 6, wrap).expect("it shrinks"),
        frame(0x82, &second, [0; 4]),
        frame(0x82, b"behind", [0; 4]),
    ]
    .concat();
    assert!(bytes.len() < READ_BUFFER_BYTES_LEAST, "one read has all");
    let behind = b"behind".to_vec();
    let expected = [first, second, behind].map(Event::Binary);
    let seen = events_where(whole(&bytes), Some(agreed(false)));
    assert_eq!(seen[..3], expected);
    assert_eq!(seen[3..], [Event::Ended]);
}
