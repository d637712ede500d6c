//! A damaged file is set aside under another name: nothing of it is overwritten, and whoever runs the server may
//! see what is left in it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Names that are tried, a second apart.
const TRIES: u64 = 100;

/// Moves a file and its log (`-wal`), which belongs to no other file, to a name that nothing has; gives it. Blocks on
/// the disk.
///
/// # Errors
/// The folder does not let us.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let now = SystemTime::now();
    for seconds in 0..TRIES {
        let time = humantime::format_rfc3339_seconds(now + Duration::from_secs(seconds));
        let suffix = format!(".damaged-{}", time.to_string().replace(':', ""));
        let aside = with(path, &suffix);
        match rename_to_free(path, &aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => {
                for part in ["-wal", "-shm"] {
                    // It may not be there.
                    rename_to_free(&with(path, part), &with(&aside, part)).ok();
                }
                return Ok(aside);
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system knows it.
        Err(Errno::INVAL | Errno::NOSYS) if !to.try_exists()? => std::fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::set_aside;

    #[test]
    fn a_file_is_set_aside_with_its_log_and_nothing_is_overwritten() {
        let folder = std::env::temp_dir().join(format!("detent-aside-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        let file = folder.join("a.db");
        let mut asides = Vec::new();
        for text in ["one", "two"] {
            fs::write(&file, text).expect("a file for the test");
            fs::write(folder.join("a.db-wal"), format!("{text} log")).expect("its log");
            asides.push(set_aside(&file).expect("it is set aside"));
        }
        assert_ne!(asides[0], asides[1]);
        for (aside, text) in asides.iter().zip(["one", "two"]) {
            assert_eq!(fs::read_to_string(aside).expect("it is there"), text);
            let log = format!("{}-wal", aside.display());
            let log = fs::read_to_string(log).expect("its log too");
            assert_eq!(log, format!("{text} log"));
        }
        assert!(!file.exists() && !folder.join("a.db-wal").exists());
        fs::remove_dir_all(&folder).expect("it was for the test");
    }
}
