//! What would stand in the way of using a file, found without touching it.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use rustix::fs::{Access, access};

use super::database::{APPLICATION_ID, VERSION};

/// Bytes of SQLite's header, and where the two numbers stand in it, in big-endian order.
const HEADER: usize = 100;
const VERSION_AT: usize = 60;
const APPLICATION_AT: usize = 68;

/// Says what is wrong with a file for journals, and what to do. For a process that has no journal open: the locks of
/// one that it has would be given up.
///
/// # Errors
/// The sentence.
pub fn check(path: &Path) -> Result<(), String> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match fs::metadata(folder) {
        Err(error) => return Err(format!("folder {}: {error}: make it", folder.display())),
        Ok(found) if !found.is_dir() => return Err(format!("{} is no folder", folder.display())),
        Ok(_) => {}
    }
    // Beside the file stands its log, which comes and goes.
    if access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return Err(format!(
            "folder {} cannot be written by this user: name another folder, or change its owner",
            folder.display()
        ));
    }
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(_) if fs::symlink_metadata(path).is_ok() => {
            return Err("it is a symbolic link that leads nowhere".to_owned());
        }
        Err(_) => return Ok(()),
    };
    if !metadata.is_file() {
        return Err("it is no file: name one".to_owned());
    }
    if access(path, Access::READ_OK | Access::WRITE_OK).is_err() {
        return Err("it cannot be read and written by this user: change its owner".to_owned());
    }
    check_header(path)
}

fn check_header(path: &Path) -> Result<(), String> {
    let mut header = [0; HEADER];
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        return Ok(());
    }
    let is_read = file.read_exact(&mut header).is_ok();
    if !is_read || !header.starts_with(b"SQLite format 3\0") {
        return Err(
            "it is no journal: a start would set it aside under another name and begin a new one"
                .to_owned(),
        );
    }
    let number = |at: usize| {
        let bytes = header[at..at + 4].try_into().unwrap_or_default();
        i64::from(u32::from_be_bytes(bytes))
    };
    let (application, version) = (number(APPLICATION_AT), number(VERSION_AT));
    // Before its first log is written back it may say nothing of itself.
    if application == 0 && version == 0 && file.metadata().is_ok_and(|of| of.len() <= 4096) {
        return Ok(());
    }
    if application != APPLICATION_ID {
        return Err("it is a database of another program: name another file".to_owned());
    }
    if version != VERSION {
        return Err(format!(
            "it is a journal of version {version}, and this server writes version {VERSION}: name another file"
        ));
    }
    Ok(())
}
