//! See `server::tests::fuzz::records`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::tests::fuzz::records(data));
