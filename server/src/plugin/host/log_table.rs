//! The server's log as plugins write to it: any thread, never waits.
#![allow(unsafe_code)]

use std::ffi::c_void;

use log::{Level, Record};
use plugin_api::abi::{Bytes, LOG_LEVEL_MAX, Log, OK};

use super::guard::guard;
use crate::threads::fault_point;

/// Given to each library once.
pub(in crate::plugin) static LOG: LogTable = LogTable(Log {
    size: size_of::<Log>() as u32,
    reserved: 0,
    context: std::ptr::null_mut(),
    write: write_log,
});

#[repr(transparent)]
pub(in crate::plugin) struct LogTable(pub(in crate::plugin) Log);

// SAFETY: constant; the context is null.
unsafe impl Sync for LogTable {}

unsafe extern "C" fn write_log(_: *mut c_void, level: u32, target: Bytes, message: Bytes) {
    let level = match level {
        1 => Level::Error,
        2 => Level::Warn,
        3 => Level::Info,
        4 => Level::Debug,
        LOG_LEVEL_MAX => Level::Trace,
        _ => return,
    };
    if level > log::max_level() {
        return;
    }
    // Nobody is told whether it is written.
    guard(|| {
        fault_point("log-call");
        // SAFETY: the plugin vouches for both being valid for the time of this call.
        let (target, message) = unsafe { (target.as_slice(), message.as_slice()) };
        log_line(
            level,
            &String::from_utf8_lossy(target),
            &String::from_utf8_lossy(message),
        );
        OK
    });
}

fn log_line(level: Level, target: &str, message: &str) {
    let name = target.strip_prefix("plugin::").unwrap_or(target);
    let record = |arguments: std::fmt::Arguments<'_>| {
        log::logger().log(
            &Record::builder()
                .level(level)
                .target(&format!("plugin::{name}"))
                .args(arguments)
                .build(),
        );
    };
    record(format_args!("{message}"));
}
