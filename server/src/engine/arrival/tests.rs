use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Arrivals, Missing, position};
use crate::compression::{Need, Shape, Window};
use crate::counters::EngineCounts;
use crate::engine::entry::{Body, Entry, Kind, Meta, StreamId};
use crate::engine::flight::Arrived;
use crate::engine::gap::GapCause;
use crate::engine::link::Instance;
use crate::hub::{Event, Hub, StreamNews};
use crate::ids::RouteId;
use crate::journal::Position;

const HOST: u64 = 1;
const OTHER: u64 = 2;

struct World {
    hub: Hub,
    arrivals: Arrivals,
    counts: Arc<EngineCounts>,
    told: Arc<AtomicU64>,
    numbers: u64,
}

fn id(epoch: u64, offset: u64) -> StreamId {
    StreamId { epoch, offset }
}

fn entry(at: StreamId, kind: Kind, host: u64, number: u64, payload: &[u8]) -> Entry {
    let meta = Meta {
        kind,
        opcode: 1,
        host,
        number,
        except: Some(5),
        at: 0,
        position_at: None,
        topic: "t".into(),
    };
    let body = Body {
        instance: Instance(1),
        meta,
        payload: payload.to_vec(),
    };
    Entry {
        id: at,
        body: Some(body),
    }
}

impl World {
    fn new() -> World {
        let hub = Hub::start(|_| {}).expect("a thread");
        let told = Arc::new(AtomicU64::new(0));
        let counts = Arc::<EngineCounts>::default();
        let tell = told.clone();
        let arrivals = Arrivals::new(
            HOST,
            hub.handle().open(RouteId(0)),
            counts.clone(),
            Arc::default(),
            Box::new(move |epoch| tell.store(epoch, Ordering::Relaxed)),
        );
        World {
            hub,
            arrivals,
            counts,
            told,
            numbers: 0,
        }
    }

    /// What comes of an entry: what is missing, and a letter for each thing that the hub gets.
    fn take(&mut self, entry: Entry) -> (Option<Missing>, String) {
        let mut out = Vec::new();
        let missing = self.arrivals.take(entry, &mut out);
        let letter = |arrived: &Arrived| match arrived {
            Arrived::Own { .. } => 'o',
            Arrived::Other(Event::Keep(_)) => 'k',
            Arrived::Other(Event::Publish { except: None, .. }) => 'p',
            Arrived::Other(Event::CloseAll { .. }) => 'c',
            Arrived::Other(Event::Stream(StreamNews::Begins { .. })) => 'b',
            Arrived::Other(Event::Stream(StreamNews::Anew { .. })) => 'a',
            Arrived::Other(_) => '?',
        };
        (missing, out.iter().map(letter).collect())
    }

    /// What the plugin is to be told: why, and from where to where.
    fn gap(&mut self) -> Option<(GapCause, StreamId, StreamId)> {
        let gap = self.arrivals.take_gap()?;
        let id = |at: Position| id(at.epoch.number(), at.offset);
        Some((gap.cause, id(gap.from), id(gap.to)))
    }

    fn said(&mut self, at: StreamId) -> (Option<Missing>, String) {
        self.numbers += 1;
        let number = self.numbers;
        self.take(entry(at, Kind::Said, OTHER, number, b"x"))
    }

    fn epoch(&mut self, at: StreamId) -> (Option<Missing>, String) {
        let before = self.arrivals.last().epoch.to_le_bytes();
        self.take(entry(at, Kind::Epoch, OTHER, 0, &before))
    }
}

fn of(letters: &str) -> (Option<Missing>, String) {
    (None, letters.to_owned())
}

#[test]
fn what_follows_is_taken_and_an_epoch_goes_on_where_the_one_before_has_ended() {
    let mut world = World::new();
    assert_eq!(
        world.said(id(10, 7)),
        of("ap"),
        "where the stream begins now"
    );
    assert_eq!(world.said(id(10, 8)), of("p"));
    assert_eq!(world.epoch(id(20, 8)), of("b"));
    assert_eq!(world.said(id(20, 9)), of("p"));
    let kept = entry(id(20, 10), Kind::Kept, OTHER, 100, b"x");
    assert_eq!(world.take(kept), of("k"));
    let own = entry(id(20, 11), Kind::Kept, HOST, 1, b"x");
    assert_eq!(world.take(own), of("o"));
    let again = entry(id(20, 12), Kind::Kept, HOST, 1, b"x");
    assert_eq!(world.take(again), of(""), "it was sent twice");
    assert_eq!(world.told.load(Ordering::Relaxed), 0);
    world.hub.end();
}

#[test]
fn what_does_not_follow_is_a_gap() {
    for (next, is_epoch) in [(id(10, 9), false), (id(20, 8), false), (id(20, 8), true)] {
        let mut world = World::new();
        world.said(id(10, 6));
        world.arrivals.is_history = false;
        let last = id(10, 7);
        assert_eq!(world.said(last), of("p"));
        let (missing, letters) = match is_epoch {
            true => world.epoch(next),
            false => world.said(next),
        };
        assert_eq!(missing, Some(Missing::Trimmed(last, next)));
        assert_eq!(letters, if is_epoch { "ac" } else { "acp" });
        let to = id(next.epoch, if is_epoch { 8 } else { next.offset - 1 });
        assert_eq!(world.gap(), Some((GapCause::Missed, last, to)));
        assert_eq!(world.gap(), None, "it is told once");
        assert_eq!(
            world.told.load(Ordering::Relaxed),
            0,
            "nobody else has lost it"
        );
        world.hub.end();
    }
}

