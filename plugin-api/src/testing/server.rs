//! The real server with the plugin under test, for what only it has: sockets, limits, a proxy before it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A real server on a free port of this machine. It is killed when it is dropped.
///
/// ```no_run
/// # use plugin_api::testing::Server;
/// let server = Server::start();
/// // With any WebSocket client, such as tungstenite:
/// // let (mut socket, _) = tungstenite::connect(server.url("/hello")).unwrap();
/// ```
///
/// It runs the program that the variable `DETENT_SERVER` names. Where that is not set, it builds the one that lies
/// beside this crate, where there is one, or else takes `server` from `PATH`.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Kept open: the server prints to it.
    _stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    folder: PathBuf,
}

impl Server {
    /// The server with the library of the package that is tested, built now by cargo.
    ///
    /// # Panics
    /// There is no such library, or no server, or it does not start: the test fails and says why.
    #[track_caller]
    pub fn start() -> Server {
        Server::with_library(own_library(), &[])
    }

    /// The server with a library file, and with further arguments, such as `--set hello.greeting=hi`.
    ///
    /// # Panics
    /// There is no server, or it does not start: the test fails and says why.
    #[track_caller]
    pub fn with_library(library: impl AsRef<Path>, arguments: &[&str]) -> Server {
        Server::of_program(program(), library, arguments)
    }

    /// As [`with_library`](Server::with_library), by this program of the server's.
    ///
    /// # Panics
    /// It does not start: the test fails and says why.
    #[track_caller]
    pub fn of_program(
        program: impl AsRef<Path>,
        library: impl AsRef<Path>,
        arguments: &[&str],
    ) -> Server {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("detent-testing-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let library = library.as_ref();
        let copied = std::fs::create_dir(&folder).and_then(|()| {
            let to = folder.join(library.file_name().unwrap_or_default());
            std::fs::copy(library, to)
        });
        if let Err(error) = copied {
            panic!("{} is not there to be served: {error}", library.display());
        }
        let program = program.as_ref();
        let mut process = Command::new(program)
            .arg("--plugins")
            .arg(&folder)
            .args(["--listen", "127.0.0.1:0", "--strict"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let stdout = process.stdout.take().expect("it is a pipe");
        let mut stdout = BufReader::new(stdout);
        let Some(address) = listening_on(&mut stdout) else {
            let mut said = String::new();
            if let Some(mut stderr) = process.stderr.take() {
                // What cannot be read is not shown.
                stderr.read_to_string(&mut said).ok();
            }
            process.wait().ok();
            std::fs::remove_dir_all(&folder).ok();
            panic!("the server does not start:\n{said}");
        };
        drain(&mut process);
        Server {
            process,
            _stdout: stdout,
            address,
            folder,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A path of it for a WebSocket client: `ws://127.0.0.1:40417/hello`.
    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and what is left in the temporary folder harms nobody.
        self.process.kill().ok();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Shows the server's log in the output of the test, and keeps its pipe from filling; ends with the server.
fn drain(process: &mut Child) {
    let Some(stderr) = process.stderr.take() else {
        return;
    };
    let name = "log of the server".to_owned();
    let thread = std::thread::Builder::new().name(name);
    let spawned = thread.spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            show(&line);
        }
    });
    spawned.expect("a test can start a thread");
}

#[allow(
    clippy::print_stderr,
    reason = "the thread is not the test's, so that only this reaches who runs it"
)]
fn show(line: &str) {
    eprintln!("{line}");
}

/// Reads the lines of the start; none where the server ends before it listens.
fn listening_on(stdout: &mut BufReader<ChildStdout>) -> Option<SocketAddr> {
    let mut lines = stdout.lines().map_while(Result::ok);
    lines.find_map(|line| line.strip_prefix("listening on ")?.parse().ok())
}

/// Runs cargo and gives the file that a `key` of its messages names, where its name ends so.
fn built(folder: &Path, arguments: &[&str], key: &str, end: &str) -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(folder)
        .args(["build", "--quiet", "--message-format=json"])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .ok()?;
    let manifest = folder.join("Cargo.toml");
    let messages = String::from_utf8_lossy(&output.stdout);
    messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_of_folder = message["manifest_path"].as_str() == manifest.to_str();
        let files = match &message[key] {
            serde_json::Value::Array(files) => files.clone(),
            file => vec![file.clone()],
        };
        let mut files = files.iter().filter_map(serde_json::Value::as_str);
        let found = files.find(|file| file.ends_with(end))?;
        is_of_folder.then(|| PathBuf::from(found))
    })
}

/// The library of the package whose test this is: cargo builds it for no test by itself.
#[track_caller]
fn own_library() -> PathBuf {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let folder = folder.expect("run the test by `cargo test`, which says where its package is");
    built(&folder, &["--lib"], "filenames", ".so").unwrap_or_else(|| {
        panic!(
            "{} gives no library: crate-type = [\"cdylib\"] under [lib] in its Cargo.toml?",
            folder.display()
        )
    })
}

fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("DETENT_SERVER") {
        return named.into();
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server");
    let built = beside
        .canonicalize()
        .ok()
        .and_then(|folder| built(&folder, &["--bin", "server"], "executable", "/server"));
    built.unwrap_or_else(|| "server".into())
}
