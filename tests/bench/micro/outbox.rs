//! The write path: to queue an answer, and to send what is queued.

use std::time::{Duration, Instant};

use criterion::Criterion;
use server::compression::Demand;
use server::ids::ClientId;
use server::outbox::drain::Drain;
use server::outbox::frame::Opcode;

use crate::guest::Guest;

/// Answers that leave with one flush.
const ANSWERS: u64 = 64;

pub(crate) fn bench(criterion: &mut Criterion) {
    let drain = Drain::start().expect("a thread");
    let mut guest = Guest::new(ClientId(1), &drain);
    let (payload, demand) = ([b'x'; 64], Demand::default());
    let mut group = criterion.benchmark_group("outbox");
    group.bench_function("queue a message of 64 bytes", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut time = Duration::ZERO;
            for _ in 0..iterations.div_ceil(ANSWERS) {
                let start = Instant::now();
                for _ in 0..ANSWERS {
                    guest.outbox.queue_message(Opcode::Text, &payload, &demand);
                }
                time += start.elapsed();
                guest.outbox.flush();
                guest.drop_what_came();
            }
            scale(time, iterations)
        });
    });
    group.bench_function("queue and flush a message of 64 bytes", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut time = Duration::ZERO;
            for _ in 0..iterations {
                let start = Instant::now();
                guest.outbox.queue_message(Opcode::Text, &payload, &demand);
                guest.outbox.flush();
                time += start.elapsed();
                guest.drop_what_came();
            }
            time
        });
    });
    group.finish();
    guest.outbox.abort();
    drain.end();
}

/// Time of so many `iterations`, where whole batches were timed.
fn scale(time: Duration, iterations: u64) -> Duration {
    let done = iterations.div_ceil(ANSWERS) * ANSWERS;
    time.mul_f64(iterations as f64 / done as f64)
}
