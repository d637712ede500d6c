//! Host calls that read for plugins in C what they would need a parser for: queries, cookies, options.
//!
//! Any thread may be inside any of them. They read what is given and change nothing; how it is read is
//! `plugin_api::reading`, as in Rust.
#![allow(unsafe_code)]

use plugin_api::abi::{self, ABSENT, Bytes, INVALID, OK, Sink, Status};
use plugin_api::reading::{Options, cookie_pairs, query_pairs};

use super::guard::guard;
use super::{host_http, sink};
use crate::http::request::Request;

// What `SAFETY: as the ABI asks` stands for: the plugin hands back the request that its callback got, and what it
// points to is there for the time of the call.

pub(super) unsafe extern "C" fn request_query(
    request: *const abi::Request,
    name: Bytes,
    index: usize,
    out: *const Sink,
) -> Status {
    guard(|| {
        // SAFETY: as the ABI asks.
        let (request, name) = unsafe { (&*request.cast::<Request>(), name.as_slice()) };
        let query = request.query().unwrap_or_default();
        let mut named = query_pairs(query.as_bytes()).filter(|(of, _)| of.as_bytes() == name);
        let Some((_, value)) = named.nth(index) else {
            return ABSENT;
        };
        // SAFETY: as the ABI asks.
        unsafe { sink::write(out, value.as_bytes()) };
        OK
    })
}

pub(super) unsafe extern "C" fn request_cookie(
    request: *const abi::Request,
    name: Bytes,
    value: *mut Bytes,
) -> Status {
    guard(|| {
        // SAFETY: as the ABI asks.
        let (request, name) = unsafe { (&*request.cast::<Request>(), name.as_slice()) };
        let headers = request.header_values("cookie");
        let texts = headers.filter_map(|header| std::str::from_utf8(header).ok());
        let mut cookies = texts.flat_map(cookie_pairs);
        let found = cookies.find(|(of, _)| of.as_bytes() == name);
        // SAFETY: as the ABI asks.
        unsafe { host_http::answer(found.map(|(_, text)| text.as_bytes()), value) }
    })
}

pub(super) unsafe extern "C" fn config_string(
    config: Bytes,
    key: Bytes,
    out: *const Sink,
    error: *const Sink,
) -> Status {
    guard(|| {
        // SAFETY: as the ABI asks.
        unsafe {
            option(config, key, error, |options, key| {
                let text = options.text(key)?;
                Ok(text.map(|text| sink::write(out, text.as_bytes())))
            })
        }
    })
}

pub(super) unsafe extern "C" fn config_integer(
    config: Bytes,
    key: Bytes,
    value: *mut i64,
    error: *const Sink,
) -> Status {
    guard(|| {
        if value.is_null() {
            return INVALID;
        }
        // SAFETY: as the ABI asks; null has been looked for.
        unsafe {
            option(config, key, error, |options, key| {
                let number = options.integer(key)?;
                Ok(number.map(|number| value.write(number)))
            })
        }
    })
}

pub(super) unsafe extern "C" fn config_boolean(
    config: Bytes,
    key: Bytes,
    value: *mut u32,
    error: *const Sink,
) -> Status {
    guard(|| {
        if value.is_null() {
            return INVALID;
        }
        // SAFETY: as the ABI asks; null has been looked for.
        unsafe {
            option(config, key, error, |options, key| {
                let is_on = options.boolean(key)?;
                Ok(is_on.map(|is_on| value.write(is_on.into())))
            })
        }
    })
}

pub(super) unsafe extern "C" fn config_only(
    config: Bytes,
    keys: *const Bytes,
    key_count: usize,
    error: *const Sink,
) -> Status {
    guard(|| {
        let keys: &[Bytes] = match key_count {
            0 => &[],
            _ if keys.is_null() => return INVALID,
            // SAFETY: as the ABI asks, and there are some.
            _ => unsafe { std::slice::from_raw_parts(keys, key_count) },
        };
        // SAFETY: as the ABI asks.
        let (config, keys) = unsafe {
            let keys = keys
                .iter()
                .map(|key| text(*key))
                .collect::<Option<Vec<_>>>();
            (config.as_slice(), keys)
        };
        let Some(keys) = keys else {
            return INVALID;
        };
        match Options::read(config).and_then(|options| options.only(&keys)) {
            Ok(()) => OK,
            // SAFETY: as the ABI asks.
            Err(why) => unsafe { refuse(&why, error) },
        }
    })
}

/// Reads one option: found, not set, or wrong.
///
/// # Safety
/// Bytes and sink are there for the time of the call.
unsafe fn option(
    config: Bytes,
    key: Bytes,
    error: *const Sink,
    read: impl FnOnce(&Options, &str) -> Result<Option<()>, String>,
) -> Status {
    // SAFETY: the caller vouches for them.
    let (config, key) = unsafe { (config.as_slice(), text(key)) };
    let Some(key) = key else {
        return INVALID;
    };
    match Options::read(config).and_then(|options| read(&options, key)) {
        Ok(Some(())) => OK,
        Ok(None) => ABSENT,
        // SAFETY: the caller vouches for it.
        Err(why) => unsafe { refuse(&why, error) },
    }
}

/// # Safety
/// The bytes are there as long as the text is used.
unsafe fn text<'a>(bytes: Bytes) -> Option<&'a str> {
    // SAFETY: the caller vouches for them.
    std::str::from_utf8(unsafe { bytes.as_slice() }).ok()
}

/// # Safety
/// `error` is null or a sink, for the time of the call.
unsafe fn refuse(why: &str, error: *const Sink) -> Status {
    // SAFETY: the caller vouches for it.
    unsafe { sink::write(error, why.as_bytes()) };
    INVALID
}
