//! The way of a route to other hosts, through a stream of Redis.

use std::time::Duration;

/// Bytes of one route that are on their way through the stream, an entry counting 2 KiB at least; past it, who speaks waits.
pub const FLIGHT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What the hub itself has to say, about clients that come and go, may take so many times as much: it waits for nobody.
pub const FLIGHT_URGENT_FACTOR: u64 = 4;

/// Entries, and bytes of them, that go to Redis at once.
pub const FLIGHT_BATCH_ENTRIES: usize = 256;
/// See [`FLIGHT_BATCH_ENTRIES`].
pub const FLIGHT_BATCH_BYTES: usize = 256 * 1024;

/// Entries that are read at once, at first, and bytes of them, as far as their sizes are known from those before.
pub const STREAM_READ_FIRST: usize = 16;
/// See [`STREAM_READ_FIRST`].
pub const STREAM_READ_BYTES: usize = 4 * 1024 * 1024;
/// Entries that are read at once, at most.
pub const STREAM_READ_ENTRIES: usize = 256;

/// Time that Redis holds an answer back while nothing is said.
pub const STREAM_BLOCK: Duration = Duration::from_millis(300);

/// Time for an answer of Redis; one that is slower counts as away. With what is around it, less than a second.
pub const REDIS_ANSWER: Duration = Duration::from_millis(900);

/// Bytes that go to Redis in a second at least: so much later the answer to what is large may come.
pub const REDIS_BYTES_PER_SECOND: usize = 128 * 1024;
/// What is smaller than this is not large.
pub const REDIS_LARGE_BYTES: usize = 64 * 1024;

/// Time after which Redis is tried again: at first, and at last.
pub const REDIS_RETRY_LEAST: Duration = Duration::from_millis(50);
/// See [`REDIS_RETRY_LEAST`].
pub const REDIS_RETRY_MOST: Duration = Duration::from_secs(1);

/// How often it is looked meanwhile for what has waited for too long.
pub const FLIGHT_LOOK: Duration = Duration::from_millis(100);

/// The same while nothing is on its way: so long it may take until Redis, which took nothing, counts as back.
pub const FLIGHT_LOOK_IDLE: Duration = Duration::from_secs(1);

/// Time that the start of a route waits until its stream was read.
pub const STREAM_OPENING: Duration = Duration::from_secs(10);

/// Time that a publisher waits to be told where its message stands, before it goes on without.
pub const STREAM_TELL: Duration = Duration::from_secs(1);

/// Time that is waited before something is sent again until what is in the stream by then was read.
pub const STREAM_CATCH_UP: Duration = Duration::from_secs(1);

/// Runs of servers of which it is known what they said last in a stream.
pub const STREAM_HOSTS_MAX: usize = 4096;

/// Topics of which it is known that they are kept; past it everything is kept.
pub const STREAM_KEPT_TOPICS_MAX: usize = 64 * 1024;

/// Tries to begin an epoch, which every other host may do at the same time.
pub const EPOCH_TRIES: usize = 64;

const _: () = assert!(STREAM_BLOCK.as_millis() * 2 < REDIS_ANSWER.as_millis());

/// How often each host tells the others what it has, where that has changed, and asks what they have.
pub const HOSTS_LOOK: Duration = Duration::from_secs(1);
/// How often it tells that it is there, whatever has changed.
pub const HOSTS_RENEW: Duration = Duration::from_secs(3);
/// Time after which Redis forgets a host that does not: with the look of the others, less than 15 s.
pub const HOSTS_EXPIRE: Duration = Duration::from_secs(10);
/// Time for which what is known of other hosts counts while Redis is away.
pub const HOSTS_AGE: Duration = Duration::from_secs(15);
/// Time after which a host that is not there any more counts as gone for ever: what is for its clients is not sent.
pub const HOSTS_GONE: Duration = Duration::from_secs(5);
/// Time that somebody waits who has something for a host of a number that was never seen, until the list was read anew.
pub const HOSTS_ASK: Duration = Duration::from_millis(500);
/// The list is read so often at most, whoever asks.
pub const HOSTS_ASK_LEAST: Duration = Duration::from_millis(50);
/// Time after which its name is taken out of the list of hosts.
pub const HOSTS_FORGET: Duration = Duration::from_secs(60);

/// Other hosts that are looked at.
pub const HOSTS_MAX: usize = 1024;
/// Hosts that have gone of which that is known.
pub const HOSTS_GONE_MAX: usize = 4096;
/// Bytes of what a host says of itself, beside its lists.
pub const HOST_WORD_BYTES_MAX: usize = 256 * 1024;
/// Clients of a route that a host lists for others.
pub const HOST_LISTED_MAX: usize = 10_000;
/// Bytes of such a list.
pub const HOST_LIST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of its lists that a host writes in a second, over time.
pub const HOST_LISTS_WRITTEN: usize = 256 * 1024;
/// Bytes of the lists of others that it reads in a second, over time.
pub const HOST_LISTS_READ: usize = 1024 * 1024;
/// Clients of a route that are held of all other hosts together.
pub const ELSEWHERE_LISTED_MAX: usize = 100_000;
/// A look at all places takes at most so small a part of the time, and is made so often all the same: it may have taken long
/// since the machine was busy.
pub const HOST_LOOK_PART: u32 = 100;
/// See [`HOST_LOOK_PART`].
pub const HOST_LOOK_LEAST: Duration = Duration::from_secs(3);

const _: () = assert!(
    HOSTS_EXPIRE.as_secs() + 2 * HOSTS_LOOK.as_secs() < 15
        && HOSTS_ASK_LEAST.as_millis() * 4 < HOSTS_ASK.as_millis()
        && 2 * HOSTS_RENEW.as_secs() < HOSTS_EXPIRE.as_secs()
);
