//! What each setting is where nothing is said, and the least and the most that it may be.
//!
//! Constants only, under the names of the settings in the file. The table of server/README.md and
//! `scripts/detent.toml` repeat them for people; tests hold the three together.

use std::time::Duration;

use super::CONNECTIONS_MAX;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Shortest time that is not `0s`: what the kernel's socket timeouts can still tell apart.
pub const TIME_LEAST: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A setting's default and range, both ends included.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<T> {
    /// What it is where neither the file nor the command line says anything.
    pub default: T,
    /// The least that is allowed.
    pub least: T,
    /// The most that is allowed.
    pub most: T,
}

const fn bounds<T>(default: T, least: T, most: T) -> Bounds<T> {
    Bounds {
        default,
        least,
        most,
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Address and port of the one listener: this machine only, since opening it to the world is to be
/// a deliberate setting.
pub const LISTEN: &str = "127.0.0.1:25252";

/// Addresses whose `X-Forwarded-For` and `X-Real-IP` are believed: a proxy on this machine, whether it comes
/// by TCP or by a unix socket.
pub const TRUSTED_PROXIES: [&str; 3] = ["127.0.0.0/8", "::1/128", "unix:"];

/// Permissions of a unix socket's file: its owner and its group come in, nobody else.
pub const SOCKET_MODE: u32 = 0o660;

/// Bytes of the path of a unix socket: what fits into a `sockaddr_un` before its zero byte (unix(7)).
pub const SOCKET_PATH_BYTES: usize = 107;

/// Libraries that one process may load: each may cost a pthread key, and about 1,000 of them end
/// it; 900 leaves some for the libraries that plugins bring along.
pub const LIBRARY_LOADS: Bounds<u64> = bounds(500, 1, 900);

/// Time from the first signal to the end of the process: below the 90 seconds after which systemd
/// kills.
pub const STOP_TIMEOUT: Bounds<Duration> = bounds(seconds(10), TIME_LEAST, DAY);

/// Time from the first signal to the first client that is closed; none, where no balancer has to notice first.
pub const STOP_DELAY: Bounds<Duration> = bounds(Duration::ZERO, Duration::ZERO, DAY);

/// Lines a second that the connections of one address may cause; 0 is no limit. A room of people behind one
/// address says less, and 100 KiB a second at most is nothing to a disk in an hour.
pub const LOG_CLIENT_RATE: Bounds<u64> = bounds(100, 0, 1_000_000);

/// Such lines at once: a reload of a page that everyone behind one address has open.
pub const LOG_CLIENT_BURST: Bounds<u64> = bounds(2000, 1, 1_000_000);

/// Percent of what the machine, the control group and `ulimit -v` leave that may be held for clients: half, since
/// the kernel's buffers, plugins and the program need the rest.
pub const MEMORY_PERCENT: Bounds<u8> = bounds(50, 1, 100);

/// The least size that may be given instead: a few hundred clients.
pub const MEMORY_BYTES_LEAST: u64 = 16 * MIB;

/// Connections at once where a number is given; the table of clients is allocated at start.
pub const CONNECTIONS: Bounds<u64> = bounds(CONNECTIONS_MAX, 1, CONNECTIONS_MAX);

/// Connections of one address; 0 is no limit, since behind a proxy that is not trusted, or a large
/// NAT, everyone has the same.
pub const CONNECTIONS_PER_ADDRESS: Bounds<u64> = bounds(0, 0, CONNECTIONS_MAX);

/// Heads that are waited for at once, and requests under way at once: enough for everyone to come back
/// at once after a restart (one takes about 0.1 ms of CPU, so that 1,000 wait a tenth of a second), and
/// few enough that clients that send nothing hold at most 1,000 threads and 16 MiB of heads.
pub const HANDSHAKES: Bounds<u64> = bounds(1000, 1, CONNECTIONS_MAX);

/// Bytes of a request head; a browser with many cookies sends about 8 KiB.
pub const HEAD_BYTES: Bounds<u64> = bounds(16 * KIB, KIB, 60 * KIB);

/// Headers of one request; browsers behind two proxies send about 30.
pub const HEADERS: Bounds<u64> = bounds(100, 1, 1000);

/// Bytes of a plain HTTP request's body; it is held in memory whole.
pub const BODY_BYTES: Bounds<u64> = bounds(64 * KIB, 0, 64 * MIB);

/// Time for a whole request head and its body.
pub const HANDSHAKE_TIMEOUT: Bounds<Duration> = bounds(seconds(10), TIME_LEAST, DAY);

/// Silence between two plain HTTP requests of one connection; browsers reuse one within seconds or
/// not at all, and each holds a thread.
pub const KEEP_ALIVE_TIMEOUT: Bounds<Duration> = bounds(seconds(15), Duration::ZERO, DAY);

/// Bytes of one message: what Centrifugo takes, four times what a chat needs.
pub const MESSAGE_BYTES: Bounds<u64> = bounds(64 * KIB, 1, GIB);

/// Bytes that wait for one client: what Centrifugo holds; 5,000 slow clients hold 5 GiB at worst.
pub const BACKLOG_BYTES: Bounds<u64> = bounds(MIB, KIB, GIB);

/// Bytes that wait for the hub in the queue of one route: a few hundred messages of a chat; in a room of 100
/// who floods with 60 KB waits behind 17 of them, some 100 ms.
pub const ROUTE_QUEUE_BYTES: Bounds<u64> = bounds(MIB, 64 * KIB, GIB);

/// Messages of one topic that are kept: what a room says in an evening.
pub const JOURNAL_MESSAGES: Bounds<u64> = bounds(1000, 1, 100_000_000);

/// Bytes of one topic that are kept, in memory: a thousand messages of a chat.
pub const JOURNAL_BYTES: Bounds<u64> = bounds(256 * KIB, KIB, 64 * GIB);

/// For how long a message is kept; zero is for ever: who was away for longer begins anew anyway.
pub const JOURNAL_AGE: Bounds<Duration> = bounds(seconds(60 * 60), Duration::ZERO, YEAR);

/// Topics of one route that are kept at once: with what each may hold at most 25 MiB a route by default.
pub const JOURNAL_TOPICS: Bounds<u64> = bounds(100, 1, 1_000_000);

/// What stands before a route's path in the name of its stream.
pub const REDIS_PREFIX: &str = "detent:";

/// Entries that the stream of a route holds at least: ten times what a host keeps of a topic by itself.
pub const REDIS_MESSAGES: Bounds<u64> = bounds(10_000, 100, 100_000_000);

/// For how long Redis is waited for: longer than it takes to start it anew or to fail over, shorter than a person waits.
pub const REDIS_WAIT: Bounds<Duration> =
    bounds(seconds(10), Duration::from_millis(100), seconds(25));

/// Messages of one client a second; 0 is no limit, since only the application knows what is normal.
pub const MESSAGES_PER_SECOND: Bounds<u64> = bounds(0, 0, 1_000_000);

/// Messages that one client may send at once, where its rate is limited.
pub const MESSAGES_BURST: Bounds<u64> = bounds(0, 1, 1_000_000);

/// Bytes of one client a second; 0 is no limit.
pub const BYTES_PER_SECOND: Bounds<u64> = bounds(0, 0, 64 * GIB);

/// Bytes that one client may send at once, where its rate is limited.
pub const BYTES_BURST: Bounds<u64> = bounds(0, 1, 64 * GIB);

/// Bytes of the shortest message that is compressed: at 300 bytes of JSON 40 % are saved, at 150 a quarter, for the same
/// 8 microseconds.
pub const COMPRESSION_THRESHOLD: Bounds<u64> = bounds(256, 1, GIB);

/// How hard messages are compressed: for a KiB of JSON 1 takes 4 microseconds and leaves 44 %, 2 to 6 take 12 to 14 and
/// leave 33 to 34 %, and 9 takes 17 and gains half a percent of that.
pub const COMPRESSION_LEVEL: Bounds<u64> = bounds(6, 1, 9);

/// Silence of a client after which it is sent a ping: below the 30 and 60 seconds after which
/// routers and proxies forget a connection.
pub const PING_INTERVAL: Bounds<Duration> = bounds(seconds(25), Duration::ZERO, DAY);

/// Time for the answer to a ping.
pub const PONG_TIMEOUT: Bounds<Duration> = bounds(seconds(10), TIME_LEAST, DAY);

/// Time without a message from the client after which it is closed; never, since a client that only
/// listens is a good one.
pub const IDLE_TIMEOUT: Bounds<Duration> = bounds(Duration::ZERO, Duration::ZERO, MONTH);

/// A socket that takes no byte for this long is dropped.
pub const WRITE_TIMEOUT: Bounds<Duration> = bounds(seconds(30), TIME_LEAST, DAY);

/// Time for the peer to answer a Close frame, the backlog before it included.
pub const CLOSE_TIMEOUT: Bounds<Duration> = bounds(seconds(5), TIME_LEAST, DAY);

/// Time after which a connection is closed however well it is; never, where nobody wants clients to
/// move to another server or to show new credentials.
pub const LIFETIME: Bounds<Duration> = bounds(Duration::ZERO, Duration::ZERO, MONTH);

/// Random time on top of a lifetime, so that clients that came together do not leave together.
pub const LIFETIME_JITTER: Bounds<Duration> = bounds(Duration::ZERO, Duration::ZERO, MONTH);

/// For how long browsers are to come by TLS alone; a year is what lists of such names ask for.
pub const HSTS: Bounds<Duration> = bounds(YEAR, seconds(1), seconds(10 * 366 * 24 * 60 * 60));

/// How often the files of a certificate are looked at, which costs a look at the folder.
pub const TLS_WATCH: Bounds<Duration> = bounds(seconds(60), seconds(1), DAY);

/// The shortest token that lets in: nobody guesses 16 characters of chance.
pub const TOKEN_BYTES_LEAST: usize = 16;

/// The longest token that lets in.
pub const TOKEN_BYTES_MOST: usize = 512;

/// Bytes of the configuration file: a thousand routes fit; it bounds what a wrong path (a log, a
/// device) can make us read.
pub const FILE_BYTES_MAX: u64 = MIB;
