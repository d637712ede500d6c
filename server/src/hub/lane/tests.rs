//! A lane that the test works on itself, turn by turn: what is left midway, sent together, and counted.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use super::{Lane, Outcome, Walk};
use crate::counters::Histogram;
use crate::hub::intake::{Emptied, Intake};
use crate::hub::queue::Queue;
use crate::hub::slice::Slice;
use crate::hub::{Audience, Event, JoinFrom, Keep, Message, Notices, Published, StreamNews};
use crate::ids::{ClientId, RouteId};
use crate::journal::{Epoch, Position, Since};
use crate::limits::{
    FEW_TOUCHED_DIVISOR, GATHER_MESSAGES_LEAST, PIECES_PER_ROUND, ROUND_EVENTS_MAX, RUN_BYTES_MAX,
    STEPS_PER_LOOK,
};
use crate::outbox::cause::Cause;
use crate::outbox::drain::Drain;
use crate::outbox::frame::Opcode;
use crate::outbox::{Ending, Outbox};

/// Nanoseconds of a turn that is over at the first look, and of one that never is.
const NONE: u64 = 0;
const ENDLESS: u64 = u64::MAX;

struct Stage {
    drain: Drain,
    queue: Arc<Queue>,
    lane: Lane,
    _intake: Emptied<Queue>,
}

struct Guest {
    id: ClientId,
    outbox: Arc<Outbox>,
    peer: UnixStream,
}

impl Stage {
    fn new() -> Stage {
        let intake = Intake::new();
        let queue = Arc::new(Queue::new(RouteId(0), intake.clone()));
        Stage {
            drain: Drain::start().expect("a thread"),
            lane: Lane::new(queue.clone()),
            queue,
            _intake: Emptied(intake),
        }
    }

    /// Clients that are on the route once the lane has worked.
    fn open(&self, count: u64) -> Vec<Guest> {
        let guests = (1..=count).map(|id| {
            let (socket, peer) = UnixStream::pair().expect("two descriptors");
            peer.set_read_timeout(Some(Duration::from_secs(20)))
                .expect("a valid timeout");
            let id = ClientId(id);
            let outbox = Outbox::new(OwnedFd::from(socket), id, self.drain.handle());
            self.post([Event::Opened {
                client: id,
                outbox: outbox.clone(),
            }]);
            Guest { id, outbox, peer }
        });
        guests.collect()
    }

    /// All of it is there before the lane works, however much it is.
    fn post(&self, events: impl IntoIterator<Item = Event>) {
        self.queue.post_all(events.into_iter().collect());
    }

    /// One turn of so many nanoseconds; a lane that has nothing to do rests before the next.
    fn work(&mut self, time: u64) -> Outcome {
        let outcome = self.lane.work(&mut Slice::new(time, None), &|_| {});
        if outcome == Outcome::Done {
            assert!(self.lane.rests(), "all that was posted was taken");
        }
        outcome
    }

    /// Works on until nothing is left to do; how often it was left before.
    fn work_in_turns(&mut self, time: u64) -> usize {
        (0..100_000)
            .find(|_| self.work(time) != Outcome::Left)
            .expect("it comes to its end")
    }

    /// Takes all that was posted, of which nothing is sent yet: as in a busy room, in which the lane waits for more then.
    fn gather(&mut self) {
        self.lane.gathering.note(45_000, 1000, 3_600_000);
        assert!(matches!(self.work(ENDLESS), Outcome::Gathers(_)));
    }

    fn end(self, guests: Vec<Guest>) -> Vec<String> {
        let heard = guests.into_iter().map(|mut guest| {
            guest.outbox.finish(Ending::Complete);
            let mut bytes = Vec::new();
            guest.peer.read_to_end(&mut bytes).expect("it ends");
            let bytes = bytes.chunks_exact(6);
            let texts = bytes.map(|frame| String::from_utf8_lossy(&frame[2..]).into_owned());
            texts.collect::<Vec<_>>().join(" ")
        });
        let heard = heard.collect();
        self.drain.end();
        heard
    }
}

