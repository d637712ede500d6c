//! Encoding a frame: once for each answer and each broadcast.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use server::outbox::frame::{Opcode, append};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    for bytes in [64, 1024, 65_536] {
        let payload = vec![b'x'; bytes];
        let mut out = Vec::new();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("append {bytes} bytes"), |bencher| {
            bencher.iter(|| {
                out.clear();
                append(&mut out, Opcode::Text, black_box(&payload));
                black_box(&out);
            });
        });
    }
    group.finish();
}
