//! Tests of one test binary, run in a process of their own: one, or several at once.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// How often a running test is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// What a test takes at least before it counts as one that never ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How many tests of one process run at once. Most wait for most of their time.
const THREADS: usize = 4;
/// What a process may use of the processor beside what its tests take: a change that goes round and round would keep it
/// from all others until its time is over.
const PROCESSOR_TIME: Duration = Duration::from_secs(3);
/// The signal of the kernel for a process that has used up its processor time.
const SIGXCPU: i32 = 24;

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) binary: PathBuf,
    pub(crate) name: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Passed,
    Failed,
    /// It took longer than it may.
    Never,
}

impl Test {
    /// All that a binary has.
    pub(crate) fn all(binary: &Path) -> Result<Vec<Test>, String> {
        let output = Command::new(binary)
            .args(["--list", "--format", "terse"])
            .output()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(|name| Test {
                binary: binary.to_owned(),
                name: name.to_owned(),
            })
            .collect())
    }

    /// Runs it with one change on, or with none where `number` is 0.
    pub(crate) fn with(&self, source: &Path, number: u32, time_max: Duration) -> Ended {
        let mut command = command(&self.binary, &[self], source, time_max);
        command
            .env("DETENT_MUTANT", number.to_string())
            .stdout(Stdio::null());
        run(command, time_max)
    }

    /// Runs it with all changes off: how it ended, in what time, and which places it reached.
    pub(crate) fn reach(
        &self,
        source: &Path,
        file: &Path,
        time_max: Duration,
    ) -> (Ended, Duration, BTreeSet<u32>) {
        let mut command = command(&self.binary, &[self], source, time_max);
        command.env("DETENT_REACHED", file).stdout(Stdio::null());
        let start = Instant::now();
        let ended = run(command, time_max);
        let time = start.elapsed();
        let reached = fs::read_to_string(file).unwrap_or_default();
        fs::remove_file(file).ok();
        (
            ended,
            time,
            reached
                .lines()
                .filter_map(|line| line.parse().ok())
                .collect(),
        )
    }
}

/// Runs `tests`, all of one binary, with one change on, and gives those that did not pass: that failed, or that were under
/// way or still to come when the process ended. `file` is for what it prints.
pub(crate) fn together<'a>(
    tests: &[&'a Test],
    source: &Path,
    number: u32,
    time_max: Duration,
    file: &Path,
) -> Vec<&'a Test> {
    let Some(first) = tests.first() else {
        return Vec::new();
    };
    let printed = File::create(file).expect("the folder of the source can be written");
    let mut command = command(&first.binary, tests, source, time_max);
    command
        .env("DETENT_MUTANT", number.to_string())
        .stdout(printed);
    if run(command, time_max) == Ended::Passed {
        return Vec::new();
    }
    let printed = fs::read_to_string(file).unwrap_or_default();
    let passed: BTreeSet<&str> = printed
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... ok"))
        .collect();
    let failed: BTreeSet<&str> = printed
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
        .collect();
    let mut left: Vec<&Test> = tests
        .iter()
        .filter(|test| !passed.contains(&*test.name))
        .copied()
        .collect();
    left.sort_by_key(|test| !failed.contains(&*test.name));
    left
}

fn command(binary: &Path, tests: &[&Test], source: &Path, time_max: Duration) -> Command {
    let processor_time = PROCESSOR_TIME + time_max.saturating_sub(PATIENCE) / 5;
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -t \"$0\"; exec \"$@\""])
        .arg(processor_time.as_secs().to_string())
        .arg(binary)
        .args(["--exact", "--test-threads", &THREADS.to_string()])
        .args(tests.iter().map(|test| &test.name))
        // As cargo runs them. The end-to-end tests would build the workspace first, which has been done.
        .current_dir(source.join("server"))
        .env("CARGO", "true")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command
}

fn run(mut command: Command, time_max: Duration) -> Ended {
    let deadline = Instant::now() + time_max;
    let mut child = command.spawn().expect("a test binary can be run");
    let ended = loop {
        match child.try_wait().expect("the child can be asked") {
            Some(status) => break ended(status),
            None if Instant::now() > deadline => break Ended::Never,
            None => thread::sleep(LOOK),
        }
    };
    if ended != Ended::Passed {
        end(&mut child);
    }
    ended
}

fn ended(status: ExitStatus) -> Ended {
    if status.success() {
        Ended::Passed
    } else if status.signal() == Some(SIGXCPU) {
        Ended::Never
    } else {
        Ended::Failed
    }
}

/// Ends a test and what it started and has left behind.
fn end(child: &mut Child) {
    let group = format!("-{}", child.id());
    Command::new("kill")
        .args(["-KILL", "--", &group])
        .stderr(Stdio::null())
        .status()
        .ok();
    child.kill().ok();
    child.wait().ok();
}