/// Of four letters, so that each frame has six bytes.
fn message(text: &str) -> Message {
    assert_eq!(text.len(), 4);
    Message::new(Opcode::Text, text.as_bytes())
}

fn to_topic(name: &str, text: &str) -> Event {
    Event::Publish {
        audience: Audience::Topic(name.into()),
        message: message(text),
        except: None,
    }
}

fn to_one(client: ClientId, text: &str) -> Event {
    let message = message(text);
    Event::Send { client, message }
}

/// A message of the topic `t` that is kept.
fn keep(text: &str, reply: Option<Sender<Published>>, at: Option<Position>) -> Event {
    Event::Keep(Box::new(Keep {
        topic: "t".into(),
        message: message(text),
        position_at: None,
        except: None,
        confirm: None,
        reply,
        at,
    }))
}

fn join_from(client: ClientId, since: Since) -> Event {
    Event::JoinFrom(Box::new(JoinFrom {
        client,
        topic: "t".into(),
        since,
        notices: Notices::default(),
        reply: None,
    }))
}

fn join(client: ClientId, name: &str) -> Event {
    let topic = Audience::Topic(name.into());
    Event::Join { client, topic }
}

fn count() -> Event {
    let (reply, _) = bounded(1);
    let topic = Audience::Everyone;
    Event::Count { topic, reply }
}

/// Cause: mutants survived that left a lane with each step, and went on where its turn was over: everything was heard, late.
#[test]
fn each_walk_is_left_when_the_turn_is_over_and_not_before() {
    const GUESTS: usize = 5 * STEPS_PER_LOOK;
    for time in [ENDLESS, NONE] {
        let mut stage = Stage::new();
        let guests = stage.open(GUESTS as u64);
        let one = guests[0].id;
        let joins = guests
            .iter()
            .flat_map(|guest| ["a", "b"].map(|name| join(guest.id, name)));
        for (walk, events) in [
            ("taking events", joins.collect()),
            (
                "one run that is queued and one that is sent",
                vec![to_topic("a", "one."), to_topic("b", "two.")],
            ),
            (
                "what waits at one, and a run",
                vec![to_one(one, "own."), to_topic("a", "more")],
            ),
            (
                "a run of which one gets more",
                vec![to_topic("a", "mix."), to_one(one, "too.")],
            ),
            (
                "closing",
                vec![Event::CloseAll {
                    cause: Cause::server(1001, "by"),
                }],
            ),
        ] {
            stage.post(events);
            let lefts = stage.work_in_turns(time);
            let is_as_meant = match time {
                NONE => lefts >= GUESTS / STEPS_PER_LOOK - 1,
                _ => lefts == 0,
            };
            assert!(is_as_meant, "{walk}: left {lefts} times");
        }
        let closed = "\u{3}\u{fffd}by";
        let heard = stage.end(guests);
        assert_eq!(heard[0], format!("one. two. own. more mix. too. {closed}"));
        let others = format!("one. two. more mix. {closed}");
        assert!(heard[1..].iter().all(|heard| *heard == others), "{heard:?}");
    }
}

/// Cause: mutants survived in which what a route had said waited until nothing more was said there.
#[test]
fn what_a_turn_has_queued_leaves_in_the_next_one_though_more_waits() {
    let mut stage = Stage::new();
    let mut guests = stage.open(1);
    assert_eq!(stage.work(ENDLESS), Outcome::Done);
    let one = guests[0].id;
    let many = (0..10 * STEPS_PER_LOOK).map(|_| count());
    stage.post([to_one(one, "own.")].into_iter().chain(many));
    assert_eq!(stage.work(NONE), Outcome::Left);
    assert_eq!(stage.work(NONE), Outcome::Left);
    assert!(!stage.lane.taken.events.is_empty(), "more waits");
    let mut frame = [0; 6];
    guests[0].peer.read_exact(&mut frame).expect("it has left");
    assert_eq!(&frame[2..], b"own.");
    stage.work_in_turns(NONE);
    stage.end(guests);
}

