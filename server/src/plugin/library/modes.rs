//! Who could have changed a library: owner and mode of the file and of the folders above it.
//!
//! As sshd does with its keys: whoever can write to one of these can run code as the server.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is wrong with a file or folder.
#[derive(Debug, thiserror::Error)]
pub enum ModeError {
    /// It cannot be looked at.
    #[error("cannot be checked: {0}")]
    Read(#[from] io::Error),
    /// Owned by a user who is neither root nor the server's.
    #[error(
        "{} belongs to user {owner}: it has to belong to root or to user {user}, who runs the server (chown), or set strict_modes = false", path.display()
    )]
    Owner {
        /// Which.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// The number of the server's user.
        user: u32,
    },
    /// Others may write to it.
    #[error(
        "{} can be written by others (mode {mode:o}): take that away (chmod go-w), or set strict_modes = false", path.display()
    )]
    Writable {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

const GROUP_WRITE: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;
const PERMISSIONS: u32 = 0o7777;

/// Checks `file`, which was opened at `path`, and every folder above it.
pub(in crate::plugin) fn check(path: &Path, file: &File) -> Result<(), ModeError> {
    let path = path.canonicalize()?;
    check_one(&path, &file.metadata()?, false)?;
    for folder in path.ancestors().skip(1) {
        check_one(folder, &folder.metadata()?, true)?;
    }
    Ok(())
}

fn check_one(path: &Path, metadata: &Metadata, is_folder: bool) -> Result<(), ModeError> {
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != 0 && owner != user {
        return Err(ModeError::Owner {
            path: path.to_owned(),
            owner,
            user,
        });
    }
    if is_writable(metadata, is_folder) {
        return Err(ModeError::Writable {
            path: path.to_owned(),
            mode: metadata.mode() & PERMISSIONS,
        });
    }
    Ok(())
}

/// In a sticky folder, such as `/tmp`, nobody can replace what belongs to another. The server's own
/// group may write: many systems give each user a group of their own and a umask that lets it.
fn is_writable(metadata: &Metadata, is_folder: bool) -> bool {
    let mode = metadata.mode();
    let is_own_group = metadata.gid() == rustix::process::getegid().as_raw();
    let can_write = mode & OTHERS_WRITE != 0 || (mode & GROUP_WRITE != 0 && !is_own_group);
    can_write && !(is_folder && mode & STICKY != 0)
}
