//! A part of a file that is a body, read piece by piece.
//!
//! The connection's thread. It has a descriptor of its own, so that nothing that happens to the name of the file, or to who gave
//! it, ends a download; what happens to its bytes does.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{OFlags, fcntl_getfl};

/// Why a file cannot be a body.
#[derive(Debug, thiserror::Error)]
pub enum BodyFileError {
    /// A folder, a pipe or a device; or it is open for writing only.
    #[error("no regular file that is open for reading")]
    NotAFile,
    /// The part ends behind its end.
    #[error("the file is shorter")]
    Short,
    /// Files are short, or the disk fails.
    #[error(transparent)]
    Machine(#[from] io::Error),
}

/// What is left to send of a file.
#[derive(Debug)]
pub struct BodyFile {
    file: File,
    begin: u64,
    /// Where the next byte stands.
    offset: u64,
    end: u64,
}

impl BodyFile {
    /// `length` bytes from `offset` on.
    ///
    /// # Errors
    /// See [`BodyFileError`].
    pub fn new(file: BorrowedFd<'_>, offset: u64, length: u64) -> Result<Self, BodyFileError> {
        let file = File::from(file.try_clone_to_owned()?);
        let about = file.metadata()?;
        let flags = fcntl_getfl(&file).map_err(io::Error::from)?;
        // One that is only a place in the file system (O_PATH) cannot be read either.
        if !about.is_file() || flags.intersects(OFlags::WRONLY | OFlags::PATH) {
            return Err(BodyFileError::NotAFile);
        }
        let end = offset.checked_add(length);
        let Some(end) = end.filter(|&end| end <= about.len()) else {
            return Err(BodyFileError::Short);
        };
        Ok(BodyFile {
            file,
            begin: offset,
            offset,
            end,
        })
    }

    /// Bytes that are left to send.
    pub fn len(&self) -> u64 {
        self.end - self.offset
    }

    /// Bytes that were read.
    pub fn given(&self) -> u64 {
        self.offset - self.begin
    }

    /// Whether all is sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next bytes, `piece` at most: at least one where any is left. Blocks on the disk.
    ///
    /// # Errors
    /// The disk's, or [`io::ErrorKind::UnexpectedEof`] where the file has become shorter.
    pub fn read<'p>(&mut self, piece: &'p mut [u8]) -> io::Result<&'p [u8]> {
        let most = usize::try_from(self.len()).map_or(piece.len(), |left| left.min(piece.len()));
        let piece = &mut piece[..most];
        let count = loop {
            match self.file.read_at(piece, self.offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if count == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.offset += count as u64;
        Ok(&piece[..count])
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{self, Write};
    use std::os::fd::AsFd;

    use super::{BodyFile, BodyFileError};

    fn file() -> File {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"0123456789").expect("it can be written");
        file
    }

    #[test]
    fn a_part_is_read_in_pieces_to_its_end() {
        let file = file();
        let mut body = BodyFile::new(file.as_fd(), 2, 7).expect("it is there");
        drop(file);
        let mut piece = [0; 4];
        assert_eq!((body.len(), body.given()), (7, 0));
        assert_eq!(body.read(&mut piece).expect("it is there"), b"2345");
        assert_eq!((body.len(), body.given()), (3, 4));
        assert_eq!(body.read(&mut piece).expect("it is there"), b"678");
        assert!(body.is_empty());
        assert_eq!(body.read(&mut piece).expect("nothing is left"), b"");
    }

    #[test]
    fn what_lies_outside_of_the_file_is_refused() {
        let file = file();
        for (offset, length, is_there) in [
            (0, 10, true),
            (10, 0, true),
            (0, 11, false),
            (11, 0, false),
            (u64::MAX, 1, false),
        ] {
            let body = BodyFile::new(file.as_fd(), offset, length);
            assert_eq!(body.is_ok(), is_there, "{offset} {length}");
        }
    }

    #[test]
    fn what_is_no_file_to_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = File::open(folder.path()).expect("it can be opened");
        let written = File::create(folder.path().join("a")).expect("it can be made");
        let device = File::open("/dev/zero").expect("every system has it");
        for file in [opened, written, device] {
            let refused = BodyFile::new(file.as_fd(), 0, 0);
            assert!(matches!(refused, Err(BodyFileError::NotAFile)), "{file:?}");
        }
    }

    #[test]
    fn a_file_that_becomes_shorter_is_an_error() {
        let file = file();
        let mut body = BodyFile::new(file.as_fd(), 0, 10).expect("it is there");
        file.set_len(3).expect("it can be cut");
        let mut piece = [0; 4];
        assert_eq!(body.read(&mut piece).expect("it is there"), b"012");
        let error = body.read(&mut piece).expect_err("the rest is gone");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
