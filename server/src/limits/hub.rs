//! The hub: queues of the routes, turns, runs, topics.

use std::time::Duration;

/// A piece of what was missed takes a backlog divided by this at most, so that its rest leaves the other half for
/// what else is said.
pub const PIECE_DIVISOR: usize = 2;

/// What an event in the queue of a route counts for at least, in bytes: so the bound of the queue holds
/// for the number of events too. 1 MiB holds 512: another topic of a flooded room of 1,000 waits for two
/// such queues, the one that is being walked and the one that has filled meanwhile.
pub const EVENT_LOAD_LEAST: u64 = 2048;

/// Events for which the queue of a silent route keeps memory: a few clients that speak.
pub const QUEUE_KEPT_EVENTS: usize = 16;

/// How long the hub works on a busy route before others that have something to say: what they wait for at most
/// for each such route, and long enough that the change from one to another, less than a microsecond, is nothing.
pub const TURN: Duration = Duration::from_millis(1);

/// Sends to members, a few µs each, before the hub looks at the clock and at other routes.
pub const STEPS_PER_LOOK: usize = 16;

/// Bytes of one send that count as one further step of [`STEPS_PER_LOOK`]: what it takes as long to copy.
pub const STEP_BYTES: usize = 4096;

/// Events that are held back for an instance that is not at work yet: what a greeting to each of
/// tens of thousands of clients needs.
pub const HELD_EVENTS_MAX: usize = 64 * 1024;

/// Bytes of such events: 256 for each of so many.
pub const HELD_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Events of one round of a route at the hub, so that what is touched is flushed soon.
pub const ROUND_EVENTS_MAX: usize = 1024;

/// Messages that each send of a round held on average, from which on the hub waits for more before
/// it sends those of the next: many are speaking at once.
pub const GATHER_MESSAGES_LEAST: usize = 8;

/// That wait is the time which the last round took to send, divided by this: it costs a member a
/// quarter of what the walk through the room costs it anyway.
pub const GATHER_SHARE: u32 = 4;

/// The wait ends early when the queue of the route is full to this share of its bound, as a divisor: somebody
/// floods it, and would have to wait in turn.
pub const GATHER_ENOUGH_DIVISOR: u64 = 4;

/// What a round has queued for others is flushed before a walk through a room of so many times as many members:
/// to send it together with what the walk sends would win little, and the walk may be long.
pub const FEW_TOUCHED_DIVISOR: usize = 8;

/// The longest such wait, since it holds up who is in the room; less than a tenth of it is no
/// wait, since a thread sleeps 50 µs longer than it asked for.
pub const GATHER_MAX: Duration = Duration::from_millis(1);

/// Bytes of one run of broadcasts; past it the run is sent and another begins.
pub const RUN_BYTES_MAX: usize = 64 * 1024;

/// Bytes for which a route keeps memory while it is silent: the runs of a room in which a few speak.
pub const RUN_KEPT_BYTES: usize = 4 * 1024;

/// Pieces that the hub gives out on one route before it looks at what is said there: a few milliseconds.
pub const PIECES_PER_ROUND: usize = 16;

/// Topics of one client; a join past it is ignored with a log line.
pub const TOPICS_PER_CLIENT_MAX: usize = 1024;

/// While other hosts cannot be reached: how often it is known of a client that it has left a topic and come again, and so what it
/// has not heard. From then on it may hear something again.
pub const MISSED_STRETCHES_MAX: usize = 16;

/// Topics of one client whose members are told when it leaves; its ends in further ones are not told.
pub const LAST_WORDS_PER_CLIENT_MAX: usize = 16;

/// Bytes of what they are told, of either kind.
pub const LAST_WORD_BYTES_MAX: usize = 1024;

/// Clients that one list of members or of a route's clients tells of.
pub const LISTED_MAX: usize = 10_000;

/// Bytes of a topic's name.
pub const TOPIC_BYTES_MAX: usize = 255;
