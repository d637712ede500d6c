//! What is known of those who are behind and of what was asked of the file, without a hub.

use std::sync::Arc;

use crossbeam_channel::bounded;

use super::Past;
use crate::hub::message::Message;
use crate::hub::requests::{Answer, Kept, Read};
use crate::journal::store::{Fetched, From};
use crate::journal::{Bounds, Gap, Outcome, Since, Start};
use crate::outbox::frame::Opcode;

/// Keeps a message of the topic `t`; its offset.
fn say(past: &mut Past, text: &str) -> u64 {
    let message = Arc::new(Message::new(Opcode::Text, text.as_bytes()));
    past.journals.begin("t", |_| false);
    let bytes = message.bytes();
    let kept = past.journals.append("t", 0, None, bytes, None, |_| message);
    kept.expect("the topic has a journal").offset
}

/// Cause: a mutant survived in which nobody was answered whose question the file could not.
#[test]
fn who_reads_what_the_file_cannot_give_is_told_of_a_gap_and_gets_what_is_in_memory() {
    let mut past = Past::new(Bounds {
        messages: 2,
        age: None,
        ..Bounds::default()
    });
    let offsets = ["1", "2", "3"].map(|text| say(&mut past, text));
    for fetched in [Fetched::Unreadable, Fetched::LetGo] {
        let (reply, answer) = bounded(2);
        let read = Read {
            topic: "t".into(),
            since: Since::Last(9),
            messages_max: 9,
            bytes_max: 1000,
            reply,
        };
        let start = Start {
            outcome: Outcome::Recovered,
            from: From::Offset(0),
            hole: 0,
        };
        past.read_on(&read, &start, fetched);
        let Ok(Answer::Kept(kept)) = answer.try_recv() else {
            panic!("it is answered");
        };
        let Kept {
            outcome,
            messages,
            next,
            has_more,
        } = kept;
        assert_eq!(outcome, Outcome::Gap(Gap::TooOld));
        let read = messages.iter().map(|(position, _)| position.offset);
        assert!(read.eq([offsets[1], offsets[2]]));
        assert_eq!((next.offset, has_more), (offsets[2], false));
    }
}

/// Cause: a mutant survived that kept the memory of the largest piece for as long as a route was silent.
#[test]
fn a_silent_route_holds_no_memory_for_pieces() {
    let mut past = Past::new(Bounds::default());
    past.piece.reserve(10_000);
    past.ready.reserve(100);
    past.replies.reserve(100);
    past.shrink();
    let (pieces, ready, replies) = (&past.piece, &past.ready, &past.replies);
    let held = [pieces.capacity(), ready.capacity(), replies.capacity()];
    assert_eq!(held, [0; 3]);
}
