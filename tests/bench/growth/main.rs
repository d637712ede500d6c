//! How far it grows, by simulation with measured costs: `cargo bench --package server --bench growth`. It belongs to "How far it
//! grows" in `lib.rs`.
//!
//! | file | simulates |
//! | --- | --- |
//! | `shards` | a hub split by member, on one machine |
//! | `hosts` | hosts that share a route by a stream of Redis |
#![allow(clippy::print_stdout)] // it is what it is run for

mod chance;
mod hosts;
mod shards;

fn main() {
    shards::show();
    println!();
    hosts::show();
}
