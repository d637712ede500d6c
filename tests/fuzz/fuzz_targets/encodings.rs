//! See `server::fuzz::encodings`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::fuzz::encodings(data));
