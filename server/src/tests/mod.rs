//! Tests of the server that belong to no single room. Not in the server itself: only a test or a fuzzer builds them.

pub mod fuzz;
#[cfg(test)]
mod fuzz_short;