#[test]
fn a_turn_that_ends_in_a_walk_makes_the_round_late_too() {
    let mut stage = Stage::new();
    let guests = stage.open(5 * STEPS_PER_LOOK as u64);
    assert_eq!(stage.work(ENDLESS), Outcome::Done);
    let joins = guests[1..].iter().map(|guest| join(guest.id, "a"));
    stage.post(joins);
    assert_eq!(stage.work(ENDLESS), Outcome::Done);
    stage.post([
        to_one(guests[0].id, "own."),
        to_topic("a", "one."),
        Event::Publish {
            audience: Audience::Everyone,
            message: message("all."),
            except: None,
        },
    ]);
    assert_eq!(stage.work(NONE), Outcome::Left);
    assert!(matches!(stage.lane.walk, Some(Walk::Queueing { .. })));
    assert!(stage.lane.is_late);
    stage.work_in_turns(NONE);
    let heard = stage.end(guests);
    assert_eq!((&*heard[0], &*heard[1]), ("own. all.", "one. all."));
}

/// Cause: mutants survived in which each word was a round of its own, or a round took all that there was.
#[test]
fn what_is_there_together_is_one_round_of_so_many_events_at_most() {
    let mut stage = Stage::new();
    let guests = stage.open(1);
    assert_eq!(stage.work(ENDLESS), Outcome::Done);
    for (events, rounds) in [(10, 1), (ROUND_EVENTS_MAX + 10, 2)] {
        stage.lane.ended_rounds = 0;
        stage.post((0..events).map(|_| to_one(guests[0].id, "word")));
        assert_eq!(stage.work(ENDLESS), Outcome::Done);
        assert_eq!(stage.lane.ended_rounds, rounds, "{events} events");
        assert_eq!(stage.queue.load().bytes, 0);
    }
    let posted = 1 + 10 + ROUND_EVENTS_MAX as u64 + 10;
    assert!(stage.queue.has_settled(posted) && !stage.queue.has_settled(posted + 1));
    stage.end(guests);
}

/// Cause: mutants survived in which a busy room never waited for more, on and on, or with nothing to say.
#[test]
fn a_busy_room_waits_for_more_once_in_a_round_and_with_something_to_say() {
    let mut stage = Stage::new();
    let guests = stage.open(1);
    assert_eq!(stage.work(ENDLESS), Outcome::Done);
    let make_busy = |lane: &mut Lane| lane.gathering.note(45_000, 1000, 3_600_000);
    make_busy(&mut stage.lane);
    stage.post([count()]);
    assert_eq!(stage.work(ENDLESS), Outcome::Done, "nothing is to be said");
    make_busy(&mut stage.lane);
    stage.post([to_one(guests[0].id, "own.")]);
    let wait = Duration::from_micros(900);
    assert_eq!(stage.work(ENDLESS), Outcome::Gathers(wait));
    assert_eq!(stage.work(ENDLESS), Outcome::Done);
    assert_eq!(stage.end(guests), ["own."]);
}

