//! What a server is started with: its plugins folder, its arguments, the limits of its process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Finished, Process};
use crate::{Server, artifacts, by_tls, lone_user};

/// The configuration file, beside the plugins folder.
pub(crate) const CONFIGURATION: &str = "detent.toml";
/// Says when a silent client is asked whether it is there.
const PINGS: &str = "--ping-interval";

/// Lines of the table `[client]` for a test with a client that is slow on purpose: on a busy machine it takes longer than
/// the default `write_timeout` to fill the sockets on the way to it, and than the default `close_timeout` to read all of
/// that.
pub const PATIENT: &str = "write_timeout = \"10m\"\nclose_timeout = \"10m\"\n";

/// What a server is started with.
pub struct Setup {
    folder: TempDir,
    arguments: Vec<String>,
    shell: Option<String>,
    /// The user that the server runs as; none for ours.
    user: Option<u32>,
    /// The command line says where to listen.
    has_listen: bool,
    /// The command line names the plugins folder.
    has_plugins: bool,
    /// Silent clients are asked whether they are there.
    has_pings: bool,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup::new()
    }
}

impl Setup {
    /// A server without plugins on a free port of the loopback address.
    pub fn new() -> Setup {
        let folder = TempDir::new().expect("a temporary folder");
        fs::create_dir(folder.path().join("plugins")).expect("a folder in it");
        Setup {
            folder,
            arguments: Vec::new(),
            shell: None,
            user: None,
            has_listen: true,
            has_plugins: true,
            has_pings: false,
        }
    }

    /// Gives the server a configuration file, which [`Server::configure`] replaces.
    pub fn configuration(mut self, text: &str) -> Setup {
        let file = self.folder().join(CONFIGURATION);
        let text = by_tls::configured(text, self.folder());
        fs::write(&file, text).expect("the folder can be written");
        let file = file.to_str().expect("temporary folders have plain names");
        self.arguments
            .extend(["--config".to_owned(), file.to_owned()]);
        self
    }

    /// Leaves it to the configuration file where to listen.
    pub fn listens_as_configured(mut self) -> Setup {
        self.has_listen = false;
        self
    }

    /// Leaves it to the configuration file to name the plugins folder.
    pub fn plugins_as_configured(mut self) -> Setup {
        self.has_plugins = false;
        self
    }

    /// Leaves it to the configuration when a silent client is asked whether it is there. Without this, and
    /// without an argument of the test's own, none ever is: a ping sends what lies in the outbox, and with
    /// it what the server forgot to send.
    pub fn with_pings(mut self) -> Setup {
        self.has_pings = true;
        self
    }

    /// Puts plugins of the workspace into the plugins folder.
    pub fn plugins(self, names: &[&str]) -> Setup {
        for name in names {
            let from = artifacts::library(name);
            let to = self
                .plugins_folder()
                .join(from.file_name().expect("a library has a name"));
            fs::copy(&from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        }
        self
    }

    /// Puts a file of these bytes into the plugins folder.
    pub fn file(self, name: &str, bytes: &[u8]) -> Setup {
        fs::write(self.plugins_folder().join(name), bytes).expect("the folder can be written");
        self
    }

    /// Puts a file beside the configuration that may be read by whom `mode` says: secrets are not taken from one that
    /// anybody may read.
    pub fn private(self, name: &str, text: &str, mode: u32) -> Setup {
        let file = self.folder().join(name);
        fs::write(&file, text).expect("the folder can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
        self
    }

    /// Adds arguments.
    pub fn arguments(mut self, arguments: &[&str]) -> Setup {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Lets a shell run `line`, such as `ulimit -n 100`, before it becomes the server.
    pub fn after_shell(mut self, line: &str) -> Setup {
        self.shell = Some(line.to_owned());
        self
    }

    /// Lets the server run as a user as whom nothing else runs, so that limits of a user hold for it
    /// alone. Only root can: such a test needs the feature `root`.
    #[track_caller]
    pub fn as_lone_user(mut self) -> Setup {
        self.user = Some(lone_user::find());
        self
    }

    /// The folder that the server loads plugins from.
    pub fn plugins_folder(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// A folder that lives as long as the server, for log files and the like.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server and waits until it listens.
    #[track_caller]
    pub fn start(self) -> Server {
        let is_configured = self.folder().join(CONFIGURATION).exists();
        Server::start_with(match by_tls::is_on() && !is_configured {
            true => self.configuration(""),
            false => self,
        })
    }

    /// Runs the server until it ends by itself.
    #[track_caller]
    pub fn run(self) -> Finished {
        Process::spawn(&mut self.command("127.0.0.1:0")).finish()
    }

    /// The user that the server runs as; none for ours.
    pub(crate) fn user(&self) -> Option<u32> {
        self.user
    }

    /// The command that starts the server on a free port, for a test that gives it other ends than pipes.
    pub fn bare_command(&self) -> Command {
        self.command("127.0.0.1:0")
    }

    /// The command that starts the server on `address`.
    pub(crate) fn command(&self, address: &str) -> Command {
        let program = self.user.map_or_else(artifacts::server, |user| {
            lone_user::move_in(user, self.folder())
        });
        let mut command = match &self.shell {
            None => Command::new(program),
            Some(line) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!(r#"{line} && exec "$0" "$@""#));
                shell.arg(program);
                shell
            }
        };
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        if self.has_plugins {
            command.arg("--plugins").arg(self.plugins_folder());
        }
        command.args(&self.arguments);
        if self.has_listen {
            command.args(["--listen", address]);
        }
        if !self.has_pings && !self.arguments.iter().any(|argument| argument == PINGS) {
            command.args([PINGS, "0s"]);
        }
        command
    }
}

/// Runs the server's binary with these arguments and no others, until it ends by itself.
#[track_caller]
pub fn run_server(arguments: &[&str]) -> Finished {
    Process::spawn(Command::new(artifacts::server()).args(arguments)).finish()
}
