//! See `server::fuzz::configuration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::fuzz::configuration(data));
