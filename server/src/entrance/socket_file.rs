//! Unix sockets and their files: bound without ever taking what is another's, and removed at the end.
//!
//! Main thread. A file that is no socket is never removed; a socket is only where nobody listens on it any
//! more, which a try to connect tells. Servers that do this at once in one folder wait for each other by a
//! lock on the folder, so that nobody takes the other's new socket for a dead one.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use rustix::fs::{AtFlags, FileType, FlockOperation, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::config::FileAccess;
use crate::limits::{LISTEN_BACKLOG, SOCKET_LOCK_LOOK, SOCKET_LOCK_WAIT};

/// Why a unix socket cannot be listened on, or its file not be given away.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The folder is not there, or may not be looked into.
    #[error("its folder: {0}: make the folder, and let the server's user write in it")]
    Folder(io::Error),
    /// Another program holds the lock on the folder.
    #[error(
        "another program has held the lock of its folder for {}: try again",
        humantime::format_duration(SOCKET_LOCK_WAIT)
    )]
    Locked,
    /// Something else has the name.
    #[error(
        "a file is there that is no socket, and is left alone: remove it, or choose another path"
    )]
    NoSocket,
    /// A server has it.
    #[error("another server listens there")]
    Live,
    /// It cannot be told whether a server has it.
    #[error(
        "a socket is there, and whether a server listens on it cannot be told: {0}: remove it where none does"
    )]
    Unclear(io::Error),
    /// The system does not make the socket or its file.
    #[error("{0}: may the server's user write in its folder?")]
    Bind(io::Error),
    /// The file cannot be given to its owner or group.
    #[error(
        "its owner or group cannot be set: {0}: a server that is not root can only give it to a group that its user is in"
    )]
    Owner(io::Error),
    /// Its permissions cannot be set.
    #[error("its permissions cannot be set: {0}")]
    Mode(io::Error),
}

/// The file of a socket that we have bound. It is removed when this is dropped, unless another has taken
/// its name.
pub struct SocketFile {
    path: PathBuf,
    /// By which it is known again.
    device: u64,
    inode: u64,
    /// Its owner and group as the system gave them.
    owner: (u32, u32),
}

/// A change of who may connect; taken back when it is dropped before [`Granted::keep`].
pub struct Granted {
    path: PathBuf,
    inode: u64,
    before: Option<FileAccess>,
}

impl SocketFile {
    /// Binds a socket at `path` that `access` says who may connect to, from the first moment on.
    ///
    /// # Errors
    /// See [`FileError`]. Nothing is left behind then.
    pub fn bind(path: &Path, access: FileAccess) -> Result<(Socket, SocketFile), FileError> {
        let folder = Folder::open(path).map_err(FileError::Folder)?;
        folder.lock()?;
        folder.clear(path)?;
        let bound = || -> io::Result<Socket> {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.bind(&SockAddr::unix(path)?)?;
            Ok(socket)
        };
        let socket = bound().map_err(FileError::Bind)?;
        let stat = folder
            .stat()
            .map_err(|error| FileError::Bind(error.into()))?;
        let file = SocketFile {
            path: path.to_owned(),
            device: stat.st_dev,
            inode: stat.st_ino,
            owner: (stat.st_uid, stat.st_gid),
        };
        // Nobody can connect before it listens.
        file.set_access(access)?;
        socket.listen(LISTEN_BACKLOG).map_err(FileError::Bind)?;
        Ok((socket, file))
    }

