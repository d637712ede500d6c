//! A real Redis as a child process, behind a unix socket of its own or a port of the loopback address.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::kept_port::KeptPort;
use crate::process::Process;
use crate::{DEADLINE, wait_until};

/// A running Redis; dropping it kills it. What it has kept on its disk it has again when it is started again.
pub struct Redis {
    folder: TempDir,
    arguments: Vec<String>,
    /// Where it listens by TCP too.
    port: Option<KeptPort>,
    process: Option<Process>,
}

impl Redis {
    /// Starts one that keeps nothing on its disk, behind a socket.
    #[track_caller]
    pub fn start() -> Redis {
        Redis::with(&["--appendonly", "no"])
    }

    /// Starts one with these settings.
    #[track_caller]
    pub fn with(settings: &[&str]) -> Redis {
        Redis::on_port(None, settings)
    }

    /// Starts one that listens on a free port of the loopback address too.
    #[track_caller]
    pub fn on_free_port(settings: &[&str]) -> Redis {
        let port = KeptPort::any().expect("there is a free port");
        Redis::on_port(Some(port), settings)
    }

    /// A port for what cannot be asked to take any: this one was free a moment ago.
    #[track_caller]
    pub fn free_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        listener.local_addr().expect("it is bound").port()
    }

    #[track_caller]
    fn on_port(port: Option<KeptPort>, settings: &[&str]) -> Redis {
        let mut redis = Redis {
            folder: TempDir::new().expect("a temporary folder"),
            arguments: settings.iter().map(|&one| one.to_owned()).collect(),
            port,
            process: None,
        };
        redis.start_again();
        redis
    }

    /// Starts it again, after it was killed.
    #[track_caller]
    pub fn start_again(&mut self) {
        fs::remove_file(self.socket()).ok();
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &self.port().to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
        ]);
        command.arg("--unixsocket").arg(self.socket());
        command.arg("--dir").arg(self.folder.path());
        command.args(&self.arguments);
        self.process = Some(Process::spawn(&mut command));
        wait_until("Redis answers", || {
            self.try_ask("PING")
                .is_some_and(|answer| !answer.contains("LOADING"))
        });
    }

    /// Where its socket is.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Its port on the loopback address.
    pub fn port(&self) -> u16 {
        self.port.as_ref().map_or(0, KeptPort::port)
    }

    /// Its address as the settings of a server name it.
    pub fn url(&self) -> String {
        match self.port() {
            0 => format!("redis+unix://{}", self.socket().display()),
            port => format!("redis://127.0.0.1:{port}"),
        }
    }

    /// Asks something, such as `XLEN detent:/chat`; gives the answer's lines.
    #[track_caller]
    pub fn ask(&self, command: &str) -> String {
        self.try_ask(command)
            .unwrap_or_else(|| panic!("Redis does not answer {command}"))
    }

    fn try_ask(&self, command: &str) -> Option<String> {
        let stream = UnixStream::connect(self.socket()).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        ask(stream, command)
    }

    /// Stops it where it is: it holds its connections, and answers nothing until [`Redis::thaw`].
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        self.process = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }
}

/// A Redis as Sentinel, which watches one master by the name `mymaster` and is enough to replace it by a replica.
pub struct Sentinel {
    port: u16,
    _process: Process,
    _folder: TempDir,
}

impl Sentinel {
    /// Starts one, and waits until it knows the one replica of the master at this port of the loopback address.
    #[track_caller]
    pub fn watching(master: u16) -> Sentinel {
        let (folder, port) = (
            TempDir::new().expect("a temporary folder"),
            Redis::free_port(),
        );
        let file = folder.path().join("sentinel.conf");
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor mymaster 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 5000\n",
            folder.path().display()
        );
        fs::write(&file, settings).expect("the folder can be written");
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel");
        let sentinel = Sentinel {
            port,
            _process: Process::spawn(&mut command),
            _folder: folder,
        };
        wait_until("the Sentinel knows the replica", || {
            let told = sentinel.try_ask("SENTINEL REPLICAS mymaster");
            told.is_some_and(|told| told.contains("role-reported\n$5\nslave"))
        });
        sentinel
    }

    /// Its port on the loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn try_ask(&self, command: &str) -> Option<String> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        ask(stream, command)
    }
}

/// Asks by the form of Redis for people at a terminal; none where the connection breaks.
fn ask(mut stream: impl Read + Write, command: &str) -> Option<String> {
    // The second answer ends the first.
    stream
        .write_all(format!("{command}\r\nECHO over\r\nQUIT\r\n").as_bytes())
        .ok()?;
    let mut answer = String::new();
    for line in BufReader::new(stream).lines() {
        let line = line.ok()?;
        // A Sentinel does not know how to do that, and says so.
        if line == "over" || line.starts_with("-ERR unknown command 'ECHO'") {
            return Some(answer.trim_end_matches("$4\n").to_owned());
        }
        answer += &line;
        answer.push('\n');
    }
    // It has ended the connection: by an error before the second.
    Some(answer)
}
