//! A user as whom nothing else runs: the kernel counts threads by user, and holds only those to the
//! limit who are not root. Only root can become one.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Server, artifacts};

/// Numbers that no system gives to anybody.
const UNUSED: std::ops::Range<u32> = 65_520..65_534;

/// One to whom no process belongs.
#[track_caller]
pub(crate) fn find() -> u32 {
    let processes = fs::read_dir("/proc").expect("the kernel lists processes");
    let owner = |entry: fs::DirEntry| Some(entry.metadata().ok()?.uid());
    let taken: Vec<u32> = processes.flatten().filter_map(owner).collect();
    let mut free = UNUSED.filter(|user| !taken.contains(user));
    free.next().expect("one of them is free")
}

/// Gives `folder` and all that is in it to `user`, with a copy of the server's binary, since the build
/// may lie where only root looks. Gives the copy.
#[track_caller]
pub(crate) fn move_in(user: u32, folder: &Path) -> PathBuf {
    let program = folder.join("server");
    // By another process: what another test starts now would inherit the file that this one writes,
    // and until that is closed it cannot be run.
    let copied = Command::new("cp")
        .args([&artifacts::server(), &program])
        .status();
    assert!(copied.expect("cp can be run").success());
    give(user, folder);
    program
}

#[track_caller]
fn give(user: u32, path: &Path) {
    chown(path, Some(user), Some(user))
        .expect("only root can: see the feature `root` of the tests");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("it is there") {
            give(user, &entry.expect("an entry").path());
        }
    }
}

impl Server {
    /// Sets the soft limit of threads of the lone user as whom it runs.
    #[track_caller]
    pub fn limit_threads(&self, count: u64) {
        let user = self.user().expect("it runs as a lone user");
        // Root may lack the capability to set what is another's; that user needs none.
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &self.pid().to_string()]);
        prlimit.arg(format!("--nproc={count}:"));
        let status = prlimit.uid(user).gid(user).status();
        assert!(status.expect("prlimit can be run").success());
    }
}
