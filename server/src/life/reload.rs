//! SIGHUP: new settings and changed libraries take effect, all that concerns the settings or nothing of it.
//!
//! Main thread. First everything is read, checked, bound and opened that could fail; then it is put
//! into force. The log file is opened anew in any case, since a log rotation waits for it.

use log::{error, info, warn};

use crate::config::{Args, Settings};
use crate::connection::bounds;
use crate::entrance::listeners::Bound;
use crate::entrance::listening::ListeningSocket;
use crate::entrance::secured::Renewed;
use crate::entrance::socket_file::Granted;
use crate::life::admin;
use crate::life::server::Server;
use crate::logging::{LogSettings, Logging, Output};
use crate::routes::mounts::Reloaded;

/// What could fail, done and not yet in force.
struct Prepared {
    settings: Settings,
    bound: Bound,
    renewed: Renewed,
    granted: Vec<Granted>,
    bound_admin: Option<ListeningSocket>,
    output: Option<Output>,
}

/// Reloads, and tells in one line what has changed; gives that too.
///
/// # Errors
/// What was wrong; everything is as before.
pub(crate) fn reload(
    server: &mut Server,
    args: &Args,
    logging: &Logging,
) -> Result<Reloaded, String> {
    let outcome =
        prepare(server, args, logging).and_then(|prepared| commit(server, prepared, logging));
    // The status first: who reads the line finds it there.
    match outcome {
        Ok(reloaded) => {
            server.admin.note_reload(&Ok(reloaded.to_string()));
            info!("reload done: {reloaded}");
            Ok(reloaded)
        }
        Err(problems) => {
            let first = problems.first().map_or("", String::as_str);
            let told = match problems.len() {
                0 | 1 => format!("refused, {first}"),
                many => format!("refused, {first} and {} more, see the log", many - 1),
            };
            server.admin.note_reload(&Err(told.clone()));
            for problem in &problems {
                error!("reload: {problem}");
            }
            reopen_log(logging);
            warn!("reload done: given up, everything is as before");
            Err(told)
        }
    }
}

fn prepare(server: &Server, args: &Args, logging: &Logging) -> Result<Prepared, Vec<String>> {
    let mut settings = Settings::load(args).map_err(|problems| {
        problems
            .to_string()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    })?;
    let restart = server.settings.changes(&settings).restart;
    if !restart.is_empty() {
        warn!("reload: these need a restart: {}", restart.join(", "));
        settings.plugins = server.settings.plugins.clone();
        settings.state_dir = server.settings.state_dir.clone();
        settings.is_strict = server.settings.is_strict;
        settings.redis = server.settings.redis.clone();
        keep_shared(&server.settings, &mut settings)?;
    }
    let bound = server.listeners.bind(&settings.all_listeners());
    let bound = bound.map_err(|error| vec![error.to_string()])?;
    let renewed = server.listeners.renew(&settings.all_listeners());
    let renewed = renewed.map_err(|error| vec![error.to_string()])?;
    let granted = server.listeners.grant(&settings.all_listeners());
    let mut granted = granted.map_err(|error| vec![error.to_string()])?;
    let to_admin = server.admin.grant(&settings);
    granted.extend(to_admin.map_err(|error| vec![error.to_string()])?);
    let bound_admin = admin::bind(Some(&server.settings), &settings);
    let bound_admin = bound_admin.map_err(|error| vec![error.to_string()])?;
    let output = logging.open(&settings.log).map_err(|error| {
        let path = settings.log.file.clone().unwrap_or_default();
        vec![format!("log file {}: {error}", path.display())]
    })?;
    Ok(Prepared {
        settings,
        bound,
        renewed,
        granted,
        bound_admin,
        output,
    })
}

/// Routes stay shared, or this host's alone, as they are; one that is new may be shared where the server has begun with Redis.
fn keep_shared(before: &Settings, settings: &mut Settings) -> Result<(), Vec<String>> {
    for route in &mut settings.routes {
        let mut old = before.routes.iter();
        let old = old.find(|old| old.path == route.path && old.plugin == route.plugin);
        match old {
            Some(old) => {
                route.is_shared = old.is_shared;
                route.when_away = old.when_away;
            }
            None if route.is_shared && settings.redis.is_none() => {
                let path = &route.path;
                return Err(vec![format!(
                    "route {path}: shared: the server was started without [redis]: restart it"
                )]);
            }
            None => {}
        }
    }
    Ok(())
}

fn commit(
    server: &mut Server,
    prepared: Prepared,
    logging: &Logging,
) -> Result<Reloaded, Vec<String>> {
    let Prepared {
        settings,
        bound,
        renewed,
        granted,
        bound_admin,
        output,
    } = prepared;
    // The last that can fail, and it changes nothing where it does.
    let Reloaded {
        changes: mounted,
        unusable,
    } = server.mounts.reload(&server.settings, &settings)?;
    let mut changes = server.settings.changes(&settings).reloadable;
    changes.retain(|name| !mounted.iter().any(|told| tells_all_of(told, name)));
    if output.is_none() {
        changes.extend(reopen_log(logging));
    }
    logging.apply(&settings.log, output);
    let levels = |of: &LogSettings| (of.level, of.levels.clone());
    if levels(&settings.log) != levels(&server.settings.log) {
        server.mounts.tell_log_levels();
    }
    server.limit(&settings.limits);
    for route in server.mounts.sites().current().routes.mounted() {
        let bounds = bounds(&route.client);
        server
            .roster
            .for_each_outbox_of(route.route.id(), |outbox| outbox.set_bounds(bounds));
    }
    match server.listeners.add(bound) {
        Ok(added) => changes.extend(added.iter().map(ToString::to_string)),
        Err(error) => error!("reload: cannot accept connections: {error}"),
    }
    granted.into_iter().for_each(Granted::keep);
    for refused in &renewed.refused {
        error!("reload: {refused}");
    }
    if !renewed.refused.is_empty() {
        changes.push("a certificate cannot be used, see above".to_owned());
    }
    changes.extend(server.listeners.secure(renewed));
    let ended = server.listeners.keep(&settings.all_listeners());
    changes.extend(
        ended
            .iter()
            .map(|address| format!("no longer listening on {address}")),
    );
    server.certificates.report(&server.listeners, &server.admin);
    match server.admin.apply(&settings, bound_admin) {
        Ok(told) => changes.extend(told),
        Err(error) => error!("reload: no admin listener: {error}"),
    }
    changes.extend(mounted);
    server.settings = settings;
    Ok(Reloaded { changes, unusable })
}

/// Whether `told` says of the route `name` that it came or went, so that its name alone adds nothing.
fn tells_all_of(told: &str, name: &str) -> bool {
    matches!(told.strip_prefix(name), Some(" added" | " removed"))
}

/// After a log rotation has moved the file away.
pub(crate) fn reopen_log(logging: &Logging) -> Option<String> {
    match logging.reopen() {
        Ok(path) => path.map(|path| format!("log file {} opened anew", path.display())),
        Err(error) => {
            error!("log file: {error}; the old one stays");
            None
        }
    }
}
