//! The parts that every message or every connection passes, one by one:
//! `cargo bench --package server --bench micro`. What they cost together is measured by `scripts/bench`.

mod abi;
mod frame;
mod guest;
mod hub;
mod outbox;
mod request;

criterion::criterion_group!(
    micro,
    frame::bench,
    outbox::bench,
    hub::bench,
    request::bench,
    abi::bench
);
criterion::criterion_main!(micro);
