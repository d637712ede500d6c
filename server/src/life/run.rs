//! One run of the server: the log, the start, the service, the stop.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use log::error;

use crate::config::{Args, Settings};
use crate::life::reload::reload;
use crate::life::server::{self, Server, StartError};
use crate::life::signals::{Signal, exit_now};
use crate::life::{service_manager, stop};
use crate::logging::Logging;

/// Exit code after a panic of a thread that the server cannot do without (`EX_SOFTWARE`).
const EXIT_BUG: u8 = 70;

/// Runs the server until a signal stops it. Blocks the main thread.
///
/// # Errors
/// It could not start; nothing is left running.
pub fn run(args: &Args, settings: &Settings) -> Result<ExitCode, StartError> {
    let logging = Logging::start(&settings.log).map_err(|error| StartError::Log {
        path: settings.log.file.clone().unwrap_or_default(),
        error,
    })?;
    log_panics();
    match server::start(settings) {
        Ok(mut server) => {
            serve(&mut server, args, &logging);
            Ok(stop::stop(server, logging))
        }
        Err(error) => {
            if settings.log.file.is_some() {
                error!("{error}");
            }
            logging.end();
            Err(error)
        }
    }
}

/// The main thread's loop: signals as they come, and a tick once a second.
fn serve(server: &mut Server, args: &Args, logging: &Logging) {
    let second = Duration::from_secs(1);
    let mut next_tick = Instant::now() + second;
    loop {
        match server.signals.inbox.recv_deadline(next_tick) {
            Ok(Signal::Reload) => {
                service_manager::reloading();
                reload(server, args, logging);
                service_manager::ready();
            }
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                next_tick += second;
                server.tick();
            }
        }
    }
}

/// A panic of a thread of ours is a bug and is told in the log. A connection's costs that client;
/// without any of the others the server only seems to run, so that it ends, to be started again.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("?");
        error!("thread {name}: {panic}: this is a bug in the server");
        if !name.starts_with("client-") {
            log::logger().flush();
            exit_now(EXIT_BUG);
        }
    }));
}
