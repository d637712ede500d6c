//! One run of the server: the log, the start, the service, the stop.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, select_biased};
use log::{error, info};

use crate::admin::{self, Order, OrderKind};
use crate::config::{Args, Settings};
use crate::entrance::passed::Passed;
use crate::life::reload::{reload, reopen_log};
use crate::life::server::{self, Server, StartError};
use crate::life::service_manager::Status;
use crate::life::signals::{Signal, exit_now, survive_file_size_limit};
use crate::life::watch::{self, Watch};
use crate::life::{service_manager, stop};
use crate::logging::{self, Logging};
use crate::plugin;
use crate::roster::activity::Activity;
use crate::routes::mounts::Reloaded;
use crate::threads::{self, be_frugal, crash, fault_point};

/// Exit code after a panic of a thread that the server cannot do without (`EX_SOFTWARE`).
const EXIT_BUG: u8 = 70;

/// Runs the server until a signal stops it. Blocks the main thread.
///
/// # Errors
/// It could not start; nothing is left running.
pub fn run(args: &Args, settings: &Settings) -> Result<ExitCode, StartError> {
    // Before anything is opened: where fewer were passed than is said, the numbers of the others are ours.
    let passed = Passed::take();
    be_frugal();
    survive_file_size_limit()?;
    let logging = Logging::start(&settings.log).map_err(|error| StartError::Log {
        path: settings.log.file.clone().unwrap_or_default(),
        error,
    })?;
    log_panics();
    crash::install(|word| {
        Activity::decode(word).map(|running| (running.route.0, running.callback.name()))
    })?;
    let mut watch = args.watch.then(|| Watch::new(settings));
    let passed = passed.map_err(StartError::from);
    match passed.and_then(|passed| server::start(settings, passed)) {
        Ok(mut server) => {
            serve(&mut server, args, &logging, watch.as_mut());
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
fn serve(server: &mut Server, args: &Args, logging: &Logging, mut watch: Option<&mut Watch>) {
    let second = Duration::from_secs(1);
    let mut next_tick = Instant::now() + second;
    let beat = service_manager::watchdog_interval();
    let mut status = Status::default();
    server.notify_manager(&mut status);
    // When the clients are closed, once there was a signal to stop.
    let mut stop_at = None;
    while stop_at.is_none_or(|at| Instant::now() < at) {
        let next = beat.map_or(next_tick, |beat| next_tick.min(Instant::now() + beat));
        let next = stop_at.map_or(next, |at| next.min(at));
        let look = watch.as_ref().map(|watch| watch.next_look());
        let next = look.map_or(next, |look| next.min(look));
        match next_task(server, next) {
            Ok(Task::Order(order)) => {
                let outcome = match order.kind {
                    OrderKind::Reload => {
                        let outcome = reload_and_tell(server, args, logging, &mut status);
                        outcome.map(|reloaded| reloaded.to_string())
                    }
                    OrderKind::LogLevel { target, level } => {
                        server.set_log_level(logging, target, level)
                    }
                };
                // Who has asked may have left.
                order.reply.try_send(outcome).ok();
            }
            Ok(Task::Signal(signal)) => match signal {
                Signal::Reload => {
                    // What was wrong stands in the log.
                    reload_and_tell(server, args, logging, &mut status).ok();
                }
                Signal::ReopenLog => match reopen_log(logging) {
                    Some(told) => info!("SIGUSR1: {told}"),
                    None => info!("SIGUSR1: there is no log file to open anew"),
                },
                Signal::Unused(name) => info!(
                    "{name} asks for nothing here: SIGHUP reloads, SIGUSR1 opens the log file anew, SIGTERM \
                 stops"
                ),
                Signal::Stop => {
                    stop_at = Some(Instant::now() + server.settings.stop_delay);
                    server.announce_stop();
                }
            },
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                if beat.is_some() {
                    service_manager::alive();
                }
                let arrivals = watch.as_mut().map_or_else(Vec::new, |watch| watch.look());
                if !arrivals.is_empty() {
                    let outcome = reload_and_tell(server, args, logging, &mut status);
                    watch::log_outcome(&arrivals, &outcome);
                }
                if Instant::now() < next_tick {
                    continue;
                }
                next_tick += second;
                fault_point("main");
                server.tick();
                server.notify_manager(&mut status);
            }
        }
    }
}

/// What the main thread does next.
enum Task {
    Signal(Signal),
    Order(Order),
}

/// The next task; blocks until `deadline` at most.
fn next_task(server: &Server, deadline: Instant) -> Result<Task, RecvTimeoutError> {
    let wait = deadline.saturating_duration_since(Instant::now());
    select_biased! {
        recv(server.signals.inbox) -> signal => match signal {
            Ok(signal) => Ok(Task::Signal(signal)),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        },
        recv(server.admin.orders) -> order => match order {
            Ok(order) => Ok(Task::Order(order)),
            // The view holds the other end as long as the server does.
            Err(_) => Err(RecvTimeoutError::Disconnected),
        },
        default(wait) => Err(RecvTimeoutError::Timeout),
    }
}

/// Reloads, and tells the service manager that it does and how it went.
fn reload_and_tell(
    server: &mut Server,
    args: &Args,
    logging: &Logging,
    status: &mut Status,
) -> Result<Reloaded, String> {
    service_manager::reloading();
    let outcome = reload(server, args, logging);
    match &outcome {
        Ok(reloaded) => status.reloaded(&reloaded.to_string()),
        Err(told) => status.reloaded(told),
    }
    service_manager::ready();
    outcome
}

/// A panic of the server's own code is a bug and is told in the log. What else it costs depends on the thread: on a
/// connection's its client, on a route's timers that timer's call, on a plugin's own that host call, on one of the admin
/// listener's an answer; who runs there catches it. Without any of the others the server only seems to run, so that it ends,
/// to be started again by who watches over it.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        // Connection threads, and those of plugins, are not the standard library's, which names none
        // but its own.
        let (name, is_vital) = match thread.name() {
            Some(name) => {
                let is_vital =
                    name != plugin::TIMERS_THREAD && !name.starts_with(admin::CONNECTION_THREADS);
                (name.to_owned(), is_vital)
            }
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
