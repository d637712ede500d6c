//! What was given out last on each topic, where it outlives the process: a file of the system's shared memory.
//!
//! The hub's thread writes it before anybody sees a message, once for messages that are given out together (a run of
//! one topic, the answers of those who publish), and the next run reads it where this one has no end of its own
//! (`kill -9`, a crash): so exactly those topics have a hole of which something was said that the disk did not get. It is
//! memory, so that writing it never waits for a disk; it goes with the machine, and then everything that may have been
//! given out is a hole.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::position::Epoch;

/// Where memory is that has names and outlives processes.
const FOLDER: &str = "/dev/shm";

/// `TMPFS_MAGIC` of `statfs`.
const TMPFS: i64 = 0x0102_1994;

/// Bytes of an entry: what the topic's name hashes to, and an offset. The first is of the whole.
const ENTRY: u64 = 16;

/// Places that are written together though not all of them have changed: two pages of memory, which cost less than a
/// call for each.
const WRITTEN_MOST: u32 = 512;

/// What the first entry begins with, so that what another version of this wrote is not read.
const FIRST: &str = "detent given 1";

/// The file of this run.
pub(in crate::journal) struct Given {
    file: Option<File>,
    path: PathBuf,
    /// Every topic may have a hole up to it.
    all: u64,
    /// All of it, as it is to be.
    image: Vec<u8>,
    /// The slots that are to be written, from the first to the last of them.
    unwritten: Option<(u32, u32)>,
    free: Vec<u32>,
}

/// What the last run has left.
pub(super) struct Left {
    /// Every topic may have a hole up to it.
    pub(super) all: u64,
    /// What topics' names hash to, each with the last offset that was given out.
    pub(super) topics: Vec<(u64, u64)>,
}

/// What a topic's name is known as.
pub(in crate::journal) fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

impl Given {
    /// A new one, and its name; none where the machine has no such memory.
    pub(super) fn create() -> Option<(Given, String)> {
        let folder = Path::new(FOLDER);
        // On a disk it could wait.
        let is_memory = rustix::fs::statfs(folder).is_ok_and(|found| found.f_type == TMPFS);
        if !is_memory {
            return None;
        }
        // Nobody can have guessed it, and made a file of that name that others read.
        let name = format!(
            "detent-{:013x}{:013x}",
            Epoch::random().number(),
            Epoch::random().number()
        );
        let path = folder.join(&name);
        let options = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let mut given = Given {
            file: Some(options.ok()?),
            path,
            all: 0,
            image: Vec::new(),
            unwritten: None,
            free: Vec::new(),
        };
        given.add();
        given.set(0, hash(FIRST), 0);
        given.write();
        given.file.is_some().then_some((given, name))
    }

    /// A place for a topic of which nothing was said yet. What was said on topics whose places are used
    /// again and that the file has not got, as `done` tells, is told of all.
    pub(in crate::journal) fn begin(&mut self, done: u64) -> u32 {
        let Some(slot) = self.free.pop() else {
            return self.add();
        };
        let offset = self.offset(slot);
        if offset > done && offset > self.all {
            self.write();
            self.all = offset;
            self.set(0, hash(FIRST), offset);
            self.write();
        }
        slot
    }

    /// A place behind all others.
    fn add(&mut self) -> u32 {
        let slot = self.image.len() / ENTRY as usize;
        self.image.resize(self.image.len() + ENTRY as usize, 0);
        slot as u32
    }

    fn offset(&self, slot: u32) -> u64 {
        let end = (slot as usize + 1) * ENTRY as usize;
        let bytes = self.image[end - 8..end].try_into();
        u64::from_le_bytes(bytes.unwrap_or_default())
    }

