//! Hosts that share a route by a stream: when Redis, which is one thread, is full.
//!
//! Messages come at random times, to each host as many. A host's `engine` sends what has gathered while its last batch was on its
//! way; its `engine-in` asks for all that there is, hands it to the hub and asks again. Redis takes one command after the other.
//! Where more comes than can be read one by one, a read brings many, and costs little more: so Redis is full later than the cost
//! of a single message says.
//!
//! The costs of Redis are those of 7.0 by `redis-benchmark` (`PING`; `XADD` of 190 bytes, 32 in a pipeline; `XREAD` of 1, 100 and
//! 1,000 entries), and add up to the 1.7 us that it took for each of 200,000 messages between two hosts, where a host that only
//! heard them took 1.1.

use std::collections::VecDeque;

use super::chance::Chance;

/// A batch that Redis takes, whatever is in it: a read and an answer on its socket.
const BATCH_US: f64 = 6.0;
/// Each message in it: `XADD` of 64 bytes.
const PUT_US: f64 = 1.2;
/// A read that Redis answers, whatever is in it.
const READ_US: f64 = 7.5;
/// Each message in it.
const READ_ENTRY_US: f64 = 0.27;
/// Each message that a host has read, until its hub has looked at it.
const HOST_ENTRY_US: f64 = 1.1;
/// Entries that are read at once.
const READ_MAX: usize = 1024;
/// One way between two machines of one network.
const WAY_US: f64 = 100.0;
/// Simulated time.
const SECONDS: f64 = 1.0;

struct Outcome {
    /// Share of the messages that came that the last host has.
    done: f64,
    /// From the publish until every host's hub has it, 99th percentile.
    p99_ms: f64,
    /// How busy Redis is.
    busy: f64,
}

struct Host {
    /// When messages were said here that Redis does not have.
    said: VecDeque<f64>,
    /// When it may send the next batch.
    sends_at: f64,
    /// Messages of the stream that it has read.
    read: usize,
    /// When it asks, or has asked, for more.
    asks_at: f64,
}

/// One stream, and its share of the messages.
fn run(hosts: usize, per_second: f64) -> Outcome {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut all: Vec<Host> = (0..hosts)
        .map(|_| Host {
            said: VecDeque::new(),
            sends_at: 0.0,
            read: 0,
            asks_at: 0.0,
        })
        .collect();
    let mut came = 0;
    let mut at = 0.0;
    while at < SECONDS * 1e6 {
        at += chance.pause(per_second);
        let host = (chance.next() * hosts as f64) as usize;
        all[host].said.push_back(at);
        came += 1;
    }
    // When each message of the stream was said, and when the last host had it.
    let mut stream: Vec<f64> = Vec::with_capacity(came);
    let mut heard: Vec<f64> = Vec::with_capacity(came);
    let (mut now, mut work) = (0.0_f64, 0.0);
    while now < SECONDS * 1e6 {
        let mut cost = 0.0;
        for host in &mut all {
            if host.sends_at + WAY_US > now {
                continue;
            }
            let ready = host.said.iter().take_while(|&&at| at + WAY_US <= now);
            let count = ready.count();
            if count > 0 {
                stream.extend(host.said.drain(..count));
                cost += BATCH_US + PUT_US * count as f64;
                host.sends_at = now + cost + WAY_US;
            }
        }
        heard.resize(stream.len(), 0.0);
        for host in &mut all {
            let count = (stream.len() - host.read).min(READ_MAX);
            if count == 0 || host.asks_at + WAY_US > now {
                continue;
            }
            cost += READ_US + READ_ENTRY_US * count as f64;
            let mut has = now + cost + WAY_US;
            for heard in &mut heard[host.read..host.read + count] {
                has += HOST_ENTRY_US;
                *heard = heard.max(has);
            }
            host.read += count;
            host.asks_at = has;
        }
        work += cost;
        now += if cost > 0.0 { cost } else { 1.0 };
    }
    let done = all.iter().map(|host| host.read).min().unwrap_or(0);
    let mut delays: Vec<f64> = stream
        .iter()
        .zip(&heard)
        .take(done)
        .map(|(said, heard)| (heard - said) / 1e3)
        .collect();
    delays.sort_by(f64::total_cmp);
    Outcome {
        done: done as f64 / came as f64,
        p99_ms: delays.get(delays.len() * 99 / 100).copied().unwrap_or(0.0),
        busy: work / now,
    }
}

/// Prints the table.
pub(super) fn show() {
    println!("| messages/s in all | streams | hosts | served | Redis busy | p99 ms |");
    println!("| --: | --: | --: | --: | --: | --: |");
    for (per_second, streams) in [
        (1_000.0, 1),
        (10_000.0, 1),
        (50_000.0, 1),
        (100_000.0, 1),
        (200_000.0, 1),
        (200_000.0, 8),
        (200_000.0, 16),
    ] {
        for hosts in [2, 3, 5, 10, 20, 40] {
            let Outcome { done, p99_ms, busy } = run(hosts, per_second / f64::from(streams));
            println!(
                "| {per_second} | {streams} | {hosts} | {:.0} % | {:.0} % | {p99_ms:.1} |",
                100.0 * done,
                100.0 * busy,
            );
        }
    }
}
