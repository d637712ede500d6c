//! A proxy that runs before a server: its start, its reload, its end, and the ways through it.

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::authority::{Authority, NAME};
use super::port::Port;
use super::programs::{Place, Program, caddy, prepare};
use super::text::Text;
use super::visitor::{self, Visitor, reach, reach_by_tls};
use crate::process::Process;
use crate::{DEADLINE, Refused, Server, becomes_true, wait_until};

/// A running proxy. Dropping it ends it, and nothing else.
pub struct Front {
    program: Program,
    process: Process,
    folder: TempDir,
    authority: Authority,
    plain: Port,
    tls: Port,
    server: String,
}

impl Front {
    /// Starts `program` before `server`, with its text as it stands.
    #[track_caller]
    pub fn start(program: Program, server: &Server) -> Front {
        Front::start_with(program, server, |text| text)
    }

    /// Starts it with something else put into its text besides.
    #[track_caller]
    pub fn start_with(program: Program, server: &Server, edit: impl FnOnce(Text) -> Text) -> Front {
        Front::start_before(program, &server.address(), edit)
    }

    /// Starts it before one address of a server, with something else put into its text besides.
    #[track_caller]
    pub fn start_before(
        program: Program,
        server: &impl ToString,
        edit: impl FnOnce(Text) -> Text,
    ) -> Front {
        let folder = TempDir::new().expect("a temporary folder");
        prepare(program, folder.path());
        let authority = Authority::new(folder.path());
        let (plain, tls) = (Port::free(), Port::free());
        let server = server.to_string();
        let place = Place {
            folder: folder.path(),
            authority: &authority,
            plain: plain.address().to_string(),
            tls: tls.address().to_string(),
            server: server.clone(),
        };
        let file = program.file(folder.path());
        program.settle(edit(program.text()), &place).write(&file);
        let mut command = program.command(&file, &place);
        let notify = folder.path().join("notify");
        let notified = UnixDatagram::bind(&notify).expect("a new socket");
        // A group of its own, so that none of its processes can outlive it.
        let process = Process::spawn(command.env("NOTIFY_SOCKET", notify).process_group(0));
        if program == Program::HaProxy {
            wait_until_ready(&notified);
        }
        let mut front = Front {
            program,
            process,
            folder,
            authority,
            plain,
            tls,
            server,
        };
        front.wait_until_it_listens();
        front
    }

    #[track_caller]
    fn wait_until_it_listens(&mut self) {
        let addresses = [self.plain.address(), self.tls.address()];
        let listens = becomes_true(DEADLINE, || {
            let is_open = |address| std::net::TcpStream::connect(address).is_ok();
            self.process.has_ended() || addresses.into_iter().all(is_open)
        });
        assert!(
            listens && !self.process.has_ended(),
            "{:?} does not start:\n{}",
            self.program,
            self.log()
        );
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.process.output.text() + &self.process.log.text()
    }

    /// Where a browser finds `path`.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.host())
    }

    /// The name in the texts with the port of HTTPS.
    pub fn host(&self) -> String {
        format!("{NAME}:{}", self.tls.address().port())
    }

    /// A folder to be the home of who trusts its certificate.
    #[track_caller]
    pub fn home(&self) -> PathBuf {
        let home = self.folder.path().join("home");
        self.authority.trust_in(&home);
        home
    }

    /// Opens a WebSocket on `path` from outside.
    ///
    /// # Errors
    /// The answer is not 101.
    #[track_caller]
    pub fn visit(&self, path: &str, headers: &[(&str, &str)]) -> Result<Visitor, Refused> {
        let stream = reach_by_tls(self.tls.address(), self.authority.client());
        Visitor::over(stream, &format!("wss://{}{path}", self.host()), headers)
    }

    /// Sends a plain GET by HTTPS from outside: the status and the whole answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> (u16, String) {
        let stream = reach_by_tls(self.tls.address(), self.authority.client());
        visitor::get(stream, &self.host(), path)
    }

    /// Sends a plain GET with further header lines by HTTPS from outside, and leaves the answer to be read.
    #[track_caller]
    pub fn ask(&self, path: &str, lines: &str) -> visitor::Answer {
        let stream = reach_by_tls(self.tls.address(), self.authority.client());
        let host = self.host();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n");
        visitor::Answer::to(stream, &request)
    }

    /// Sends a plain GET by plain HTTP from outside.
    #[track_caller]
    pub fn get_plain(&self, path: &str) -> (u16, String) {
        visitor::get(reach(self.plain.address()), NAME, path)
    }

    /// Writes its text as it stands in `scripts/deploy`, and makes it read that, without waiting until
    /// it has.
    #[track_caller]
    pub fn reload_as_written(&mut self) {
        let place = Place {
            folder: self.folder.path(),
            authority: &self.authority,
            plain: self.plain.address().to_string(),
            tls: self.tls.address().to_string(),
            server: self.server.clone(),
        };
        let file = self.program.file(place.folder);
        let text = self.program.settle(self.program.text(), &place);
        text.write(&file);
        if let Some(signal) = self.program.reload_signal() {
            return self.process.signal(signal);
        }
        let output = caddy(&["reload"], &file, place.folder).output();
        let output = output.expect("caddy runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "caddy reload: {error}");
    }

    /// Opens a WebSocket on `path` as soon as the way there is open.
    #[track_caller]
    pub fn visit_when_open(&self, path: &str) -> Visitor {
        let mut visitor = None;
        wait_until("the way through the proxy is open", || {
            visitor = self.visit(path, &[]).ok();
            visitor.is_some()
        });
        visitor.expect("it was opened")
    }
}

/// Waits until the program says what it would say to systemd. HAProxy's worker serves some time before its
/// master listens to signals: one that comes in between is lost.
#[track_caller]
fn wait_until_ready(notified: &UnixDatagram) {
    notified
        .set_read_timeout(Some(DEADLINE))
        .expect("a valid timeout");
    let mut message = [0; 256];
    let mut is_ready = false;
    while !is_ready {
        let length = notified
            .recv(&mut message)
            .expect("it says that it is ready");
        is_ready = message[..length].starts_with(b"READY=1");
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.process.id().cast_signed());
        if !self.process.has_ended() {
            self.process.signal(Signal::TERM);
        }
        if !becomes_true(DEADLINE, || self.process.has_ended()) {
            let log = self.log();
            // All that it started is in its group.
            kill_process_group(group.expect("a process has an id"), Signal::KILL).ok();
            assert!(
                std::thread::panicking(),
                "{:?} does not end:\n{log}",
                self.program
            );
        }
        if std::thread::panicking() {
            #[allow(clippy::print_stderr)] // for people who read why a test failed
            {
                eprintln!("--- the log of {:?} ---\n{}", self.program, self.log());
            }
        }
    }
}

/// The commands in the README of the deployment that begin with one of `beginnings`.
pub(super) fn commands_of_readme(beginnings: &[&str]) -> Vec<String> {
    let readme = Text::of("README.md");
    let is_one = |line: &&str| beginnings.iter().any(|begin| line.starts_with(begin));
    let commands: Vec<String> = readme
        .as_str()
        .lines()
        .filter(is_one)
        .map(str::to_owned)
        .collect();
    assert!(!commands.is_empty(), "the README has no {beginnings:?}");
    commands
}
