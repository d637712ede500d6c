//! The code under test: a plugin that is compiled into the test, or a library file, behind the same table of functions.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use libloading::os::unix as dl;

use super::call;
use crate::abi::{self, Bytes, Descriptor, Entry, Functions, Status};
use crate::declaration::Exported;
use crate::{export, panics};

/// One build of a plugin.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) functions: &'static Functions,
    pub(super) paths: Vec<String>,
    pub(super) subprotocols: Vec<String>,
    pub(super) state_format: u32,
    pub(super) reads_state_formats: Vec<u32>,
    /// `on_close` follows where `on_open` has failed.
    pub(super) closes_failed_opens: bool,
    pub(super) has_event_stream: bool,
    check: Option<Check>,
    pub(super) on_gap: Option<OnGap>,
}

type OnGap = unsafe extern "C" fn(*mut c_void, *const abi::Gap, *const abi::Sink) -> Status;
type Check = unsafe extern "C" fn(config: Bytes, error: *const abi::Sink) -> Status;

/// What the log of a library is made of; it writes to whichever route runs a callback on the thread.
static LOG: Log = Log(abi::Log {
    size: size_of::<abi::Log>() as u32,
    reserved: 0,
    context: std::ptr::null_mut(),
    write: call::write_log,
});

/// A table that holds no pointer to anything that changes.
struct Log(abi::Log);

// SAFETY: constant data, and a function that any thread may call.
unsafe impl Sync for Log {}

/// The server's `debug`: what a test wants to see.
const LOG_LEVEL: u32 = 4;

impl Code {
    /// The plugin `P`, as its library would give it out.
    pub(super) fn of<P: Exported>() -> Code {
        static ONCE: Once = Once::new();
        let entry = export::entry::<P>();
        ONCE.call_once(|| {
            // The plugin's panics go to its log, as in the server; those of the test stay the test's.
            let of_test = std::panic::take_hook();
            if let Some(init) = entry.init {
                // SAFETY: the log is a static.
                unsafe { init(&raw const LOG.0, LOG_LEVEL) };
            }
            let of_plugin = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                if panics::is_guarded() {
                    of_plugin(info);
                } else {
                    of_test(info);
                }
            }));
        });
        // SAFETY: the descriptor of an entry is a constant.
        Code::described(unsafe { &*entry.descriptor }, entry.abi_minor)
    }

    /// The plugin in a file. Each call loads a copy, so that a file that was built again is new code; none is ever
    /// unloaded.
    pub(super) fn of_library(file: &Path) -> Result<Code, String> {
        static LOADED: AtomicU32 = AtomicU32::new(0);
        let wrong = |what: String| format!("{}: {what}", file.display());
        let number = LOADED.fetch_add(1, Ordering::Relaxed);
        let name = format!("detent-testing-{}-{number}.so", std::process::id());
        let copy = std::env::temp_dir().join(name);
        std::fs::copy(file, &copy).map_err(|error| wrong(error.to_string()))?;
        let entry = open(&copy);
        let removed = std::fs::remove_file(&copy);
        let entry = entry.map_err(wrong)?;
        removed.map_err(|error| wrong(error.to_string()))?;
        if entry.magic != abi::MAGIC || entry.abi_major != abi::ABI_MAJOR {
            return Err(wrong(format!("is no plugin of ABI {}.x", abi::ABI_MAJOR)));
        }
        if entry.minor_required > abi::ABI_MINOR {
            let (major, minor) = (abi::ABI_MAJOR, entry.minor_required);
            return Err(wrong(format!("needs plugin ABI {major}.{minor}")));
        }
        if let Some(init) = entry.init {
            // SAFETY: the log is a static.
            let status = unsafe { init(&raw const LOG.0, LOG_LEVEL) };
            if status != abi::OK {
                return Err(wrong("init failed".to_owned()));
            }
        }
        // SAFETY: the ABI says that it is constant, or null.
        let descriptor = unsafe { entry.descriptor.as_ref() };
        let descriptor = descriptor.ok_or_else(|| wrong("has no descriptor".to_owned()))?;
        let code = Code::described(descriptor, entry.abi_minor);
        if code.functions.create.is_none() {
            return Err(wrong("has no `create`".to_owned()));
        }
        Ok(code)
    }

    /// The formats that it takes over from.
    pub(super) fn formats(&self) -> String {
        let others = self.reads_state_formats.iter();
        let own = std::iter::once(&self.state_format);
        let all: Vec<String> = own.chain(others).map(u32::to_string).collect();
        all.join(", ")
    }

    fn described(descriptor: &'static Descriptor, abi_minor: u32) -> Code {
        // SAFETY: all of it is constant data of a library that stays; what comes after 1.0 is asked for.
        unsafe {
            let size = descriptor.size;
            let mut paths = vec![constant(descriptor.default_path)];
            if crate::covers!(size, Descriptor, more_path_count) {
                let more = list(descriptor.more_paths, descriptor.more_path_count);
                paths.extend(more);
            }
            let mut reads_state_formats = Vec::new();
            if crate::covers!(size, Descriptor, reads_state_format_count) {
                let (first, count) = (
                    descriptor.reads_state_formats,
                    descriptor.reads_state_format_count,
                );
                reads_state_formats.extend_from_slice(super::place::slice(first, count));
            }
            let has_flags = crate::covers!(size, Descriptor, flags);
            Code {
                functions: functions(descriptor.functions),
                paths,
                subprotocols: list(descriptor.subprotocols, descriptor.subprotocol_count),
                state_format: descriptor.state_format,
                reads_state_formats,
                closes_failed_opens: abi_minor >= 1,
                has_event_stream: has_flags && descriptor.flags & abi::FLAG_EVENT_STREAM != 0,
                check: check_of(descriptor),
                on_gap: on_gap_of(descriptor),
            }
        }
    }

    /// What `server --check` says of these options without making a value of the plugin; none where it cannot tell.
    pub(super) fn check(&self, config: &str) -> Option<Result<(), String>> {
        let check = self.check?;
        let (status, text) = call::collect(|error| {
            // SAFETY: bytes and sink are there during the call.
            unsafe { check(Bytes::new(config.as_bytes()), error) }
        });
        match status {
            abi::UNSUPPORTED => None,
            status if status < abi::OK => Some(Err(text)),
            _ => Some(Ok(())),
        }
    }
}

