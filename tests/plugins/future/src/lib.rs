//! A library that says of itself that it was built for the next major version of the ABI.
//!
//! The test sees to it that none of its code runs: it would end the process.
#![allow(unsafe_code)]

use plugin_api::abi::{ABI_MAJOR, Bytes, Entry, Log, MAGIC, Status};

unsafe extern "C" fn init(_log: *const Log, _level: u32) -> Status {
    std::process::abort();
}

#[allow(missing_docs)]
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)] // the name is the ABI's
pub static detent_plugin: Entry = Entry {
    magic: MAGIC,
    size: size_of::<Entry>() as u32,
    abi_major: ABI_MAJOR + 1,
    abi_minor: 0,
    minor_required: 0,
    built_with: Bytes::NONE,
    init: Some(init),
    set_log_level: None,
    descriptor: std::ptr::null(),
};
