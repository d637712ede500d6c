//! One run of the server: the log, the start, the service, the stop.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use log::{error, info};

use crate::config::{Args, Settings};
use crate::life::reload::{reload, reopen_log};
use crate::life::server::{self, Server, StartError};
use crate::life::service_manager::Status;
use crate::life::signals::{Signal, exit_now, survive_file_size_limit};
use crate::life::{service_manager, stop};
use crate::logging::{self, Logging};
use crate::plugin;
use crate::threads::{self, be_frugal, fault_point};

/// Exit code after a panic of a thread that the server cannot do without (`EX_SOFTWARE`).
const EXIT_BUG: u8 = 70;

/// Runs the server until a signal stops it. Blocks the main thread.
///
/// # Errors
/// It could not start; nothing is left running.
pub fn run(args: &Args, settings: &Settings) -> Result<ExitCode, StartError> {
    be_frugal();
    survive_file_size_limit()?;
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

/// The main thread's loop: signals as they come, a tick once a second, and a sign of life for a service
/// manager that wants one.
fn serve(server: &mut Server, args: &Args, logging: &Logging) {
    let second = Duration::from_secs(1);
    let mut next_tick = Instant::now() + second;
    let beat = service_manager::watchdog_interval();
    let mut status = Status::default();
    server.tell(&mut status);
    loop {
        let next = beat.map_or(next_tick, |beat| next_tick.min(Instant::now() + beat));
        match server.signals.inbox.recv_deadline(next) {
            Ok(Signal::Reload) => {
                service_manager::reloading();
                status.reloaded(&reload(server, args, logging));
                service_manager::ready();
            }
            Ok(Signal::ReopenLog) => match reopen_log(logging) {
                Some(told) => info!("SIGUSR1: {told}"),
                None => info!("SIGUSR1: there is no log file to open anew"),
            },
            Ok(Signal::Unused(name)) => info!(
                "{name} asks for nothing here: SIGHUP reloads, SIGUSR1 opens the log file anew, SIGTERM \
                 stops"
            ),
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                if beat.is_some() {
                    service_manager::alive();
                }
                if Instant::now() < next_tick {
                    continue;
                }
                next_tick += second;
                fault_point("main");
                server.tick();
                server.tell(&mut status);
            }
        }
    }
}

/// A panic of the server's own code is a bug and is told in the log. What else it costs depends on the
/// thread: on a connection's its client, on a route's timers that timer's call, on a plugin's own that
/// host call; who runs there catches it. Without any of the others the server only seems to run, so that
/// it ends, to be started again by who watches over it.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        // Connection threads, and those of plugins, are not the standard library's, which names none
        // but its own.
        let (name, is_vital) = match thread.name() {
            Some(name) => (name.to_owned(), name != plugin::TIMERS_THREAD),
            None if threads::is_connection() => (kernels_name(), false),
            None => ("of a plugin's own".to_owned(), false),
        };
        let line = format!("thread {name}: {panic}: this is a bug in the server");
        error!("{line}");
        if is_vital {
            if name == logging::THREAD {
                // Nobody is left to write it.
                writeln!(io::stderr(), "{line}").ok();
            } else {
                log::logger().flush();
            }
            exit_now(EXIT_BUG);
        }
    }));
}

/// What the kernel calls this thread: at most 15 bytes.
fn kernels_name() -> String {
    rustix::thread::name().map_or_else(
        |_| "?".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}
