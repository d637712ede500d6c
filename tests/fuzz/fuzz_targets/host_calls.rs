//! See `server::tests::fuzz::host_calls`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::tests::fuzz::host_calls(data));
