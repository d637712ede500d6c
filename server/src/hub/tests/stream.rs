//! A stream counts, which other hosts read too: what is kept has the place that it has there, and who comes from another
//! host may be ahead of this one.

use super::past::after;
use super::*;
use crate::counters::EngineCounts;
use crate::hub::{Joined, Joining, Keep, Notices, StreamNews};
use crate::journal::{Epoch, Gap, Outcome, Position};

pub(super) fn at(epoch: u64, offset: u64) -> Position {
    Position {
        epoch: Epoch::from_number(epoch).expect("it is small"),
        offset,
    }
}

fn keep(text: &str, position: Position) -> Event {
    Event::Keep(Box::new(Keep {
        topic: "t".into(),
        message: message(text),
        position_at: None,
        except: None,
        confirm: None,
        reply: None,
        at: Some(position),
    }))
}

/// A room whose stream is known from behind an offset on.
pub(super) fn room(epoch: u64, from: u64) -> Room {
    let room = Room::new();
    let epoch = at(epoch, 0).epoch;
    let news = StreamNews::Anew {
        epoch,
        begin: 0,
        from,
    };
    room.post(Event::Stream(news));
    room
}

impl Room {
    /// How a client joins, where that is known at once.
    fn join_at(&self, guest: &Guest, position: Position) -> Option<Joined> {
        match self.ask_to_join(guest, "t", after(position), Notices::default()) {
            Joining::Joined(joined) => Some(joined),
            Joining::Later => None,
            Joining::TooManyTopics => panic!("it is the only one"),
        }
    }

    fn outcome(&self, guest: &Guest, position: Position) -> Option<Outcome> {
        self.join_at(guest, position).map(|joined| joined.outcome)
    }
}

#[test]
fn what_is_kept_has_the_place_that_the_stream_gives_it_and_comes_once() {
    let room = room(10, 5);
    let (one, other, old) = (room.open(1), room.open(2), room.open(3));
    assert_eq!(room.outcome(&one, at(10, 5)), Some(Outcome::Recovered));
    for (text, offset) in [
        ("a", 7),
        ("b", 9),
        ("b-again", 9),
        ("a-again", 7),
        ("c", 10),
    ] {
        room.post(keep(text, at(10, offset)));
    }
    assert_eq!(room.outcome(&other, at(10, 8)), Some(Outcome::Recovered));
    let too_old = Some(Outcome::Gap(Gap::TooOld));
    assert_eq!(room.outcome(&old, at(10, 4)), too_old);
    assert_eq!(room.heard(vec![one, other, old]), ["a b c ", "b c ", ""]);
}

#[test]
fn who_is_ahead_waits_until_the_stream_has_come_there_and_hears_nothing_twice() {
    let room = room(10, 0);
    room.post(keep("a", at(10, 1)));
    let ahead = room.open(1);
    assert_eq!(room.outcome(&ahead, at(10, 3)), None, "nobody knows yet");
    assert_eq!(room.route.count(topic("t")), Some(1), "it is on its way");
    for (text, offset) in [("b", 2), ("c", 3), ("d", 4)] {
        room.post(keep(text, at(10, offset)));
        room.post(Event::ReadTo { offset });
    }
    room.post(keep("e", at(10, 5)));
    assert_eq!(room.heard(vec![ahead]), ["d e "]);
}

/// Cause: a mutant survived in which every other time it was read on nobody was looked for who waits for that.
#[test]
fn who_is_ahead_goes_on_as_soon_as_the_stream_was_read_so_far() {
    let room = room(10, 0);
    room.post(keep("a", at(10, 1)));
    let ahead = room.open(1);
    assert_eq!(room.outcome(&ahead, at(10, 2)), None);
    room.post(keep("b", at(10, 2)));
    room.post(keep("c", at(10, 3)));
    room.post(Event::ReadTo { offset: 3 });
    assert_eq!(room.heard(vec![ahead]), ["c "]);
}

#[test]
fn who_is_ahead_in_an_epoch_that_comes_later_waits_for_that_too() {
    let room = room(10, 0);
    room.post(keep("a", at(10, 1)));
    let (ahead, back, lost) = (room.open(1), room.open(2), room.open(3));
    assert_eq!(room.outcome(&ahead, at(20, 2)), None);
    let epoch = at(20, 0).epoch;
    room.post(Event::Stream(StreamNews::Begins { epoch, begin: 1 }));
    room.post(Event::ReadTo { offset: 1 });
    room.post(keep("b", at(20, 2)));
    room.post(keep("c", at(20, 3)));
    room.post(Event::ReadTo { offset: 3 });
    // A place of the epoch before is a place still, up to its end.
    assert_eq!(room.outcome(&back, at(10, 1)), Some(Outcome::Recovered));
    let other = Some(Outcome::Gap(Gap::OtherEpoch));
    assert_eq!(room.outcome(&lost, at(10, 2)), other);
    assert_eq!(room.heard(vec![ahead, back, lost]), ["c ", "b c ", ""]);
}

#[test]
fn what_is_said_plainly_is_not_kept_where_a_stream_says_what_is() {
    let room = room(10, 0);
    let (one, late) = (room.open(1), room.open(2));
    assert_eq!(room.outcome(&one, at(10, 0)), Some(Outcome::Recovered));
    room.post(keep("kept", at(10, 1)));
    room.post(to_topic("t", "plain"));
    room.post(keep("too", at(10, 3)));
    assert_eq!(room.outcome(&late, at(10, 0)), Some(Outcome::Recovered));
    assert_eq!(
        room.heard(vec![one, late]),
        ["kept plain too ", "kept too "]
    );
}

/// Cause: what another host had for a client that had gone reached nobody, and nobody could know.
#[test]
fn what_another_host_has_for_who_has_gone_is_counted() {
    let room = room(1, 0);
    let counts = Arc::<EngineCounts>::default();
    room.route.counts().set_engine(counts.clone());
    let (one, two) = (room.open(1), room.open(2));
    let from_afar = |client: &Guest| Event::FromAfar { client: client.id };
    room.post(from_afar(&one));
    room.post(to_one(one.id, "here"));
    // Nobody else says that it is for one who may have gone.
    room.post(Event::Closed { client: two.id });
    room.post(to_one(two.id, "of this host"));
    room.route.count(Audience::Everyone);
    assert_eq!(counts.undelivered.get(), 0);
    room.post(from_afar(&two));
    room.post(to_one(two.id, "too late"));
    let cause = Cause::plugin(4000, "bye");
    let client = one.id;
    room.post(Event::Close { client, cause });
    room.post(from_afar(&one));
    room.post(to_one(one.id, "behind its end"));
    room.route.count(Audience::Everyone);
    assert_eq!(counts.undelivered.get(), 2);
    room.heard(Vec::new());
}
