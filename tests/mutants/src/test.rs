//! One test of one test binary, run in a process of its own.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// How often a running test is looked at.
const LOOK: Duration = Duration::from_millis(10);

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

    /// Runs it with one change on.
    pub(crate) fn with(&self, source: &Path, number: u32, time_max: Duration) -> Ended {
        let mut command = self.command(source);
        command.env("DETENT_MUTANT", number.to_string());
        run(command, time_max)
    }

    /// Runs it with all changes off: how it ended, in what time, and which places it reached.
    pub(crate) fn reach(
        &self,
        source: &Path,
        file: &Path,
        time_max: Duration,
    ) -> (Ended, Duration, BTreeSet<u32>) {
        let mut command = self.command(source);
        command.env("DETENT_REACHED", file);
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

    fn command(&self, source: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(["--exact", &self.name])
            // As cargo runs them. The end-to-end tests would build the workspace first, which has been done.
            .current_dir(source.join("server"))
            .env("CARGO", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        command
    }
}

fn run(mut command: Command, time_max: Duration) -> Ended {
    let deadline = Instant::now() + time_max;
    let mut child = command.spawn().expect("a test binary can be run");
    loop {
        match child.try_wait().expect("the child can be asked") {
            Some(status) if status.success() => return Ended::Passed,
            Some(_) => return Ended::Failed,
            None if Instant::now() > deadline => {
                end(&mut child);
                return Ended::Never;
            }
            None => thread::sleep(LOOK),
        }
    }
}

/// Ends a test and what it started.
fn end(child: &mut Child) {
    let group = format!("-{}", child.id());
    Command::new("kill")
        .args(["-KILL", "--", &group])
        .status()
        .ok();
    child.kill().ok();
    child.wait().ok();
}
