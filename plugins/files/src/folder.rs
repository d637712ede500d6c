//! From a path to an open file that lies in the folder, and nowhere else.
//!
//! Name by name, each opened in the folder before it and none through a symbolic link: whatever is renamed meanwhile, no
//! name leads out. What is found is looked at before it is opened, since opening a device or a pipe does something.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use plugin_api::ConfigError;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

/// A folder and what it is answered with.
pub(crate) struct Folder {
    path: PathBuf,
    index: String,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Found {
    /// A regular file, open for reading.
    File { file: File, name: String },
    /// A folder: one whose path lacks the slash at its end, or that has no index.
    Folder,
    /// Nothing that is served: no file, a dot-file, a symbolic link, a device, a pipe.
    Nothing,
}

impl Folder {
    pub(crate) fn open(path: PathBuf, index: String) -> Result<Folder, ConfigError> {
        let folder = Folder { path, index };
        match folder.enter() {
            Ok(_) => Ok(folder),
            Err(error) => {
                let what = format!("{} cannot be served: {error}", folder.path.display());
                Err(ConfigError::new("folder", what))
            }
        }
    }

    /// The folder as it is now: one that is a symbolic link may be put in place of another at any time.
    fn enter(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(openat(CWD, &self.path, flags, Mode::empty())?)
    }

    /// What `path` is in it, percent-decoded; empty for the folder itself, with `/` at the end for one in it.
    pub(crate) fn find(&self, path: &str) -> io::Result<Found> {
        let (path, is_folder) = match path.strip_suffix('/') {
            Some(path) => (path, true),
            None => (path, path.is_empty()),
        };
        let mut place = self.enter()?;
        let mut name = "";
        if !path.is_empty() {
            for part in path.split('/') {
                if part.is_empty() || part.starts_with('.') || part.contains('\0') {
                    return Ok(Found::Nothing);
                }
                let Some(next) = enter(&place, part)? else {
                    return Ok(Found::Nothing);
                };
                (place, name) = (next, part);
            }
        }
        let mut about = about(&place)?;
        if about.is_dir() {
            if !is_folder || self.index.is_empty() {
                return Ok(Found::Folder);
            }
            let Some(index) = enter(&place, &self.index)? else {
                return Ok(Found::Folder);
            };
            (place, name) = (index, self.index.as_str());
            about = self::about(&place)?;
        } else if is_folder {
            return Ok(Found::Nothing);
        }
        if !about.is_file() {
            return Ok(Found::Nothing);
        }
        let Some(file) = open_found(&place)? else {
            return Ok(Found::Nothing);
        };
        Ok(Found::File {
            file,
            name: name.to_owned(),
        })
    }
}

/// What `name` is in `place`, which need not be a folder; none where there is no such thing, or a symbolic link.
fn enter(place: &OwnedFd, name: &str) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(place, OsStr::new(name), flags, Mode::empty()) {
        Ok(found) if about(&found)?.is_symlink() => Ok(None),
        Ok(found) => Ok(Some(found)),
        // Names that are too long are those of no file; a folder that may not be entered has none.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::ACCESS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn about(place: &OwnedFd) -> io::Result<Metadata> {
    File::from(place.try_clone()?).metadata()
}

/// Opens the very file that was looked at; none where it may not be read.
fn open_found(place: &OwnedFd) -> io::Result<Option<File>> {
    let again = Path::new("/proc/self/fd").join(place.as_raw_fd().to_string());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match openat(CWD, again, flags, Mode::empty()) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::ACCESS | Errno::PERM) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
