//! See `server::tests::fuzz::library_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::tests::fuzz::library_file(data));
