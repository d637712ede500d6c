//! What is measured: names, units, and which way is better.

use std::collections::BTreeMap;

/// One thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name in the stored results.
    pub key: &'static str,
    /// Head of a column.
    pub title: &'static str,
    /// More of it is better.
    pub is_gain: bool,
}

const fn cost(key: &'static str, title: &'static str) -> Metric {
    Metric {
        key,
        title,
        is_gain: false,
    }
}

/// Processor time of the server for each message delivered.
pub const CPU_US: Metric = cost("cpu_us", "CPU µs/message");
/// Messages delivered in a second.
pub const PER_SECOND: Metric = Metric {
    key: "per_second",
    title: "messages/s",
    is_gain: true,
};
/// Median latency.
pub const P50_US: Metric = cost("p50_us", "p50 µs");
/// Latency that one message of a hundred exceeds.
pub const P99_US: Metric = cost("p99_us", "p99 µs");
/// Latency that one message of a thousand exceeds.
pub const P999_US: Metric = cost("p999_us", "p99.9 µs");
/// Context switches of the server for each message delivered.
pub const SWITCHES: Metric = cost("switches", "switches/message");
/// System calls of the server for each message delivered.
pub const CALLS: Metric = cost("calls", "system calls/message");
/// Messages that were lost, doubled or wrong, and connections that broke.
pub const FAULTS: Metric = cost("faults", "faults");
/// Share of one processor that the load itself took; near 100 it may be the bottleneck.
pub const LOAD_PERCENT: Metric = cost("load_percent", "load's own CPU %");
/// Share of one processor that the server took.
pub const CPU_PERCENT: Metric = cost("cpu_percent", "CPU %");
/// Resident memory for each client.
pub const RESIDENT_KIB: Metric = cost("resident_kib", "resident KiB/client");
/// Kernel stacks and page tables for each client.
pub const KERNEL_KIB: Metric = cost("kernel_kib", "kernel KiB/client");
/// What the machine has less for each client, both ends of its socket included.
pub const AVAILABLE_KIB: Metric = cost("available_kib", "machine's KiB/client");
/// The same above what a client costs that comes without TLS.
pub const ABOVE_KIB: Metric = cost("above_kib", "machine's KiB above plain");
/// Resident memory for each client above that of one without TLS.
pub const ABOVE_RESIDENT_KIB: Metric = cost("above_resident_kib", "resident KiB above plain");
/// Bytes of a message on the wire, its frame included.
pub const WIRE_BYTES: Metric = cost("wire_bytes", "bytes/message");
/// Processor time of the server to connect one client.
pub const CONNECT_US: Metric = cost("connect_us", "CPU µs/connection");
/// Pages of its memory that the server touches first, for each client that comes and stays.
pub const PAGE_FAULTS: Metric = cost("page_faults", "page faults/connection");
/// Processor time of the server to connect one client above what one takes that comes without TLS.
pub const ABOVE_US: Metric = cost("above_us", "CPU µs above plain");
/// Time of the first storm.
pub const FIRST_MS: Metric = cost("first_ms", "first ms");
/// Time of the second storm.
pub const AGAIN_MS: Metric = cost("again_ms", "again ms");
/// Median latency over that of the same clients while everyone read.
pub const SLOWDOWN: Metric = cost("slowdown", "p50 / quiet p50");
/// The same for the 99th percentile.
pub const SLOWDOWN_P99: Metric = cost("slowdown_p99", "p99 / quiet p99");
/// Median latency while everyone reads.
pub const QUIET_P50_US: Metric = cost("quiet_p50_us", "quiet p50 µs");
/// 99th percentile of the latency while everyone reads.
pub const QUIET_P99_US: Metric = cost("quiet_p99_us", "quiet p99 µs");
/// Median latency where the same flood runs in a second server process.
pub const APART_P50_US: Metric = cost("apart_p50_us", "apart p50 µs");
/// The same for the 99th percentile.
pub const APART_P99_US: Metric = cost("apart_p99_us", "apart p99 µs");
/// Median latency on another route beside the flood, over that.
pub const BESIDE: Metric = cost("beside", "p50 / apart p50");
/// The same for the 99th percentile.
pub const BESIDE_P99: Metric = cost("beside_p99", "p99 / apart p99");
/// 99th percentile of the latency in another topic of the route that is flooded.
pub const TOPIC_P99_MS: Metric = cost("topic_p99_ms", "other topic p99 ms");
/// Time from the request to stop until all who are elsewhere are closed.
pub const STOP_MS: Metric = cost("stop_ms", "closed at a stop ms");
/// What the members of the flooded room hear in a second.
pub const FLOOD_PER_SECOND: Metric = Metric {
    key: "flood_per_second",
    title: "flood's messages/s",
    is_gain: true,
};
/// Pings that clients answered.
pub const PINGS: Metric = Metric {
    key: "pings",
    title: "pings",
    is_gain: true,
};
/// Messages published in a second over those that as many WebSockets publish that hear themselves.
pub const SHARE: Metric = Metric {
    key: "share",
    title: "of the WebSockets' rate",
    is_gain: true,
};
/// Processor time for a message in one way over that in another; the load says which.
pub const OVER: Metric = cost("over", "CPU / CPU");
/// The other way's processor time for a message.
pub const OTHER_CPU_US: Metric = cost("other_cpu_us", "other's CPU µs/message");
/// Messages delivered for a second of processor time, of all who take part.
pub const PER_CPU_SECOND: Metric = Metric {
    key: "per_cpu_second",
    title: "messages/CPU s",
    is_gain: true,
};
/// Processor time of Redis for each message published.
pub const REDIS_US: Metric = cost("redis_us", "Redis' CPU µs/publish");
/// The same over what Redis takes to put it into a stream and to read it once for each host, by its own benchmark.
pub const REDIS_OVER: Metric = cost("redis_over", "Redis' CPU / bare");
/// Processor time of a host for each message delivered in a shared room over that in one that is not.
pub const HOST_OVER: Metric = cost("host_over", "CPU / CPU alone");
/// What the hub takes for one round, on average.
pub const ROUND_US: Metric = cost("round_us", "hub's round µs");
/// A round that one of a hundred exceeds.
pub const ROUND_P99_US: Metric = cost("round_p99_us", "hub's round p99 µs");
/// The round over that without a file.
pub const ROUND_OVER: Metric = cost("round_over", "round / round in memory");
/// Messages that a file took in a second.
pub const STORED: Metric = Metric {
    key: "stored",
    title: "stored/s",
    is_gain: true,
};
/// Time until everyone who has come back has what it missed.
pub const REJOIN_MS: Metric = cost("rejoin_ms", "all there after ms");
/// Messages that were asked for in a second.
pub const RATE: Metric = Metric {
    key: "rate",
    title: "asked/s",
    is_gain: true,
};

