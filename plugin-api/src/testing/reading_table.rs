//! The calls of the host in memory that read options for plugins in C.

#![allow(unsafe_code)]

use super::place::{slice, text, write};
use crate::abi::{self, Bytes, Sink, Status};
use crate::reading::Options;

pub(super) unsafe extern "C" fn config_string(
    config: Bytes,
    key: Bytes,
    out: *const Sink,
    error: *const Sink,
) -> Status {
    // SAFETY: the plugin vouches for all of it, as the ABI asks.
    unsafe {
        option(config, error, |options| {
            let found = options.text(&text(key))?;
            Ok(found.map(|found| write(out, found.as_bytes())))
        })
    }
}

pub(super) unsafe extern "C" fn config_integer(
    config: Bytes,
    key: Bytes,
    value: *mut i64,
    error: *const Sink,
) -> Status {
    // SAFETY: the plugin vouches for all of it, as the ABI asks.
    unsafe {
        option(config, error, |options| {
            let found = options.integer(&text(key))?;
            Ok(found.map(|found| value.write(found)))
        })
    }
}

pub(super) unsafe extern "C" fn config_boolean(
    config: Bytes,
    key: Bytes,
    value: *mut u32,
    error: *const Sink,
) -> Status {
    // SAFETY: the plugin vouches for all of it, as the ABI asks.
    unsafe {
        option(config, error, |options| {
            let found = options.boolean(&text(key))?;
            Ok(found.map(|found| value.write(found.into())))
        })
    }
}

pub(super) unsafe extern "C" fn config_only(
    config: Bytes,
    keys: *const Bytes,
    key_count: usize,
    error: *const Sink,
) -> Status {
    // SAFETY: the plugin vouches for all of it, as the ABI asks.
    unsafe {
        let keys: Vec<String> = slice(keys, key_count)
            .iter()
            .map(|key| text(*key))
            .collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        option(config, error, |options| options.only(&keys).map(Some))
    }
}

/// # Safety
/// Bytes and sink are there during the call.
unsafe fn option(
    config: Bytes,
    error: *const Sink,
    read: impl FnOnce(&Options) -> Result<Option<()>, String>,
) -> Status {
    // SAFETY: as the caller says.
    let options = Options::read(unsafe { config.as_slice() });
    match options.and_then(|options| read(&options)) {
        Ok(Some(())) => abi::OK,
        Ok(None) => abi::ABSENT,
        Err(why) => {
            // SAFETY: as the caller says.
            unsafe { write(error, why.as_bytes()) };
            abi::INVALID
        }
    }
}
