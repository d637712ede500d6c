//! What stands between several hosts: Redis, of this machine's package.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Folders, run};
use crate::process::Process;

/// Commands of `redis-benchmark` that are told apart well enough.
const REQUESTS: u32 = 50_000;
/// Those who ask at once, each waiting for its answer.
const CLIENTS: u32 = 16;

/// Starts it, empty.
///
/// # Errors
/// It is not here, or does not start.
pub(super) fn start(folders: &Folders) -> Result<Process, String> {
    let found = Command::new("redis-server")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    found.map_err(|_| "no redis-server; apt-get install redis-server")?;
    let mut command = Command::new(folders.root.join("tests/bench/peers/redis/start.sh"));
    command
        .arg(folders.redis_port.to_string())
        .arg(folders.work.join("redis"));
    command.stderr(Stdio::null());
    Process::start(command)
}

/// What Redis itself takes for a command that puts a message of `bytes` bytes into a stream, and for one that reads it, as its
/// own `redis-benchmark` asks.
///
/// # Errors
/// It does not answer.
pub fn cost_of_stream(redis: &Process, bytes: usize) -> Result<(Duration, Duration), String> {
    let payload = "x".repeat(bytes);
    let put = ["XADD", "bench", "MAXLEN", "~", "10000", "*", "p", &payload];
    let read = ["XREAD", "COUNT", "1", "STREAMS", "bench", "0"];
    let cost = |command: &[&str]| {
        let before = redis.cpu()?;
        run(Command::new("redis-benchmark")
            .args(["-p", &redis.address().port().to_string()])
            .args([
                "-n",
                &REQUESTS.to_string(),
                "-c",
                &CLIENTS.to_string(),
                "-q",
            ])
            .args(command))?;
        Ok::<_, String>((redis.cpu()? - before) / REQUESTS)
    };
    Ok((cost(&put)?, cost(&read)?))
}
