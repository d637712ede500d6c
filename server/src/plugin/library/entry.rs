//! What an open library says of itself (name, version, path, functions), and what it is told.
#![allow(unsafe_code)]

use std::path::Path;

use log::info;
use plugin_api::abi::{
    ABI_MAJOR, Bytes, Descriptor, Entry, FLAG_DEBUG_BUILD, FLAG_EVENT_STREAM, Functions, MAGIC, OK,
};
use plugin_api::covers;

use super::{Library, LoadError, extension, file_name};
use crate::logging::levels;
use crate::plugin::host::log_table::LOG;

/// Checks the entry of the library that was read from `path`, gives it the log, and describes it.
pub(in crate::plugin) fn describe(
    entry: &'static Entry,
    path: &Path,
) -> Result<Library, LoadError> {
    let broken = |what: &str| LoadError::Entry(what.to_owned());
    if entry.magic != MAGIC || entry.abi_major != ABI_MAJOR {
        return Err(broken(
            "the entry in memory differs from the one in the file",
        ));
    }
    if !covers!(entry.size, Entry, descriptor) {
        return Err(broken("the entry is too short"));
    }
    // SAFETY: the ABI says that it points to a constant descriptor or is null.
    let descriptor = unsafe { entry.descriptor.as_ref() }.ok_or(broken("no descriptor"))?;
    if !covers!(descriptor.size, Descriptor, functions) {
        return Err(broken("the descriptor is too short"));
    }
    let name = text(descriptor.name).filter(|name| is_name(name));
    let name = name.ok_or(broken("the name is not 1 to 64 of a-z, 0-9, - and _"))?;
    let default_path = text(descriptor.default_path).filter(|path| is_path(path));
    let default_path = default_path.ok_or(broken(
        "the default path does not begin with / or has a ? or #",
    ))?;
    let more_paths = more_paths(descriptor).ok_or(broken(
        "one of its further paths does not begin with / or has a ? or #",
    ))?;
    if flags(descriptor) & FLAG_DEBUG_BUILD != 0 {
        let file = file_name(path);
        info!("{file}: plugin {name} is a debug build, which is slow: build it with --release");
    }
    if let Some(init) = entry.init {
        // SAFETY: a function of the ABI; the log is a static.
        if unsafe { init(&raw const LOG.0, levels::of_plugin(&name) as u32) } != OK {
            return Err(broken("init failed"));
        }
    }
    Ok(Library {
        file: path.to_owned(),
        version: text(descriptor.version).unwrap_or_default(),
        state_format: descriptor.state_format,
        reads_state_formats: reads_state_formats(descriptor).to_vec(),
        closes_failed_opens: entry.abi_minor >= 1,
        subprotocols: subprotocols(descriptor).ok_or(broken("a subprotocol is no token"))?,
        has_event_stream: flags(descriptor) & FLAG_EVENT_STREAM != 0,
        functions: functions(descriptor).ok_or(broken("no functions, or no create"))?,
        check: extension::check_of(descriptor),
        on_gap: extension::on_gap_of(descriptor),
        set_log_level: entry.set_log_level,
        name,
        default_paths: [vec![default_path], more_paths].concat(),
    })
}

impl Library {
    /// Tells the library's own copy of the log the most that any target of its plugin may log now.
    pub fn tell_log_level(&self) {
        let level = levels::of_plugin(&self.name);
        if let Some(set_log_level) = self.set_log_level {
            // SAFETY: the function belongs to a library that stays open; it takes any level.
            unsafe { set_log_level(level as u32) };
        }
    }
}

fn text(bytes: Bytes) -> Option<String> {
    // SAFETY: constant data of a library that stays open.
    let bytes = unsafe { bytes.as_slice() };
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn is_name(name: &str) -> bool {
    let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'))
}

fn flags(descriptor: &Descriptor) -> u64 {
    if covers!(descriptor.size, Descriptor, flags) {
        descriptor.flags
    } else {
        0
    }
}

fn reads_state_formats(descriptor: &'static Descriptor) -> &'static [u32] {
    let has_any = covers!(descriptor.size, Descriptor, reads_state_format_count);
    if !has_any || descriptor.reads_state_formats.is_null() {
        return &[];
    }
    let (first, count) = (
        descriptor.reads_state_formats,
        descriptor.reads_state_format_count,
    );
    // SAFETY: the ABI says that as many follow, constant.
    unsafe { std::slice::from_raw_parts(first, count) }
}

fn more_paths(descriptor: &Descriptor) -> Option<Vec<String>> {
    let has_more = covers!(descriptor.size, Descriptor, more_path_count);
    if !has_more || descriptor.more_paths.is_null() {
        return Some(Vec::new());
    }
    // SAFETY: the ABI says that as many follow, constant.
    let paths =
        unsafe { std::slice::from_raw_parts(descriptor.more_paths, descriptor.more_path_count) };
    let paths = paths.iter();
    paths
        .map(|path| text(*path).filter(|path| is_path(path)))
        .collect()
}

fn subprotocols(descriptor: &Descriptor) -> Option<Vec<String>> {
    if descriptor.subprotocols.is_null() {
        return Some(Vec::new());
    }
    // SAFETY: the ABI says that as many follow, constant.
    let names = unsafe {
        std::slice::from_raw_parts(descriptor.subprotocols, descriptor.subprotocol_count)
    };
    let is_token = |name: &String| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b',')
    };
    names
        .iter()
        .map(|name| text(*name).filter(is_token))
        .collect()
}

/// A copy of the table as this server knows it; what an older plugin's table lacks is null.
fn functions(descriptor: &Descriptor) -> Option<Functions> {
    if descriptor.functions.is_null() {
        return None;
    }
    // SAFETY: zero bytes are a table of null functions.
    let mut functions: Functions = unsafe { std::mem::zeroed() };
    // SAFETY: the table begins with its size; both are plain data, copied as far as both go.
    unsafe {
        let size = descriptor.functions.cast::<u32>().read() as usize;
        let known = size.min(size_of::<Functions>());
        let target: *mut Functions = &mut functions;
        target
            .cast::<u8>()
            .copy_from(descriptor.functions.cast(), known);
    }
    functions.create.is_some().then_some(functions)
}
