//! What is measured: each server is a small description of how it is built, started and named.

mod bare;
mod detent;
mod peers;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::loads::Ability;
use crate::process::Process;
use crate::secured::Identity;

pub use peers::Missing;

/// What a server is in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// Detent, of this or another revision.
    Detent,
    /// A limit.
    Bare,
    /// Somebody else's.
    Peer,
}

/// A server that is ready to be started.
pub struct Server {
    /// Its name on the command line and in the table.
    pub name: String,
    /// What it is made of, versions included.
    pub version: String,
    /// Its part in the comparison.
    pub kind: Kind,
    /// What it can do.
    pub abilities: &'static [Ability],
    /// More clients than these it cannot take.
    pub clients_max: usize,
    program: OsString,
    arguments: Vec<OsString>,
    /// Instead of those, where it is to speak TLS.
    secured: Option<Vec<OsString>>,
    /// What makes it keep some rooms in a file, and tell its metrics on a socket.
    filing: Option<Filing>,
}

/// See [`Server::start_filing`].
#[derive(Clone)]
struct Filing {
    arguments: Vec<OsString>,
    metrics: PathBuf,
}

/// Where things lie.
pub struct Folders {
    /// The repository.
    pub root: PathBuf,
    /// For everything that is built or written on the way.
    pub work: PathBuf,
    /// Where cargo put this program, the bare servers and the plugins of the benchmark.
    pub built: PathBuf,
    /// What every server shows by TLS.
    pub identity: Identity,
}

impl Server {
    /// The same with further arguments.
    pub fn with_arguments(&self, more: impl IntoIterator<Item = OsString>) -> Server {
        Server {
            name: self.name.clone(),
            version: self.version.clone(),
            program: self.program.clone(),
            arguments: self.arguments.iter().cloned().chain(more).collect(),
            secured: self.secured.clone(),
            filing: self.filing.clone(),
            ..*self
        }
    }

    /// Starts it; what it says on stderr goes into a file that an error names.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(&self, folders: &Folders) -> Result<Process, String> {
        self.start_under(folders, &[])
    }

    /// Starts it with some rooms in a file, and says on which socket it tells its metrics.
    ///
    /// # Errors
    /// It does not do this, or does not start.
    pub fn start_filing(&self, folders: &Folders) -> Result<(Process, PathBuf), String> {
        let filing = self.filing.as_ref().ok_or("no journals in files")?;
        let arguments = [self.arguments.as_slice(), &filing.arguments].concat();
        let process = self.start_with(folders, &[], &arguments)?;
        Ok((process, filing.metrics.clone()))
    }

    /// Starts it so that it speaks TLS, and nothing else.
    ///
    /// # Errors
    /// It does not do this, or does not start.
    pub fn start_secured(&self, folders: &Folders) -> Result<Process, String> {
        let arguments = self.secured.as_ref().ok_or("no TLS")?;
        self.start_with(folders, &[], arguments)
    }

    /// As [`Server::start`], with a program and its arguments before it, such as valgrind.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_under(&self, folders: &Folders, wrapper: &[OsString]) -> Result<Process, String> {
        self.start_with(folders, wrapper, &self.arguments)
    }

    fn start_with(
        &self,
        folders: &Folders,
        wrapper: &[OsString],
        arguments: &[OsString],
    ) -> Result<Process, String> {
        let logs = folders.work.join("logs");
        fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))?;
        let path = logs.join(format!("{}.log", self.name));
        let log = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let words = wrapper.iter().chain([&self.program]).chain(arguments);
        let mut words = words.cloned();
        let mut command = Command::new(words.next().ok_or("no program")?);
        command.args(words).stderr(Stdio::from(log));
        Process::start(command).map_err(|error| format!("{error}; see {}", path.display()))
    }
}

/// Detent as it is here, as it was at each revision of `against`, and the two bare servers.
///
/// # Errors
/// One of them cannot be built.
pub fn own(folders: &Folders, against: &[String]) -> Result<Vec<Server>, String> {
    let mut servers = vec![
        detent::here(folders)?,
        bare::epoll(folders),
        bare::threads(folders),
    ];
    for revision in against {
        servers.push(detent::at(folders, revision)?);
    }
    Ok(servers)
}

/// All peers that this machine has, and what is missing for the others.
pub fn peers(folders: &Folders, install: bool) -> (Vec<Server>, Vec<Missing>) {
    peers::prepare(folders, install)
}

/// Runs a command; what it says on stderr is shown as it comes.
///
/// # Errors
/// It cannot be run or fails; the text names it.
fn run(command: &mut Command) -> Result<String, String> {
    let name = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Copies one file, and makes its folder.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error| format!("{} to {}: {error}", from.display(), to.display());
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::copy(from, to).map(drop).map_err(failed)
}
