//! See `server::tests::fuzz::words`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::tests::fuzz::words(data));