#[test]
fn who_has_read_what_is_lost_tells_it_and_who_has_not_hears_of_it_once() {
    let mut world = World::new();
    world.said(id(10, 6));
    world.arrivals.is_history = false;
    world.said(id(10, 7));
    let (missing, letters) = world.epoch(id(20, 6));
    assert_eq!(missing, Some(Missing::Lost(id(10, 7), id(20, 6))));
    assert_eq!(letters, "ac");
    assert_eq!(
        world.gap(),
        Some((GapCause::Lost, id(10, 7), id(20, 6))),
        "from the last that was heard to where it goes on"
    );
    assert_eq!(world.told.load(Ordering::Relaxed), 10);
    let lost = |at, host, number| entry(at, Kind::Lost, host, number, &10_u64.to_le_bytes());
    assert_eq!(
        world.take(lost(id(20, 7), HOST, 9)),
        of("o"),
        "its own word comes back"
    );
    assert_eq!(
        world.take(lost(id(20, 8), OTHER, 99)),
        of(""),
        "it is known"
    );
    world.hub.end();

    let mut world = World::new();
    world.said(id(10, 6));
    world.arrivals.is_history = false;
    assert_eq!(
        world.epoch(id(20, 6)),
        of("b"),
        "it has missed nothing, as far as it knows"
    );
    let (missing, letters) = world.take(lost(id(20, 7), OTHER, 99));
    assert_eq!(missing, Some(Missing::LostElsewhere(id(20, 7))));
    assert_eq!(letters, "ac");
    assert_eq!(
        world.gap(),
        Some((GapCause::Lost, id(20, 6), id(20, 7))),
        "here nothing is missing between"
    );
    assert_eq!(world.counts.gaps.get(), 1);
    assert_eq!(world.take(lost(id(20, 8), OTHER, 100)), of(""));
    assert_eq!(world.gap(), None);
    world.hub.end();

    // Cause: who was on its way from one host to another came back with a place of before, and was told of no gap.
    let mut world = World::new();
    world.said(id(10, 6));
    world.epoch(id(20, 6));
    let told = world.take(lost(id(20, 7), OTHER, 99));
    assert_eq!(told, of("a"), "nobody is here who could be closed");
    assert_eq!(world.gap(), None);
    world.hub.end();
}

/// Cause: a failover to a replica whose stream ends at the same offset, in an epoch that was over.
#[test]
fn a_history_that_ends_at_the_same_offset_and_is_another_one_is_a_loss() {
    let mut world = World::new();
    world.said(id(20, 7));
    let of_another = entry(id(30, 7), Kind::Epoch, OTHER, 0, &10_u64.to_le_bytes());
    let (missing, letters) = world.take(of_another);
    assert_eq!(missing, Some(Missing::Lost(id(20, 7), id(30, 7))));
    assert_eq!(letters, "ac");
    world.hub.end();
}

#[test]
fn what_nobody_knows_is_passed_over_and_told_once() {
    let mut world = World::new();
    world.said(id(10, 6));
    let unknown = |at| Entry { id: at, body: None };
    let (missing, letters) = world.take(unknown(id(10, 7)));
    assert_eq!(missing, Some(Missing::Unreadable(id(10, 7))));
    assert_eq!(letters, "");
    assert_eq!(world.take(unknown(id(10, 8))), of(""));
    assert_eq!(world.said(id(10, 9)), of("p"));
    world.hub.end();
}

#[test]
fn gaps_that_nobody_was_told_of_are_told_as_one_and_those_of_the_past_are_not() {
    let mut world = World::new();
    world.said(id(10, 1));
    world.said(id(10, 5));
    assert_eq!(world.gap(), None, "this host has heard nothing yet");
    world.arrivals.is_history = false;
    world.said(id(10, 9));
    world.epoch(id(20, 4));
    world.said(id(20, 7));
    assert_eq!(
        world.gap(),
        Some((GapCause::Lost, id(10, 5), id(20, 6))),
        "one of the three is a loss"
    );
    assert_eq!(world.counts.gaps.get(), 4);
    world.hub.end();
}

/// Cause: what had been given up and came after all was compressed under the lock of what is in flight, for which the hub waits.
#[test]
fn what_is_read_under_a_lock_is_not_compressed() {
    let world = World::new();
    let (shape, window) = (Shape::Bare, Window::MOST);
    world
        .arrivals
        .hub
        .demand()
        .set(Need { shape, window }, true);
    for kind in [Kind::Said, Kind::Kept] {
        let read = |plain: bool| {
            let entry = entry(id(5, 1), kind, HOST, 1, "and on ".repeat(500).as_bytes());
            let body = entry
                .body
                .map(|body| (body.meta, body.payload))
                .expect("it has one");
            let event = match plain {
                true => world.arrivals.plain_message(body, position(entry.id)),
                false => world.arrivals.message(body, position(entry.id)),
            };
            event.expect("it is a message").bytes()
        };
        assert!(read(true) < read(false), "{kind:?}");
    }
    world.hub.end();
}
