//! See `server::tests::fuzz::encodings`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::tests::fuzz::encodings(data));
