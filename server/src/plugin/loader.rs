//! From a file in the plugins folder to a library that is open for the rest of the run.
//!
//! Main thread only. A library is opened from a sealed copy in memory, so that nothing that
//! happens to the file can reach the code that runs, and it is never unloaded, since code of
//! its own (thread-locals, threads) may still run.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libloading::os::unix as dl;
use plugin_api::abi::{ENTRY_SYMBOL, Entry};
use rustix::fs::{MemfdFlags, SealFlags};

use super::entry::describe;
use super::library::{Library, LoadError, file_name};
use super::library_file;
use crate::limits::{LIBRARY_BYTES_MAX, LIBRARY_LOADS_MAX};

/// Opens libraries and counts them.
#[derive(Default)]
pub struct Loader {
    loads: usize,
}

impl Loader {
    /// The files in `folder` that are to be plugins, by name: `*.so`, no dot-files.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn find(folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let is_hidden = file_name(&path).starts_with('.');
            if !is_hidden && path.extension().is_some_and(|extension| extension == "so") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    /// Reads, checks and opens one library, for ever.
    ///
    /// # Errors
    /// Any of [`LoadError`]; no code of the plugin has run unless it is [`LoadError::Open`] or
    /// [`LoadError::Entry`].
    pub fn load(&mut self, path: &Path) -> Result<Arc<Library>, LoadError> {
        let bytes = read(path)?;
        library_file::check(&bytes)?;
        if self.loads == LIBRARY_LOADS_MAX {
            return Err(LoadError::TooMany);
        }
        self.loads += 1;
        let copy = sealed_copy(&file_name(path), &bytes)?;
        let entry = open(&copy, path)?;
        // The number of a closed descriptor would be given out again and its path taken for this
        // library, so the descriptor stays open as long as the library: for ever.
        std::mem::forget(copy);
        describe(entry, path).map(Arc::new)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    // A fifo of that name would block the open for ever.
    if !path.metadata()?.is_file() {
        return Err(LoadError::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LIBRARY_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIBRARY_BYTES_MAX {
        return Err(LoadError::TooLarge);
    }
    Ok(bytes)
}

/// A file in memory that nobody can change any more, ourselves included.
fn sealed_copy(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know the flag, later ones may ask for it.
    let copy = rustix::fs::memfd_create(name, flags | MemfdFlags::EXEC)
        .or_else(|_| rustix::fs::memfd_create(name, flags))?;
    let mut file = File::from(copy);
    file.write_all(bytes)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

/// `RTLD_NODELETE`, the same on all Linux targets; libloading does not name it.
const NO_DELETE: c_int = 0x1000;

fn open(copy: &OwnedFd, path: &Path) -> Result<&'static Entry, LoadError> {
    let copy_path = format!("/proc/self/fd/{}", copy.as_raw_fd());
    // The system's message names our copy; people know the file.
    let named = |error: libloading::Error| {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            text = error.to_string();
            source = error.source();
        }
        LoadError::Open(text.replace(&copy_path, &file_name(path)))
    };
    let flags = dl::RTLD_NOW | dl::RTLD_LOCAL | NO_DELETE;
    // SAFETY: opening runs the library's initialisers; plugins are trusted code, and that it is a
    // whole library of this ABI has been checked.
    let library = unsafe { dl::Library::open(Some(&copy_path), flags) }.map_err(named)?;
    let library = ManuallyDrop::new(library);
    // SAFETY: the magic number in the file says that the symbol is an entry.
    let symbol = unsafe { library.get::<*const Entry>(ENTRY_SYMBOL.as_bytes()) }.map_err(named)?;
    // SAFETY: a data symbol's address is that of the entry, which lives as long as the library.
    Ok(unsafe { &*symbol.into_raw().cast::<Entry>() })
}
