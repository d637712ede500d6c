//! The stop: in reverse of the start, under one deadline that nothing can hold up.

use std::process::ExitCode;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Sender, bounded};
use log::{error, info, warn};

use crate::counters::COUNTERS;
use crate::life::server::Server;
use crate::life::service_manager;
use crate::life::signals::exit_now;
use crate::limits::STOP_ABORT_DIVISOR;
use crate::logging::Logging;
use crate::logging::client_rate;
use crate::logging::refusal_log::RefusalLog;
use crate::outbox::Outbox;
use crate::outbox::cause::{Cause, GOING_AWAY};
use crate::roster::Roster;
use crate::routes::watchdog;

/// Closes every client with 1001, lets backlogs drain until the deadline, ends every thread.
/// Blocks the main thread; a thread that still sits in a plugin's code then is named and left.
pub(super) fn stop(mut server: Server, logging: Logging) -> ExitCode {
    let deadline = Instant::now() + server.settings.stop_timeout;
    service_manager::stopping();
    server.context.readiness.begin_stop();
    info!("stopping: {} connections", server.roster.connected());
    let guard = guard(deadline);
    server.listeners.end();
    // First, since an answer that a leaving client sets free has to say that it is the last.
    server.roster.for_each_outbox(Outbox::stop_http);
    let cause = Cause::server(GOING_AWAY, "server is stopping");
    server.hub.handle().farewell(&cause);

    let abort_time = server.settings.stop_timeout / STOP_ABORT_DIVISOR;
    let mut is_empty = server.roster.wait_until_empty(deadline - 2 * abort_time);
    if !is_empty {
        let left = server.roster.connected();
        warn!("{left} connections did not end in time and are cut off");
        server.roster.for_each_outbox(Outbox::abort);
        is_empty = server.roster.wait_until_empty(deadline - abort_time);
    }
    let routes = server.mounts.all();
    let timers: Vec<_> = routes
        .iter()
        .filter_map(|route| Some((route.clone(), route.end_timers()?)))
        .collect();
    let timers_ended = timers
        .into_iter()
        .all(|(_, end)| end.comes_before(deadline - abort_time / 2));
    for (who, running) in watchdog::running(&server.roster, &routes) {
        warn!(
            "not waited for: {} ({who})",
            watchdog::describe(&routes, &running)
        );
    }
    if !(is_empty && timers_ended) {
        // Instances, hub and drain may still be used by what was left behind.
        server.mounts.end_engines(deadline - abort_time / 3);
        server.mounts.end_stores(deadline - abort_time / 4);
        report(&server.context.refusals, &server.roster);
        logging.end();
        exit_now(0);
    }
    server.admin.end();
    routes.iter().for_each(|route| route.end());
    server.mounts.end_engines(deadline - abort_time / 4);
    server.hub.end();
    server.mounts.end_stores(deadline);
    server.drain.end();
    let refusals = server.context.refusals.clone();
    drop(server.context);
    // A panic of the thread has been reported by the panic hook.
    server.reaper.join().ok();
    server.signals.end();
    report(&refusals, &server.roster);
    if let Some((finished, guarding)) = guard {
        drop(finished);
        // A panic of the thread has been reported by the panic hook.
        guarding.join().ok();
    }
    logging.end();
    ExitCode::SUCCESS
}

/// The last lines: what is still to be told, and what there was in all.
fn report(refusals: &RefusalLog, roster: &Roster) {
    refusals.report_left_out();
    client_rate::report_left_out();
    info!("in all: {}", COUNTERS.totals(roster.all_traffic()));
    info!("stopped");
}

/// Ends the process at `deadline` where the main thread has not: a plugin's `destroy` that does not
/// return must not keep a service manager waiting.
fn guard(deadline: Instant) -> Option<(Sender<()>, JoinHandle<()>)> {
    let (finished, watched) = bounded::<()>(0);
    let spawned = thread::Builder::new().name("deadline".to_owned()).spawn(move || {
        let has_finished = watched.recv_deadline(deadline) != Err(crossbeam_channel::RecvTimeoutError::Timeout);
        if !has_finished {
            error!("not waited for: the main thread, which is in a plugin's destroy or waits for a thread of the server");
            log::logger().flush();
            exit_now(0);
        }
    });
    match spawned {
        Ok(thread) => Some((finished, thread)),
        Err(error) => {
            warn!("no thread to watch the stop: {error}");
            None
        }
    }
}