fn open(file: &Path) -> Result<&'static Entry, String> {
    /// The same on all Linux targets; libloading does not name it.
    const NO_DELETE: i32 = 0x1000;
    let flags = dl::RTLD_NOW | dl::RTLD_LOCAL | NO_DELETE;
    // SAFETY: opening runs the library's initialisers: whoever tests a plugin runs it.
    let library = unsafe { dl::Library::open(Some(file), flags) }.map_err(|error| told(&error))?;
    let library = std::mem::ManuallyDrop::new(library);
    // SAFETY: the symbol is looked at before anything else is done with it.
    let symbol = unsafe { library.get::<*const Entry>(abi::ENTRY_SYMBOL.as_bytes()) };
    let symbol = symbol.map_err(|_| {
        "has no symbol `detent_plugin`: is `plugin_api::export!(...)` in it?".to_owned()
    })?;
    // SAFETY: the address of a data symbol in a library that stays.
    Ok(unsafe { &*symbol.into_raw().cast::<Entry>() })
}

fn told(error: &libloading::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

unsafe fn constant(bytes: Bytes) -> String {
    // SAFETY: constant data, as the caller says.
    String::from_utf8_lossy(unsafe { bytes.as_slice() }).into_owned()
}

unsafe fn list(first: *const Bytes, count: usize) -> Vec<String> {
    // SAFETY: as the caller says, for the list and each of it.
    unsafe { super::place::slice(first, count) }
        .iter()
        // SAFETY: as above.
        .map(|bytes| unsafe { constant(*bytes) })
        .collect()
}

/// A copy of the table, never freed; what an older plugin's table lacks is null.
unsafe fn functions(table: *const Functions) -> &'static Functions {
    // SAFETY: zero bytes are a table of null functions; the table begins with its size, and both are plain data.
    unsafe {
        let mut functions: Functions = std::mem::zeroed();
        if !table.is_null() {
            let size = table.cast::<u32>().read() as usize;
            let known = size.min(size_of::<Functions>());
            let target: *mut Functions = &mut functions;
            target.cast::<u8>().copy_from(table.cast(), known);
        }
        Box::leak(Box::new(functions))
    }
}

unsafe fn check_of(descriptor: &'static Descriptor) -> Option<Check> {
    // SAFETY: as the caller says.
    let check = unsafe { extension::<abi::Check>(descriptor, abi::CHECK) }?;
    crate::covers!(check.size, abi::Check, check)
        .then_some(check.check)
        .flatten()
}

unsafe fn on_gap_of(descriptor: &'static Descriptor) -> Option<OnGap> {
    // SAFETY: as the caller says.
    let gaps = unsafe { extension::<abi::Gaps>(descriptor, abi::GAPS) }?;
    crate::covers!(gaps.size, abi::Gaps, on_gap)
        .then_some(gaps.on_gap)
        .flatten()
}

/// `T` is what the ABI says of this id; the descriptor is of a library that stays.
unsafe fn extension<T>(descriptor: &'static Descriptor, id: &str) -> Option<&'static T> {
    let get_extension = descriptor.get_extension?;
    // SAFETY: the id is there during the call; what it gives is constant and of this type, or null.
    unsafe {
        let extension: *const c_void = get_extension(Bytes::new(id.as_bytes()));
        extension.cast::<T>().as_ref()
    }
}