    /// The topic's place is free.
    pub(in crate::journal) fn end(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// A message of the topic, whose name hashes to `hash`, is about to be given out: not before the next
    /// [`Given::write`].
    pub(in crate::journal) fn note(&mut self, slot: u32, hash: u64, offset: u64) {
        // Offsets only grow: it was noted ahead, with others.
        if self.offset(slot) >= offset {
            return;
        }
        if let Some((first, last)) = self.unwritten
            && (slot + WRITTEN_MOST < last || slot > first + WRITTEN_MOST)
        {
            self.write();
        }
        self.set(slot, hash, offset);
    }

    fn set(&mut self, slot: u32, hash: u64, offset: u64) {
        let begin = slot as usize * ENTRY as usize;
        let entry = &mut self.image[begin..begin + ENTRY as usize];
        entry[..8].copy_from_slice(&hash.to_le_bytes());
        entry[8..].copy_from_slice(&offset.to_le_bytes());
        let (first, last) = self.unwritten.unwrap_or((slot, slot));
        self.unwritten = Some((first.min(slot), last.max(slot)));
    }

    /// Writes down what was noted: places beside each other by one call.
    pub(in crate::journal) fn write(&mut self) {
        let Some((first, last)) = self.unwritten.take() else {
            return;
        };
        let begin = u64::from(first) * ENTRY;
        let end = (u64::from(last) + 1) * ENTRY;
        let bytes = &self.image[begin as usize..end as usize];
        let written = self
            .file
            .as_ref()
            .map(|file| file.write_all_at(bytes, begin));
        if let Some(Err(_)) = written {
            // What is not whole tells nothing: without it everything is a hole after a crash.
            self.remove();
        }
    }

    /// It is not needed, or of no use, any more.
    pub(in crate::journal) fn remove(&mut self) {
        if self.file.take().is_some() {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// What a run has left under a name; none where it is gone, or not to be trusted.
pub(super) fn read(name: &str) -> Option<Left> {
    let bytes = read_own(&path_of(name)?).ok()?;
    let mut entries = bytes.chunks_exact(ENTRY as usize).map(|entry| {
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        (number(&entry[..8]), number(&entry[8..]))
    });
    let (first, all) = entries.next()?;
    (first == hash(FIRST)).then(|| Left {
        all,
        topics: entries.filter(|&(_, offset)| offset > 0).collect(),
    })
}

/// What a run has left is of no use any more.
pub(super) fn remove(name: &str) {
    if let Some(path) = path_of(name) {
        fs::remove_file(path).ok();
    }
}

/// The name comes out of a file that somebody may have changed.
fn path_of(name: &str) -> Option<PathBuf> {
    let is_ours = name.starts_with("detent-")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_ours.then(|| Path::new(FOLDER).join(name))
}

fn read_own(path: &Path) -> io::Result<Vec<u8>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)?;
    let metadata = file.metadata()?;
    let is_own = metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw();
    if !is_own {
        return Err(io::Error::other("it is not ours"));
    }
    let mut bytes = vec![0; metadata.len() as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Given, WRITTEN_MOST, hash, read, remove};

    #[test]
    fn what_was_given_out_is_read_again_and_a_place_that_is_used_again_tells_of_all() {
        let Some((mut given, name)) = Given::create() else {
            return;
        };
        let (one, two) = (given.begin(0), given.begin(0));
        given.note(one, hash("one"), 5);
        given.note(two, hash("two"), 7);
        assert!(read(&name).expect("it is there").topics.is_empty());
        given.note(one, hash("one"), 9);
        given.write();
        // It was noted ahead: neither a step back nor a call.
        given.note(one, hash("one"), 8);
        assert!(given.unwritten.is_none());
        let left = read(&name).expect("it is there");
        assert_eq!(left.topics, [(hash("one"), 9), (hash("two"), 7)]);
        assert_eq!(left.all, 0);

        given.end(two);
        let three = given.begin(7);
        given.note(three, hash("three"), 10);
        given.write();
        assert_eq!(read(&name).expect("it is there").all, 0, "the file has 7");
        given.end(three);
        given.begin(9);
        let left = read(&name).expect("it is there");
        assert_eq!(left.all, 10, "nobody knows whether the file has 10");

        let far: Vec<_> = (0..3 * WRITTEN_MOST).map(|_| given.begin(99)).collect();
        for (offset, slot) in (100..).zip(&far) {
            given.note(*slot, hash("far"), offset);
        }
        given.note(one, hash("one"), 9999);
        given.write();
        let left = read(&name).expect("it is there");
        assert_eq!(left.topics.len(), 2 + far.len());
        assert!(left.topics.contains(&(hash("one"), 9999)));

        given.remove();
        assert!(read(&name).is_none());
        assert!(read("../etc/passwd").is_none());
        remove("../etc/passwd");
    }
}
