//! A hub split by member on a machine with many processors.
//!
//! Publishes arrive at random times to random rooms and get their numbers in one queue, which every
//! shard reads from start to end in rounds; in a round, messages to one room become one `send` for
//! each member of the shard. The moment that a busy hub waits for more (`hub::gather`) is left out: it
//! helps one hub as it helps a shard.

use std::collections::HashMap;

use super::chance::Chance;

/// One `send` to one member: measured, nearly all of it the kernel's.
const SEND_US: f64 = 3.5;
/// Each further message in the same `send`.
const COPY_US: f64 = 0.05;
/// Taking one publish out of the queue.
const LOOK_US: f64 = 0.05;
/// As `limits::ROUND_EVENTS_MAX`.
const ROUND_MAX: usize = 1024;
/// Simulated time.
const SECONDS: f64 = 2.0;

struct Load {
    name: &'static str,
    rooms: usize,
    members: usize,
    publishes_per_second: f64,
}

struct Outcome {
    /// Share of the publishes that every shard got to.
    done: f64,
    /// From the publish to the end of the round that sends it, 99th percentile.
    p99_ms: f64,
    /// How busy a shard is.
    busy: f64,
}

/// Runs one shard; all are alike, since members are spread evenly.
fn run(load: &Load, shards: usize) -> Outcome {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut publishes = Vec::new();
    let mut at = 0.0;
    while at < SECONDS * 1e6 {
        at += chance.pause(load.publishes_per_second);
        publishes.push((at, (chance.next() * load.rooms as f64) as usize));
    }
    let members = load.members as f64 / shards as f64;
    let (mut now, mut next, mut work) = (0.0_f64, 0, 0.0);
    let mut delays = Vec::new();
    while next < publishes.len() && now < SECONDS * 1e6 {
        now = now.max(publishes[next].0);
        let start = next;
        let mut rooms: HashMap<usize, usize> = HashMap::new();
        while next < publishes.len() && next - start < ROUND_MAX && publishes[next].0 <= now {
            *rooms.entry(publishes[next].1).or_default() += 1;
            next += 1;
        }
        let sends: f64 = rooms
            .values()
            .map(|&messages| members * (SEND_US + COPY_US * (messages - 1) as f64))
            .sum();
        let round = LOOK_US * (next - start) as f64 + sends;
        now += round;
        work += round;
        delays.extend(
            publishes[start..next]
                .iter()
                .map(|(at, _)| (now - at) / 1e3),
        );
    }
    delays.sort_by(f64::total_cmp);
    Outcome {
        done: next as f64 / publishes.len() as f64,
        p99_ms: delays[delays.len() * 99 / 100],
        busy: work / now,
    }
}

/// Prints the table.
pub(super) fn show() {
    let loads = [
        Load {
            name: "one room of 1,000",
            rooms: 1,
            members: 1_000,
            publishes_per_second: 2_000.0,
        },
        Load {
            name: "200 rooms of 50",
            rooms: 200,
            members: 50,
            publishes_per_second: 20_000.0,
        },
        Load {
            name: "5,000 rooms of 4",
            rooms: 5_000,
            members: 4,
            publishes_per_second: 200_000.0,
        },
        Load {
            name: "one room of 10,000",
            rooms: 1,
            members: 10_000,
            publishes_per_second: 50.0,
        },
    ];
    println!("| load | publishes/s | shards | served | busy | p99 ms |");
    println!("| --- | --: | --: | --: | --: | --: |");
    for load in &loads {
        for shards in [1, 2, 4, 8, 12] {
            let Outcome { done, p99_ms, busy } = run(load, shards);
            println!(
                "| {} | {} | {shards} | {:.0} % | {:.0} % | {p99_ms:.1} |",
                load.name,
                load.publishes_per_second,
                100.0 * done,
                100.0 * busy,
            );
        }
    }
}