    /// What would keep a socket from being bound at `path`, as far as that can be told without doing it and
    /// without disturbing a server that listens there.
    ///
    /// # Errors
    /// [`FileError::Folder`] and [`FileError::NoSocket`].
    pub fn check(path: &Path) -> Result<(), FileError> {
        let folder = Folder::open(path).map_err(FileError::Folder)?;
        match folder.stat() {
            Ok(stat) if !is_socket(&stat) => Err(FileError::NoSocket),
            _ => Ok(()),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets `access` say who may connect from now on.
    ///
    /// # Errors
    /// [`FileError::Owner`], [`FileError::Mode`]; nothing is changed then.
    pub fn grant(&self, access: FileAccess) -> Result<Granted, FileError> {
        let file = self.open().map_err(FileError::Mode)?;
        let before = access_of(&file).map_err(FileError::Mode)?;
        let granted = Granted {
            path: self.path.clone(),
            inode: self.inode,
            before: Some(before),
        };
        self.set_access(access)?;
        Ok(granted)
    }

    fn set_access(&self, access: FileAccess) -> Result<(), FileError> {
        let file = self.open().map_err(FileError::Mode)?;
        let (owner, group) = self.owner;
        let wanted = FileAccess {
            mode: access.mode,
            owner: Some(access.owner.unwrap_or(owner)),
            group: Some(access.group.unwrap_or(group)),
        };
        set_access(&file, wanted)
    }

    /// The file itself, whatever has its name a moment later; an error where another has it already.
    fn open(&self) -> io::Result<OwnedFd> {
        open_again(&self.path, self.inode)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let Ok(folder) = Folder::open(&self.path) else {
            return;
        };
        // Without the lock too: only who looks at the very moment could be wrong about whose it is.
        folder.lock().ok();
        let is_ours = |stat: Stat| (stat.st_dev, stat.st_ino) == (self.device, self.inode);
        if folder.stat().is_ok_and(is_ours) {
            // What is left behind is a dead socket, which the next start replaces.
            folder.remove().ok();
        }
    }
}

impl Granted {
    /// The change stays.
    pub fn keep(mut self) {
        self.before = None;
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        if let Some(before) = self.before
            && let Ok(file) = open_again(&self.path, self.inode)
        {
            // It was so a moment ago, by the same user.
            set_access(&file, before).ok();
        }
    }
}

/// The folder of a socket, and the name of the socket in it.
struct Folder<'a> {
    folder: File,
    name: &'a Path,
}

impl<'a> Folder<'a> {
    fn open(path: &'a Path) -> io::Result<Folder<'a>> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        let name = path.file_name().map_or(Path::new(""), Path::new);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(parent, flags, Mode::empty())?;
        let folder = File::from(folder);
        Ok(Folder { folder, name })
    }

    /// Waits a little for others who are here for the same; the lock ends with this.
    fn lock(&self) -> Result<(), FileError> {
        let deadline = Instant::now() + SOCKET_LOCK_WAIT;
        let operation = FlockOperation::NonBlockingLockExclusive;
        while rustix::fs::flock(&self.folder, operation).is_err() {
            if Instant::now() >= deadline {
                return Err(FileError::Locked);
            }
            thread::park_timeout(SOCKET_LOCK_LOOK);
        }
        Ok(())
    }

    /// Removes a socket of this name on which nobody listens any more.
    fn clear(&self, path: &Path) -> Result<(), FileError> {
        match self.stat() {
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(FileError::Folder(error.into())),
            Ok(stat) if !is_socket(&stat) => return Err(FileError::NoSocket),
            Ok(_) => {}
        }
        match connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                self.remove().map_err(|error| FileError::Bind(error.into()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            // A queue that is full, and a socket of another kind: somebody has it open.
            Err(error) if is_of_somebody(&error) => Err(FileError::Live),
            Err(error) => Err(FileError::Unclear(error)),
            Ok(()) => Err(FileError::Live),
        }
    }

    fn stat(&self) -> rustix::io::Result<Stat> {
        rustix::fs::statat(&self.folder, self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn remove(&self) -> rustix::io::Result<()> {
        rustix::fs::unlinkat(&self.folder, self.name, AtFlags::empty())
    }
}

/// Whether somebody takes connections at `path`; never waits.
fn connect(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.connect(&SockAddr::unix(path)?)
}

fn is_of_somebody(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(
        errno,
        Some(Errno::AGAIN | Errno::INPROGRESS | Errno::PROTOTYPE)
    )
}

fn is_socket(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Socket
}

fn open_again(path: &Path, inode: u64) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    if rustix::fs::fstat(&file)?.st_ino != inode {
        return Err(io::Error::other("another file has its name now"));
    }
    Ok(file)
}

fn access_of(file: &OwnedFd) -> io::Result<FileAccess> {
    let stat = rustix::fs::fstat(file)?;
    Ok(FileAccess {
        mode: stat.st_mode & 0o777,
        owner: Some(stat.st_uid),
        group: Some(stat.st_gid),
    })
}

/// Changes owner, group and permissions where they are others. The owner comes first: a change of it takes
/// permissions away.
fn set_access(file: &OwnedFd, wanted: FileAccess) -> Result<(), FileError> {
    let now = access_of(file).map_err(FileError::Mode)?;
    if (now.owner, now.group) != (wanted.owner, wanted.group) {
        let (owner, group) = (
            wanted.owner.map(Uid::from_raw),
            wanted.group.map(Gid::from_raw),
        );
        rustix::fs::chownat(file, "", owner, group, AtFlags::EMPTY_PATH)
            .map_err(|error| FileError::Owner(error.into()))?;
    }
    if now.mode != wanted.mode {
        // A descriptor that only stands for a path cannot be changed by itself, but by the name that it has here.
        let own_name = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        rustix::fs::chmod(own_name, Mode::from_raw_mode(wanted.mode))
            .map_err(|error| FileError::Mode(error.into()))?;
    }
    Ok(())
}
