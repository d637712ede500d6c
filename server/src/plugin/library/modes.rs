//! Who could have changed a library: owner, mode and access list of the file, and of every folder and link
//! on the way to it.
//!
//! As sshd does with its keys: whoever can write to one of these can run code as the server. The file is
//! judged as it was opened; that the way leads to this one and no other is checked behind it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::access_list;

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
    /// Its access list lets somebody write.
    #[error(
        "{} can be written by {who} (its access list): take that away (setfacl -b), or set strict_modes = false", path.display()
    )]
    Listed {
        /// Which.
        path: PathBuf,
        /// `user N` or `group N`.
        who: String,
    },
    /// The name led to another file when it was looked at again.
    #[error(
        "the file was replaced while it was checked: reload again when it is whole, or set strict_modes = false"
    )]
    Replaced,
}

const GROUP_WRITE: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;
const PERMISSIONS: u32 = 0o7777;

/// As many as the kernel follows.
const LINKS_MAX: usize = 40;

/// Checks `file`, which was opened at `path`, and every folder and link on the way to it.
pub(in crate::plugin) fn check(path: &Path, file: &File) -> Result<(), ModeError> {
    let opened = file.metadata()?;
    check_one(path, &opened, access_list::of_file(file.as_fd()), false)?;
    let found = walk(path)?;
    if (found.dev(), found.ino()) != (opened.dev(), opened.ino()) {
        return Err(ModeError::Replaced);
    }
    Ok(())
}

/// Goes the way of `path` name by name, as the kernel does, and checks each folder and link; gives what
/// stands at its end.
fn walk(path: &Path) -> Result<Metadata, ModeError> {
    let mut ahead = VecDeque::new();
    put_in_front(&mut ahead, &std::path::absolute(path)?);
    let mut here = PathBuf::from("/");
    let mut links = 0;
    let mut metadata = here.symlink_metadata()?;
    loop {
        if metadata.is_dir() {
            check_one(&here, &metadata, access_list::of_path(&here), true)?;
        }
        let Some(name) = ahead.pop_front() else {
            return Ok(metadata);
        };
        if name == ".." {
            here.pop();
            metadata = here.symlink_metadata()?;
            continue;
        }
        let next = here.join(&name);
        metadata = next.symlink_metadata()?;
        if !metadata.is_symlink() {
            here = next;
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            return Err(ModeError::Read(rustix::io::Errno::LOOP.into()));
        }
        check_owner(&next, &metadata)?;
        let target = next.read_link()?;
        if target.is_absolute() {
            here = PathBuf::from("/");
        }
        put_in_front(&mut ahead, &target);
        metadata = here.symlink_metadata()?;
    }
}

fn put_in_front(ahead: &mut VecDeque<OsString>, path: &Path) {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => ahead.push_front(name.to_owned()),
            Component::ParentDir => ahead.push_front("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
}

fn check_one(
    path: &Path,
    metadata: &Metadata,
    listed: Option<String>,
    is_folder: bool,
) -> Result<(), ModeError> {
    check_owner(path, metadata)?;
    let mode = metadata.mode();
    // In a sticky folder, such as `/tmp`, nobody can replace what belongs to another.
    if is_folder && mode & STICKY != 0 {
        return Ok(());
    }
    // The server's own group may write: many systems give each user a group of their own and a umask
    // that lets it.
    let is_own_group = metadata.gid() == rustix::process::getegid().as_raw();
    if mode & OTHERS_WRITE != 0 || (mode & GROUP_WRITE != 0 && !is_own_group) {
        return Err(ModeError::Writable {
            path: path.to_owned(),
            mode: mode & PERMISSIONS,
        });
    }
    match listed {
        Some(who) => Err(ModeError::Listed {
            path: path.to_owned(),
            who,
        }),
        None => Ok(()),
    }
}

fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), ModeError> {
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != 0 && owner != user {
        return Err(ModeError::Owner {
            path: path.to_owned(),
            owner,
            user,
        });
    }
    Ok(())
}
