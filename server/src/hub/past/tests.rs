//! What is known of those who are behind and of what was asked of the file, without a hub.

use std::sync::Arc;

use crossbeam_channel::bounded;

use super::Past;
use super::file::news_tests::{bounds, open};
use crate::hub::event::Event;
use crate::hub::message::{Audience, Message};
use crate::hub::requests::{Answer, Keep, Kept, Read};
use crate::ids::ClientId;
use crate::journal::store::{Fetched, From};
use crate::journal::{Bounds, Gap, Outcome, Since, Start};
use crate::outbox::frame::Opcode;

fn message(text: &str) -> Message {
    Message::new(Opcode::Text, text.as_bytes())
}

/// Keeps a message of a topic; its offset.
fn say(past: &mut Past, topic: &str, text: &str) -> u64 {
    let message = Arc::new(message(text));
    past.journals.begin(topic, |_| false);
    let bytes = message.bytes();
    let kept = past
        .journals
        .append(topic, 0, None, bytes, None, |_| message);
    kept.expect("the topic has a journal").offset
}

fn keep(topic: &str) -> Event {
    Event::Keep(Box::new(Keep {
        topic: topic.into(),
        message: message("kept"),
        position_at: None,
        except: None,
        confirm: None,
        reply: None,
        at: None,
    }))
}

fn publish(topic: &str) -> Event {
    Event::Publish {
        audience: Audience::Topic(topic.into()),
        message: message("said"),
        except: None,
    }
}

/// Up to which offset a topic has a hole.
fn hole(past: &mut Past, topic: &str) -> u64 {
    let has_all_behind = |offset: &u64| {
        let position = Some(past.journals.position(*offset));
        let since = Since::After {
            position,
            or_last: 0,
        };
        past.journals.start(topic, since, 0).outcome != Outcome::Gap(Gap::Hole)
    };
    (0..100).find(has_all_behind).expect("a hole has its end")
}

/// Cause: a mutant survived in which nobody was answered whose question the file could not.
#[test]
fn who_reads_what_the_file_cannot_give_is_told_of_a_gap_and_gets_what_is_in_memory() {
    let mut past = Past::new(Bounds {
        messages: 2,
        age: None,
        ..Bounds::default()
    });
    let offsets = ["1", "2", "3"].map(|text| say(&mut past, "t", text));
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

/// Cause: mutants survived in which nothing was noted ahead, and each message cost a call to the kernel; or that was noted which
/// might not come next: who came back after a crash was told of a hole that there was not.
#[test]
fn what_comes_next_is_noted_by_one_call_as_far_as_that_is_certain() {
    let to_one = || Event::Send {
        client: ClientId(1),
        message: message("own"),
    };
    for (case, events, holes) in [
        (
            "alone, it is noted with the call of its own",
            vec![keep("t")],
            [0, 0],
        ),
        ("two", vec![keep("t"), keep("u")], [3, 4]),
        ("more", vec![keep("t"), publish("u"), keep("t")], [5, 4]),
        (
            "what is not kept between them",
            vec![publish("nobody keeps"), keep("t"), to_one(), keep("u")],
            [3, 4],
        ),
        (
            "behind one with which another topic may be forgotten",
            vec![keep("t"), keep("new"), keep("u")],
            [3, 0],
        ),
        ("nothing before that", vec![keep("new"), keep("t")], [0, 0]),
        (
            "behind one that may change what is kept",
            vec![keep("t"), Event::Tidy, keep("u")],
            [3, 0],
        ),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("r.journal");
        let (mut past, _, store) = open(&path);
        assert_eq!(["t", "u"].map(|of| say(&mut past, of, "1")), [1, 2]);
        past.note_ahead(&events.into());
        // The server is gone before any of it is kept.
        drop(past);
        store.end();
        store.join();
        let (mut past, _, store) = open(&path);
        assert_eq!(["t", "u"].map(|of| hole(&mut past, of)), holes, "{case}");
        past.leave_file(bounds());
        store.end();
        store.join();
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
