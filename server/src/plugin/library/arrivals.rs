//! Which files of the plugins folder have changed since the last look, and are whole: for `--watch`.
//!
//! Main thread. Looks again and again instead of having the kernel tell (inotify): a look is a `stat` for each library,
//! and it sees what inotify does not, files on shared folders of virtual machines and the targets of symbolic links. It knows
//! nothing of what is loaded; what is wrong with a file is told by who loads it.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::{library_file, loader};
use crate::limits::{ARRIVAL_PATIENCE, ARRIVAL_STILL};

/// What has become of a file of the plugins folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The file's name.
    pub name: String,
    /// When it was written or put there; none where it is gone.
    pub written: Option<SystemTime>,
}

/// The files as they were when they were last given out, and those that are not whole yet.
#[derive(Debug)]
pub struct Arrivals {
    folder: PathBuf,
    known: BTreeMap<PathBuf, Stamp>,
    arriving: BTreeMap<PathBuf, (Option<Stamp>, Instant)>,
}

/// Tells two states of a file apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    /// When its bytes, its name or its modes changed; tells nothing apart, since a link more changes no byte.
    written: SystemTime,
}

impl Stamp {
    fn of(file: &Metadata) -> Stamp {
        let since_epoch = Duration::new(
            file.ctime().try_into().unwrap_or(0),
            file.ctime_nsec().try_into().unwrap_or(0),
        );
        Stamp {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            written: SystemTime::UNIX_EPOCH + since_epoch,
        }
    }

    fn is(&self, other: &Stamp) -> bool {
        let what = |of: &Stamp| (of.device, of.inode, of.bytes, of.modified);
        what(self) == what(other)
    }
}

impl Arrivals {
    /// What is in `folder` now is known.
    pub fn new(folder: &Path) -> Arrivals {
        Arrivals {
            folder: folder.to_owned(),
            known: stamps(folder).unwrap_or_default(),
            arriving: BTreeMap::new(),
        }
    }

    /// Files that have changed since they were given out last and have been still for a moment: at once where they are
    /// whole, and where they are not, or gone, only when that has stayed so for longer than a linker takes.
    pub fn look(&mut self, now: Instant) -> Vec<Arrival> {
        // A folder that cannot be read may come back.
        let Some(found) = stamps(&self.folder) else {
            return Vec::new();
        };
        let mut paths: Vec<&PathBuf> = found.keys().chain(self.known.keys()).collect();
        paths.sort();
        paths.dedup();
        let mut arrived = Vec::new();
        for path in paths {
            let stamp = found.get(path);
            if same(stamp, self.known.get(path)) {
                self.arriving.remove(path);
                continue;
            }
            let before = self.arriving.get(path);
            let since = match before {
                Some((before, since)) if same(before.as_ref(), stamp) => *since,
                _ => {
                    self.arriving.insert(path.clone(), (stamp.copied(), now));
                    continue;
                }
            };
            let still = now.saturating_duration_since(since);
            let is_whole = || stamp.is_some() && is_whole(path);
            if still >= ARRIVAL_PATIENCE || (still >= ARRIVAL_STILL && is_whole()) {
                arrived.push((path.clone(), stamp.copied()));
            }
        }
        arrived.into_iter().map(|of| self.give_out(of)).collect()
    }

    fn give_out(&mut self, (path, stamp): (PathBuf, Option<Stamp>)) -> Arrival {
        self.arriving.remove(&path);
        let name = super::file_name(&path);
        match stamp {
            Some(stamp) => self.known.insert(path, stamp),
            None => self.known.remove(&path),
        };
        Arrival {
            name,
            written: stamp.map(|stamp| stamp.written),
        }
    }
}

fn same(one: Option<&Stamp>, other: Option<&Stamp>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is(other),
        (None, None) => true,
        _ => false,
    }
}

/// None where the folder cannot be read.
fn stamps(folder: &Path) -> Option<BTreeMap<PathBuf, Stamp>> {
    let paths = loader::find(folder).ok()?;
    let stamp = |path: PathBuf| Some((path.clone(), Stamp::of(&fs::metadata(path).ok()?)));
    Some(paths.into_iter().filter_map(stamp).collect())
}

fn is_whole(path: &Path) -> bool {
    // Who else may write the file is the business of who loads it.
    loader::read(path, false).is_ok_and(|bytes| library_file::check(&bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Instant;

    use super::{Arrival, Arrivals};
    use crate::limits::{ARRIVAL_PATIENCE, ARRIVAL_STILL};

    const WHOLE: &[u8] = include_bytes!("../../../../tests/fuzz/seeds/library_file/entry");

    fn names(arrivals: &[Arrival]) -> Vec<&str> {
        arrivals.iter().map(|of| of.name.as_str()).collect()
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("libold.so"), WHOLE).expect("it can be written");
        folder
    }

    fn write(folder: &Path, bytes: &[u8]) {
        fs::write(folder.join("libnew.so"), bytes).expect("it can be written");
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_whole_file_is_given_out_once_when_it_is_still() {
        let folder = folder();
        let mut arrivals = Arrivals::new(folder.path());
        let start = Instant::now();
        assert_eq!(arrivals.look(start), []);
        write(folder.path(), WHOLE);
        assert_eq!(arrivals.look(start), []);
        let found = arrivals.look(start + ARRIVAL_STILL);
        assert_eq!(names(&found), ["libnew.so"]);
        assert!(found[0].written.is_some());
        assert_eq!(arrivals.look(start + ARRIVAL_PATIENCE), []);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn one_that_grows_is_waited_for_and_one_that_stays_cut_is_given_out_in_the_end() {
        let folder = folder();
        let mut arrivals = Arrivals::new(folder.path());
        let mut now = Instant::now();
        for bytes in 0..4 {
            write(folder.path(), &WHOLE[..WHOLE.len() - 4 + bytes]);
            assert_eq!(arrivals.look(now), []);
            now += ARRIVAL_PATIENCE - ARRIVAL_STILL;
        }
        write(folder.path(), &WHOLE[..200]);
        assert_eq!(arrivals.look(now), []);
        assert_eq!(arrivals.look(now + ARRIVAL_STILL), [], "it is cut");
        let found = arrivals.look(now + ARRIVAL_PATIENCE);
        assert_eq!(names(&found), ["libnew.so"]);
    }

    #[test]
    fn one_that_is_gone_for_a_moment_was_put_anew() {
        let folder = folder();
        let old = folder.path().join("libold.so");
        let mut arrivals = Arrivals::new(folder.path());
        let start = Instant::now();
        fs::remove_file(&old).expect("it is there");
        assert_eq!(arrivals.look(start), []);
        assert_eq!(arrivals.look(start + ARRIVAL_STILL), []);
        let found = arrivals.look(start + ARRIVAL_PATIENCE);
        let gone = Arrival {
            name: "libold.so".to_owned(),
            written: None,
        };
        assert_eq!(found, [gone]);
    }

    #[test]
    fn a_touched_file_has_changed_and_a_further_name_of_it_has_not() {
        let folder = folder();
        let old = folder.path().join("libold.so");
        let mut arrivals = Arrivals::new(folder.path());
        let start = Instant::now();
        fs::hard_link(&old, folder.path().join("elsewhere")).expect("a link");
        assert_eq!(arrivals.look(start), []);
        assert!(arrivals.arriving.is_empty());
        let file = fs::File::open(&old).expect("it is there");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .expect("it is ours");
        assert_eq!(arrivals.look(start), []);
        assert!(!arrivals.arriving.is_empty());
    }
}
