//! The chromedriver process and the folder that its Chromium lives in: found in `PATH`, started on a
//! free port, ended and removed on drop. It knows nothing of the protocol that is spoken with it.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const START_TIMEOUT: Duration = Duration::from_secs(30);
const STARTS_MAX: u32 = 20;
/// How it says that the port it was given is another's.
const PORT_TAKEN: &str = "port not available";
const CHROMIUM_NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

pub(super) struct Chromedriver {
    process: Child,
    port: u16,
    /// Reads the process's output to its end, so that it never blocks on a full pipe.
    reader: Option<JoinHandle<()>>,
    profile: PathBuf,
}

impl Chromedriver {
    /// Starts it and waits for the line in which it says its port, at most [`START_TIMEOUT`].
    ///
    /// It takes a free port of IPv6 and then the same of IPv4, which may be somebody else's: then it ends, and another one
    /// is started.
    #[track_caller]
    pub(super) fn start(home: Option<&Path>) -> Chromedriver {
        let mut said = String::new();
        for _ in 0..STARTS_MAX {
            match Chromedriver::try_start(home) {
                Ok(driver) => return driver,
                Err(why) => said = why,
            }
            assert!(said.contains(PORT_TAKEN), "chromedriver ended: {said}");
        }
        panic!("chromedriver found no port in {STARTS_MAX} starts: {said}");
    }

    /// # Errors
    /// It ended instead: what it said.
    #[track_caller]
    fn try_start(home: Option<&Path>) -> Result<Chromedriver, String> {
        let mut command = Command::new(find_in_path(&["chromedriver"]));
        if let Some(home) = home {
            command.env("HOME", home);
        }
        let mut process = command
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let stdout = process.stdout.take().expect("stdout is piped");
        let (sender, receiver) = mpsc::channel();
        let reader = thread::Builder::new()
            .name("chromedriver-out".to_owned())
            .spawn(move || read_output(stdout, &sender))
            .expect("a thread starts");
        let mut driver = Chromedriver {
            process,
            port: 0,
            reader: Some(reader),
            profile: profile_folder(),
        };
        driver.port = receiver
            .recv_timeout(START_TIMEOUT)
            .expect("chromedriver says its port, or ends")?;
        Ok(driver)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// An empty folder for Chromium's `--user-data-dir`.
    pub(super) fn profile(&self) -> &Path {
        &self.profile
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // Each step is tried whatever became of the one before: the test may be failing because
        // the process is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let _ = fs::remove_dir_all(&self.profile);
    }
}

/// The browser to drive.
#[track_caller]
pub(super) fn find_chromium() -> PathBuf {
    find_in_path(&CHROMIUM_NAMES)
}

/// Tells the port, or what was said until the end where there is none.
fn read_output(stdout: ChildStdout, told: &Sender<Result<u16, String>>) {
    let mut said = String::new();
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let port = line.strip_prefix("ChromeDriver was started successfully on port ");
        if let Some(port) = port.and_then(|rest| rest.trim_end_matches('.').parse().ok()) {
            // Nobody listens any more if the test gave up waiting.
            let _ = told.send(Ok(port));
        }
        said.push_str(&line);
        said.push('\n');
    }
    // Who has its port takes no notice.
    let _ = told.send(Err(said));
}

#[track_caller]
fn find_in_path(names: &[&str]) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
        .unwrap_or_else(|| {
            let names = names.join(" or ");
            panic!("{names} is not in PATH: apt-get install chromium chromium-driver")
        })
}

/// A new folder; the process's id and a count keep test processes and their tests apart.
fn profile_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("detent-browser-{}-{count}", process::id()));
    fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
    folder
}
