//! What is measured: each server is a small description of how it is built, started and named.

mod bare;
mod detent;
mod peers;
mod redis;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::loads::Ability;
use crate::process::Process;
use crate::secured::Identity;
use crate::swarm::Protocol;

pub use peers::Missing;
pub use redis::cost_of_stream;

/// Servers that share what is published.
pub const HOSTS: usize = 2;

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
    /// The same for each of two that share what is published by a Redis on [`Folders::redis_port`].
    sharing: Option<[Vec<OsString>; HOSTS]>,
    /// What its WebSockets speak.
    pub protocol: Protocol,
    /// What makes it keep some rooms in a file, and tell its metrics on a socket.
    filing: Option<Filing>,
}

/// See [`Server::start_filing`].
#[derive(Clone)]
struct Filing {
    arguments: Vec<OsString>,
    metrics: PathBuf,
}

/// Hosts that share what is published, and what stands between them.
pub struct Group {
    /// All alike.
    pub hosts: Vec<Process>,
    /// What they share by.
    pub redis: Process,
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
    /// Where Redis listens in the loads that need it: its port is free, and nobody else takes ports here.
    pub redis_port: u16,
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
            sharing: self.sharing.clone(),
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

    /// Starts Redis, empty, and hosts that share by it.
    ///
    /// # Errors
    /// It does not do this, or one of them does not start.
    pub fn start_sharing(&self, folders: &Folders) -> Result<Group, String> {
        let sharing = self.sharing.as_ref().ok_or("no sharing")?;
        let redis = redis::start(folders)?;
        let hosts = sharing.iter().enumerate().map(|(number, arguments)| {
            let name = format!("{}-{number}", self.name);
            self.start_as(folders, &name, &[], arguments)
        });
        Ok(Group {
            hosts: hosts.collect::<Result<_, _>>()?,
            redis,
        })
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
        self.start_as(folders, &self.name, wrapper, arguments)
    }

    fn start_as(
        &self,
        folders: &Folders,
        name: &str,
        wrapper: &[OsString],
        arguments: &[OsString],
    ) -> Result<Process, String> {
        let logs = folders.work.join("logs");
        fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))?;
        let path = logs.join(format!("{name}.log"));
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

/// Some servers take no port 0; this one is free now, and nobody else takes ports here.
///
/// # Errors
/// The kernel's.
pub fn free_port() -> Result<u16, String> {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|of| of.local_addr());
    Ok(free.map_err(|error| error.to_string())?.port())
}
