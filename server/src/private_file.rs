//! Secrets in files of their own, which nobody else on the machine may read.
//!
//! Any thread that may wait for the disk.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::limits::settings::FILE_BYTES_MAX;

/// Reads a file that nobody else may read, and that only its owner may write.
///
/// # Errors
/// It is not there, is no such file, or is no text.
pub fn read(path: &Path) -> io::Result<String> {
    let mut options = OpenOptions::new();
    // A name that leads to a pipe must not hold up the thread.
    let file = options
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if metadata.mode() & 0o027 != 0 {
        let why = "others may read it or its group may write it: `chmod 640` it";
        return Err(io::Error::other(why));
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}
