//! From the plugins folder to libraries that are open for the rest of the run.
//!
//! Main thread only. A library is opened from a sealed copy in memory, so that nothing that
//! happens to the file can reach the code that runs, and it is never unloaded, since code of
//! its own (thread-locals, threads) may still run. A file is told to have changed by its content.
#![allow(unsafe_code)]

use std::collections::{BTreeMap, HashSet};
use std::ffi::c_int;
use std::fs::File;
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libloading::os::unix as dl;
use plugin_api::abi::{ENTRY_SYMBOL, Entry};
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::entry::describe;
use super::sealed::sealed_copy;
use super::{Library, LoadError, file_name};
use super::{library_file, modes};
use crate::limits::LIBRARY_BYTES_MAX;
use crate::threads::crash;

/// All libraries that are in use, by file, and what is needed to open more.
#[derive(Default)]
pub struct Libraries {
    files: BTreeMap<PathBuf, Loaded>,
    /// Addresses of all entries so far: the system's loader gives an old library for a new file
    /// where it takes the two for the same.
    entries: HashSet<usize>,
    loads: usize,
}

struct Loaded {
    library: Arc<Library>,
    /// Stays open as long as the library, for ever: the number of a closed descriptor would be
    /// given out again, and its path taken for this library.
    copy: ManuallyDrop<File>,
    /// No other file has its plugin's name.
    is_at_work: bool,
}

/// What a look at the plugins folder found.
#[derive(Default)]
pub struct Found {
    /// Libraries to use, by the plugin's name; the old one where a new file cannot be used.
    pub libraries: BTreeMap<String, Arc<Library>>,
    /// Files that cannot be used, each a sentence that begins with the file's name.
    pub problems: Vec<String>,
}

/// What is asked of a file before it is opened.
#[derive(Clone, Debug)]
pub struct Demands {
    /// Owner and modes of the file and its folders are checked.
    pub strict_modes: bool,
    /// Libraries that this process may load, from the start.
    pub loads_max: usize,
    /// What says so.
    pub loads_limit: String,
}

impl Libraries {
    /// Loads what is new or has changed in `folder`, and forgets what is no longer there.
    ///
    /// # Errors
    /// The folder cannot be read; nothing has changed then.
    pub fn scan(&mut self, folder: &Path, demands: &Demands) -> io::Result<Found> {
        let mut found = Found::default();
        let mut old = std::mem::take(&mut self.files);
        let paths = match find(folder) {
            Ok(paths) => paths,
            Err(error) => {
                self.files = old;
                return Err(error);
            }
        };
        let mut now = Vec::new();
        for path in paths {
            let before = old.remove(&path);
            let was_at_work = before.as_ref().is_some_and(|loaded| loaded.is_at_work);
            let loaded = match self.look(&path, before.as_ref(), demands) {
                Ok(Some(loaded)) => Some(loaded),
                Ok(None) => before,
                Err(error) => {
                    let goes_on = before.as_ref().map_or("", |_| "; the one at work goes on");
                    found
                        .problems
                        .push(format!("{}: {error}{goes_on}", file_name(&path)));
                    before
                }
            };
            if let Some(loaded) = loaded {
                now.push((!was_at_work, path, loaded));
            }
        }
        // A newcomer does not take the name of one that is at work.
        now.sort_by_key(|&(is_newcomer, ..)| is_newcomer);
        for (_, path, mut loaded) in now {
            loaded.is_at_work = take_in(&mut found, &loaded.library);
            self.files.insert(path, loaded);
        }
        Ok(found)
    }

    /// Libraries that were loaded so far: each keeps a file and memory mappings, also when it was replaced
    /// or refused.
    pub fn loads(&self) -> usize {
        self.loads
    }

    /// Tells each library's own copy of the log what it may log now.
    pub fn tell_log_levels(&self) {
        for loaded in self.files.values() {
            loaded.library.tell_log_level();
        }
    }

    /// Loads the file where it is not what was loaded `before`; none where it is.
    fn look(
        &mut self,
        path: &Path,
        before: Option<&Loaded>,
        demands: &Demands,
    ) -> Result<Option<Loaded>, LoadError> {
        let bytes = read(path, demands.strict_modes)?;
        if before.is_some_and(|loaded| has_content(&loaded.copy, &bytes)) {
            return Ok(None);
        }
        library_file::check(&bytes)?;
        if self.loads >= demands.loads_max {
            return Err(LoadError::TooMany(self.loads, demands.loads_limit.clone()));
        }
        self.loads += 1;
        let copy = ManuallyDrop::new(sealed_copy(&file_name(path), &bytes)?);
        let file = path.display().to_string();
        let _says_what = crash::calling("the loading", &file);
        let entry = open(&copy, path)?;
        crash::note_code(std::ptr::from_ref(entry).addr(), &file_name(path));
        if !self.entries.insert(std::ptr::from_ref(entry).addr()) {
            return Err(LoadError::Entry(
                "the system gave an old library for it; restart the server".to_owned(),
            ));
        }
        let library = Arc::new(describe(entry, path)?);
        Ok(Some(Loaded {
            library,
            copy,
            is_at_work: false,
        }))
    }
}

/// The files in `folder` that are to be plugins, by name: `*.so`, no dot-files.
pub(super) fn find(folder: &Path) -> io::Result<Vec<PathBuf>> {
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

/// False where another file's plugin has the name.
fn take_in(found: &mut Found, library: &Arc<Library>) -> bool {
    let name = &library.name;
    if let Some(other) = found.libraries.get(name) {
        let (file, other) = (library.file_name(), other.file_name());
        found.problems.push(format!(
            "{file}: is plugin `{name}`, which {other} is already: remove one of the two"
        ));
        return false;
    }
    found.libraries.insert(name.clone(), library.clone());
    true
}

fn has_content(copy: &File, bytes: &[u8]) -> bool {
    let is_same_size = copy
        .metadata()
        .is_ok_and(|metadata| metadata.len() == bytes.len() as u64);
    let mut content = vec![0; bytes.len()];
    is_same_size && copy.read_exact_at(&mut content, 0).is_ok() && content == bytes
}

pub(super) fn read(path: &Path, strict_modes: bool) -> Result<Vec<u8>, LoadError> {
    let file = open_regular(path)?;
    if strict_modes {
        modes::check(path, &file)?;
    }
    let mut bytes = Vec::new();
    // The kernel's own, such as /proc/kmsg, have no length, and some of them never end.
    if file.metadata()?.len() == 0 {
        return Ok(bytes);
    }
    file.take(LIBRARY_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIBRARY_BYTES_MAX {
        return Err(LoadError::TooLarge);
    }
    Ok(bytes)
}

/// Opens what `path` leads to, where that is a regular file. The opening of a device may do something,
/// and that of a pipe waits; so what was found is looked at first, and then that and nothing else is
/// opened, whatever the name leads to by then. No read of it waits.
fn open_regular(path: &Path) -> Result<File, LoadError> {
    let found = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let found = File::from(found.map_err(io::Error::from)?);
    if !found.metadata()?.is_file() {
        return Err(LoadError::NotAFile);
    }
    let again = format!("/proc/self/fd/{}", found.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(CWD, again, flags, Mode::empty()).map_err(io::Error::from)?;
    Ok(file.into())
}

/// `RTLD_NODELETE`, the same on all Linux targets; libloading does not name it.
const NO_DELETE: c_int = 0x1000;

fn open(copy: &File, path: &Path) -> Result<&'static Entry, LoadError> {
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