/// Cause: mutants survived in which no sending was measured, and so no busy room ever waited for more, or that of each single
/// message was.
#[test]
fn how_long_sending_takes_is_measured_where_much_is_said() {
    const GUESTS: usize = 5 * STEPS_PER_LOOK;
    let mut stage = Stage::new();
    let guests = stage.open(GUESTS as u64);
    let joins = |name| guests.iter().map(move |guest| join(guest.id, name));
    stage.post(joins("a").chain(joins("b")));
    assert_eq!(stage.work(ENDLESS), Outcome::Done);
    for (messages, is_much) in [
        (1, false),
        (GATHER_MESSAGES_LEAST - 1, false),
        (GATHER_MESSAGES_LEAST, true),
    ] {
        stage.post((0..messages).map(|_| to_topic("a", "word")));
        stage.gather();
        assert_eq!(stage.work(NONE), Outcome::Left);
        assert!(matches!(stage.lane.walk, Some(Walk::Delivering { .. })));
        assert_eq!(stage.lane.sending > 0, is_much, "{messages} messages");
        stage.work_in_turns(ENDLESS);
        assert_eq!(stage.lane.sending, 0, "a round's is its own");
    }
    // What one topic was told is queued, and much is said where it is sent together with what another is told.
    stage.post(["a", "a", "b"].map(|name| to_topic(name, "more")));
    stage.gather();
    assert_eq!((stage.lane.deliveries, stage.lane.sending), (2 * GUESTS, 0));
    assert_eq!(stage.work(NONE), Outcome::Left);
    assert!(matches!(stage.lane.walk, Some(Walk::Delivering { .. })));
    let part = stage.lane.sending;
    assert!(part > 0);
    while !matches!(stage.lane.walk, Some(Walk::Flushing)) {
        assert_eq!(stage.work(NONE), Outcome::Left);
    }
    assert!(stage.lane.sending > part);
    let flushed = GUESTS - stage.lane.touched.len();
    let (sends, deliveries) = (stage.lane.sends, stage.lane.deliveries);
    assert_eq!((sends, deliveries), (GUESTS + flushed, 3 * GUESTS));
    assert!(flushed > 0);
    stage.work_in_turns(NONE);
    stage.end(guests);
}

/// Cause: mutants survived in which a run that was full was copied into the outboxes of all its members.
#[test]
fn a_run_that_is_full_is_sent_from_where_it_is_and_one_that_gives_way_is_queued() {
    let large = || Message::new(Opcode::Text, &[b'x'; RUN_BYTES_MAX / 2]);
    let (client, except, number) = (ClientId(1), None, 1);
    let audience = |name: &str| Audience::Topic(name.into());
    let publish = |name| Event::Publish {
        audience: audience(name),
        message: large(),
        except,
    };
    let local = Event::Local {
        number,
        audience: audience("t"),
        message: large(),
        except,
    };
    let kept = Event::Keep(Box::new(Keep {
        topic: "t".into(),
        message: large(),
        position_at: None,
        except,
        confirm: None,
        reply: None,
        at: None,
    }));
    let to_one = Event::Send {
        client,
        message: large(),
    };
    for (then, is_full) in [
        (publish("t"), true),
        (local, true),
        (kept, true),
        (to_one, true),
        (to_topic("u", "more"), false),
        (Event::Closed { client }, false),
    ] {
        let mut stage = Stage::new();
        let guests = stage.open(STEPS_PER_LOOK as u64);
        let joins = guests.iter().map(|guest| guest.id);
        stage.post(joins.flat_map(|id| ["t", "u"].map(|name| join(id, name))));
        assert_eq!(stage.work(ENDLESS), Outcome::Done);
        stage.post([publish("t"), then]);
        assert_eq!(stage.work(NONE), Outcome::Left);
        match stage.lane.walk {
            Some(Walk::Delivering { .. }) => assert!(is_full),
            Some(Walk::Queueing { .. }) => assert!(!is_full),
            _ => panic!("the run goes first"),
        }
        guests.iter().for_each(|guest| guest.outbox.abort());
        stage.end(Vec::new());
    }
}

/// Cause: mutants survived in which what a few were told alone waited for a walk through a large room, or that room for many.
#[test]
fn what_waits_at_a_few_leaves_before_a_large_room_is_told_and_what_waits_at_many_behind_it() {
    const MEMBERS: usize = 5 * STEPS_PER_LOOK;
    const FEW: usize = MEMBERS / FEW_TOUCHED_DIVISOR;
    for (waiting, are_few) in [(1, true), (FEW, true), (FEW + 1, false)] {
        let mut stage = Stage::new();
        let guests = stage.open((MEMBERS + waiting) as u64);
        stage.post(guests[..MEMBERS].iter().map(|one| join(one.id, "a")));
        assert_eq!(stage.work(ENDLESS), Outcome::Done);
        let to_others = guests[MEMBERS..].iter().map(|one| to_one(one.id, "own."));
        stage.post(to_others.chain([to_topic("a", "one.")]));
        stage.gather();
        assert_eq!(stage.lane.touched.len(), waiting);
        assert_eq!(stage.work(NONE), Outcome::Left);
        assert!(matches!(stage.lane.walk, Some(Walk::Delivering { .. })));
        let (left, sends) = match are_few {
            true => (0, waiting),
            false => (waiting, 0),
        };
        let lane = &stage.lane;
        assert_eq!((lane.touched.len(), lane.sends), (left, sends), "{waiting}");
        stage.work_in_turns(NONE);
        let heard = stage.end(guests);
        let (members, others) = heard.split_at(MEMBERS);
        assert!(members.iter().all(|heard| heard == "one."), "{heard:?}");
        assert!(others.iter().all(|heard| heard == "own."), "{heard:?}");
    }
}

