//! See `server::tests::fuzz::compression`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::tests::fuzz::compression(data));