/// All of them in the order of their columns.
pub const METRICS: [Metric; 46] = [
    CPU_US,
    PER_SECOND,
    CPU_PERCENT,
    AVAILABLE_KIB,
    RESIDENT_KIB,
    KERNEL_KIB,
    ABOVE_KIB,
    ABOVE_RESIDENT_KIB,
    CONNECT_US,
    ABOVE_US,
    PAGE_FAULTS,
    FIRST_MS,
    AGAIN_MS,
    SLOWDOWN,
    SLOWDOWN_P99,
    QUIET_P50_US,
    QUIET_P99_US,
    SHARE,
    OVER,
    OTHER_CPU_US,
    PER_CPU_SECOND,
    REDIS_OVER,
    REDIS_US,
    HOST_OVER,
    REJOIN_MS,
    STORED,
    ROUND_OVER,
    ROUND_US,
    ROUND_P99_US,
    BESIDE,
    BESIDE_P99,
    FLOOD_PER_SECOND,
    TOPIC_P99_MS,
    STOP_MS,
    APART_P50_US,
    APART_P99_US,
    P50_US,
    P99_US,
    P999_US,
    SWITCHES,
    CALLS,
    PINGS,
    RATE,
    WIRE_BYTES,
    LOAD_PERCENT,
    FAULTS,
];

/// Metrics that are not set against the bare server: it holds next to nothing, or they are ratios already.
pub const ABSOLUTE: [&str; 13] = [
    AVAILABLE_KIB.key,
    RESIDENT_KIB.key,
    ABOVE_KIB.key,
    CPU_PERCENT.key,
    PAGE_FAULTS.key,
    SLOWDOWN.key,
    SLOWDOWN_P99.key,
    BESIDE.key,
    SHARE.key,
    OVER.key,
    REDIS_OVER.key,
    HOST_OVER.key,
    ROUND_OVER.key,
];

/// What one run of one load on one server gave, by key.
pub type Sample = BTreeMap<String, f64>;

/// A sample of these values.
pub fn sample<const N: usize>(values: [(Metric, f64); N]) -> Sample {
    values
        .into_iter()
        .map(|(metric, value)| (metric.key.to_owned(), value))
        .collect()
}
