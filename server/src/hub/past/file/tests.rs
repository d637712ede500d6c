//! What is asked of a file whose disk stands still, and to whom it comes.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::{Fetch, Fetches, For};
use crate::hub::event::FromFile;
use crate::hub::intake::{Emptied, Intake};
use crate::hub::past::Past;
use crate::hub::past::behind::{Behind, File, Standing};
use crate::hub::queue::Queue;
use crate::hub::requests::Read;
use crate::ids::{ClientId, RouteId};
use crate::journal::store::{Fetched, From};
use crate::journal::{Bounds, Cursor, Outcome, Since, Start};
use crate::limits::{DURABLE_WAIT, FETCHES_MAX, FETCHES_SWEEP};
use crate::outbox::Outbox;
use crate::outbox::drain::Drain;

fn queue() -> Arc<Queue> {
    Arc::new(Queue::new(RouteId(0), Intake::new()))
}

fn client(number: u64) -> For {
    For::Client(ClientId(number), "t".into())
}

fn reader() -> For {
    let read = Read {
        topic: "t".into(),
        since: Since::Now,
        messages_max: 1,
        bytes_max: 1,
        reply: bounded(2).0,
    };
    let start = Start {
        outcome: Outcome::Recovered,
        from: From::Offset(0),
        hole: 0,
    };
    For::Reader(Box::new((read, start)))
}

/// One whose file answers nothing of what it is asked.
fn standing_still() -> Past {
    let mut past = Past::new(Bounds::default());
    let under_way = (0..FETCHES_MAX as u64).map(|_| (0, client(0)));
    past.fetches = Fetches {
        under_way: under_way.collect(),
        ..Fetches::default()
    };
    past
}

fn ask(past: &mut Past, of: For, queue: &Arc<Queue>) -> u64 {
    past.ask("t".into(), From::Offset(0), (1, 1), of, queue)
}

fn nothing() -> Fetched<crate::hub::message::Message> {
    Fetched::Lines {
        begin: 0,
        lines: Vec::new(),
        through: 0,
        has_more: false,
    }
}

#[test]
fn what_those_have_asked_for_who_have_gone_does_not_add_up_while_a_disk_stands_still() {
    let (mut past, queue) = (standing_still(), queue());
    for number in 0..20 * FETCHES_SWEEP as u64 {
        ask(&mut past, client(number), &queue);
        assert!(past.fetches.waiting.len() <= FETCHES_SWEEP + 1);
    }
}

/// Cause: mutants survived that dropped what one waits for who is just asking for more, or who has not waited for long.
#[test]
fn what_somebody_waits_for_is_asked_for_however_many_others_do() {
    let (mut past, queue) = (standing_still(), queue());
    // It is out of the table while it asks.
    for _ in 0..FETCHES_SWEEP + 10 {
        ask(&mut past, client(1), &queue);
    }
    assert_eq!(past.fetches.waiting.len(), FETCHES_SWEEP + 10);

    let (mut past, queue) = (standing_still(), self::queue());
    // Long ago, as far as the machine runs for so long.
    let now = Instant::now();
    let long_ago = now.checked_sub(DURABLE_WAIT + Duration::from_secs(1));
    for (number, asked) in [(1, long_ago), (2, Some(now))] {
        past.fetches.waiting.extend(asked.map(|asked| Fetch {
            number,
            asked,
            topic: "t".into(),
            from: From::Offset(0),
            most: (1, 1),
            of: reader(),
        }));
    }
    for number in 0..FETCHES_SWEEP as u64 {
        ask(&mut past, client(number), &queue);
    }
    let waiting = past.fetches.waiting.iter();
    let mut readers = waiting.filter(|fetch| matches!(fetch.of, For::Reader(_)));
    assert_eq!(readers.next().map(|fetch| fetch.number), Some(2));
    assert!(readers.next().is_none(), "nobody waits for so long");
}

/// Cause: mutants survived in which all that was asked for had one number, and one too many was asked for at once.
#[test]
fn so_much_is_asked_for_at_once_and_each_has_a_number_of_its_own() {
    let Emptied(intake) = &Emptied(Intake::new());
    let queue = Arc::new(Queue::new(RouteId(0), intake.clone()));
    let mut past = Past::new(Bounds::default());
    let numbers: Vec<u64> = (0..FETCHES_MAX as u64 + 5)
        .map(|number| ask(&mut past, client(number), &queue))
        .collect();
    assert!(numbers.is_sorted_by(|one, next| one < next));
    let under_way = |past: &Past| {
        let under_way = past.fetches.under_way.iter();
        under_way.map(|(number, _)| *number).collect::<Vec<_>>()
    };
    assert_eq!(under_way(&past), numbers[..FETCHES_MAX]);
    let (number, fetched) = (numbers[3], nothing());
    past.fetched(FromFile { number, fetched }, &queue);
    let mut left = under_way(&past);
    left.sort_unstable();
    let others = numbers[..=FETCHES_MAX].iter().filter(|of| **of != number);
    assert!(left.iter().eq(others), "{left:?}");
}

/// Cause: a mutant survived in which a client got for what it asks now what it had asked for before it left.
#[test]
fn a_piece_comes_to_the_topic_that_waits_for_just_this_one() {
    let (drain, queue) = (Drain::start().expect("a thread"), queue());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let socket = TcpStream::connect(listener.local_addr().expect("it is bound"));
    let id = ClientId(1);
    let outbox = Outbox::new(socket.expect("it listens"), id, drain.handle());
    let mut past = Past::new(Bounds::default());
    let mut behind = Behind::new(outbox);
    for (topic, number) in [("other", 2), ("t", 2), ("t too", 1)] {
        behind.topics.push_back(Standing {
            topic: topic.into(),
            at: Cursor { offset: 0, hole: 0 },
            place: None,
            notice: None,
            newcomer: None,
            beginning: None,
            file: File::Asked(number),
        });
    }
    past.behind.insert(id, behind);
    let has_piece = |past: &Past| {
        let topics = past.behind[&id].topics.iter();
        let has_piece = topics.map(|standing| matches!(standing.file, File::Piece(_)));
        has_piece.collect::<Vec<_>>()
    };
    for (number, expected) in [(1, false), (2, true)] {
        past.fetches.under_way.push((number, client(1)));
        let fetched = nothing();
        past.fetched(FromFile { number, fetched }, &queue);
        assert_eq!(has_piece(&past), [false, expected, false]);
    }
    drain.end();
}