#[test]
fn who_is_behind_gets_so_many_pieces_in_a_round() {
    let mut stage = Stage::new();
    stage.post([keep("kept", None, None)]);
    let guests = stage.open(2 * PIECES_PER_ROUND as u64);
    assert_eq!(stage.work(ENDLESS), Outcome::Done);
    stage.lane.ended_rounds = 0;
    let ids = guests.iter().map(|guest| guest.id);
    stage.post(ids.map(|id| join_from(id, Since::Last(1))));
    assert_eq!(stage.work(ENDLESS), Outcome::Done);
    assert_eq!(stage.lane.ended_rounds, 2);
    assert!(stage.end(guests).iter().all(|heard| heard == "kept"));
}

/// Cause: a mutant survived in which the hub went round and round for who waits for something that this host has yet to read.
#[test]
fn who_waits_for_what_is_yet_to_be_read_has_no_turns() {
    let mut stage = Stage::new();
    let epoch = Epoch::from_number(10).expect("it is small");
    let at = |offset| Position { epoch, offset };
    let (begin, from) = (0, 0);
    stage.post([Event::Stream(StreamNews::Anew { epoch, begin, from })]);
    let guests = stage.open(1);
    let ahead = Since::After {
        position: Some(at(1)),
        or_last: 0,
    };
    stage.post([join_from(guests[0].id, ahead)]);
    assert_eq!(stage.work_in_turns(NONE), 0);
    stage.post([
        keep("own.", None, Some(at(1))),
        Event::ReadTo { offset: 1 },
        keep("more", None, Some(at(2))),
    ]);
    assert_eq!(stage.work_in_turns(NONE), 0);
    assert_eq!(stage.end(guests), ["more"]);
}

/// Cause: mutants survived in which what was kept was seen before it was noted that it was given out.
#[test]
fn what_is_kept_is_noted_before_anything_else_is_done() {
    let mut stage = Stage::new();
    let (reply, answer) = bounded(1);
    let client = ClientId(1);
    stage.post([keep("kept", Some(reply), None), Event::Closed { client }]);
    let is_told = AtomicBool::new(false);
    let on_left = |_: ClientId| is_told.store(answer.try_recv().is_ok(), Ordering::Relaxed);
    let outcome = stage.lane.work(&mut Slice::new(ENDLESS, None), &on_left);
    assert_eq!(outcome, Outcome::Done);
    assert!(is_told.into_inner(), "who said it knows of its place first");
    stage.end(Vec::new());
}

/// Cause: mutants survived in which the figure of how long a round takes stood still, or told of its last turn alone.
#[test]
fn each_round_that_has_ended_takes_its_share_of_the_time_of_its_turns() {
    let mut stage = Stage::new();
    let (lane, queue) = (&mut stage.lane, &stage.queue);
    let expected = Histogram::new();
    let times = |queue: &Queue| queue.counts().hub.rounds.times();
    lane.note_work(600);
    assert_eq!(times(queue), expected.times(), "none has ended");
    lane.end_round();
    lane.note_work(400_000);
    expected.add(400_600);
    assert_eq!(times(queue), expected.times());
    lane.end_round();
    lane.note_work(700);
    expected.add(700);
    (0..3).for_each(|_| lane.end_round());
    lane.note_work(90_000);
    expected.add_for(30_000, 3);
    assert_eq!(times(queue), expected.times());
    stage.end(Vec::new());
}
