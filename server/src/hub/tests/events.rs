//! What an event counts for in its route's queue, and with that for the memory promise: all that it holds.

use std::sync::Arc;

use crossbeam_channel::bounded;

use super::*;
use crate::hub::event::FromFile;
use crate::hub::{JoinFrom, JoinTold, Keep, Late, Notice, Notices, Read};
use crate::journal::Since;
use crate::journal::store::{Fetched, FetchedLine};

const HELD: usize = 10_000;
/// What an event takes beside what is said in it.
const BESIDE: usize = 1024;

fn long() -> Message {
    Message::new(Opcode::Binary, &[7; HELD])
}

fn notice() -> Option<Notice> {
    Some(Notice {
        message: long(),
        position_at: None,
    })
}

fn kept(message: Message) -> Keep {
    Keep {
        at: None,
        topic: "t".into(),
        message,
        position_at: None,
        except: None,
        confirm: None,
        reply: None,
    }
}

fn keep(message: Message) -> Event {
    Event::Keep(Box::new(kept(message)))
}

/// What was said on this host alone.
fn local() -> Event {
    Event::Local {
        number: 1,
        audience: Audience::Everyone,
        message: long(),
        except: None,
    }
}

fn late(keep: Option<Keep>) -> Event {
    let (number, is_last) = (1, true);
    Event::Late(Box::new(Late {
        keep,
        number,
        is_last,
    }))
}

fn read() -> Event {
    Event::Read(Box::new(Read {
        topic: "t".into(),
        since: Since::Now,
        messages_max: 9,
        bytes_max: 9,
        reply: bounded(1).0,
    }))
}

fn join_from(notices: Notices) -> Event {
    Event::JoinFrom(Box::new(JoinFrom {
        client: ClientId(1),
        topic: "t".into(),
        since: Since::Now,
        notices,
        reply: None,
    }))
}

fn join_told(joined: Option<Message>, left: Option<Message>) -> Event {
    Event::JoinTold(Box::new(JoinTold {
        client: ClientId(1),
        topic: "t".into(),
        joined,
        left,
    }))
}

fn fetched(messages: usize) -> Event {
    let line = |offset| FetchedLine {
        offset,
        except: None,
        message: Arc::new(long()),
    };
    let fetched = Fetched::Lines {
        begin: 0,
        lines: (1..=messages as u64).map(line).collect(),
        through: 9,
        has_more: false,
    };
    Event::Fetched(Box::new(FromFile { number: 1, fetched }))
}

/// Cause: mutants survived that counted a word that is told to others, what is kept or what was read as next to nothing, or
/// one of them for a thousand times what it is.
#[test]
fn an_event_counts_for_all_that_it_holds() {
    let all = Notices {
        fresh: notice(),
        recovered: notice(),
        gap: notice(),
    };
    let one = Notices {
        gap: notice(),
        ..Notices::default()
    };
    let label = Event::Label {
        client: ClientId(1),
        label: "x".repeat(HELD).into(),
    };
    let to_one = Event::Send {
        client: ClientId(1),
        message: long(),
    };
    for (name, event, held) in [
        ("a message for one", to_one, 1),
        ("kept", keep(long()), 1),
        ("a join with notices", join_from(all), 3),
        ("a join with one", join_from(one), 1),
        ("a join with none", join_from(Notices::default()), 0),
        (
            "a join with words",
            join_told(Some(long()), Some(long())),
            2,
        ),
        ("a join with a last word", join_told(None, Some(long())), 1),
        ("a question", read(), 0),
        ("said here alone", local(), 1),
        ("kept late", late(Some(kept(long()))), 1),
        ("late and not kept", late(None), 0),
        ("a label", label, 1),
        ("of a file", fetched(3), 3),
        ("nothing of a file", fetched(0), 0),
    ] {
        let bytes = usize::try_from(event.bytes()).expect("a size");
        let expected = held * HELD..held * HELD + BESIDE;
        assert!(expected.contains(&bytes), "{name}: {bytes} bytes");
        assert!(event.load() >= event.bytes(), "{name}");
    }
    // Each box is counted too, and not only what stands in it.
    let empty = keep(message(""));
    for event in [empty, join_from(Notices::default()), read(), late(None)] {
        assert!(event.bytes() > size_of::<Event>() as u64 + 32);
    }
}
