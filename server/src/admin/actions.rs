//! What changes the server: closing clients, routes out of and into service, log levels, a reload.
//!
//! Runs on the thread of one connection of the admin listener; whatever is done here is in the log with who
//! did it.

use http::StatusCode;
use log::{LevelFilter, warn};

use super::View;
use super::clients::{self, Filter, Which};
use super::elsewhere;
use super::orders::OrderKind;
use super::query::{Query, malformed};
use crate::http::refusal::Refusal;
use crate::limits::{ADMIN_CLOSED_NAMED_MAX, CLOSE_REASON_BYTES_MAX};
use crate::outbox::cause::{Cause, POLICY};
use crate::outbox::{Kind, Outbox};

/// The paths of orders, each with the words that it takes.
pub(super) const PATHS: [(&str, &[&str]); 4] = [
    ("/kick", &["client", "address", "route", "reason"]),
    ("/route", &["path", "service"]),
    ("/log", &["level", "target"]),
    ("/reload", &[]),
];

/// Carries out what `path` stands for, in the name of `who`; gives a sentence about it.
///
/// # Errors
/// 400 where a word is missing or wrong, 404 where nobody is meant, 409 where it cannot be done.
pub(super) fn carry_out(
    view: &View,
    path: &str,
    query: &Query,
    who: &str,
) -> Result<String, Refusal> {
    match path {
        "/kick" => kick(view, query, who),
        "/route" => route(view, query, who),
        "/log" => log_level(view, query, who),
        _ => {
            warn!("admin: {who} asks for a reload");
            view.orders.give(OrderKind::Reload)
        }
    }
}

/// Closes the clients that are meant: 1008 for those that are WebSockets, others are cut off.
fn kick(view: &View, query: &Query, who: &str) -> Result<String, Refusal> {
    let filter = Filter::read(query)?;
    if filter.client.is_none() && filter.address.is_none() && filter.route.is_none() {
        let why = "say whom: `client`, `address` or `route`";
        return Err(malformed(why.to_owned()));
    }
    let reason = query.get("reason").unwrap_or("closed by the operator");
    if reason.len() > CLOSE_REASON_BYTES_MAX {
        let why = format!("`reason` has more than {CLOSE_REASON_BYTES_MAX} bytes");
        return Err(malformed(why));
    }
    if let Some(Which::Anywhere(client)) = filter.client {
        if filter.address.is_some() || filter.route.is_some() {
            let why = "a client of another host is named by `client` alone";
            return Err(malformed(why.to_owned()));
        }
        let whom = elsewhere::close(view, client, reason)?;
        warn!("admin: {who} closes {whom}: {reason}");
        return Ok("1 connection closed, on another host".to_owned());
    }
    let found = clients::find(view, &filter);
    if found.is_empty() {
        let why = "nobody is there whom that means";
        return Err(Refusal::new(StatusCode::NOT_FOUND, why));
    }
    for outbox in &found {
        close(outbox, reason);
    }
    let named = found.len().min(ADMIN_CLOSED_NAMED_MAX);
    for outbox in &found[..named] {
        warn!("admin: {who} closes {}: {reason}", outbox.name());
    }
    if found.len() > named {
        let more = found.len() - named;
        let of = filter.describe();
        warn!("admin: {who} closes {more} more, all of {of}: {reason}");
    }
    Ok(match found.len() {
        1 => "1 connection closed".to_owned(),
        many => format!("{many} connections closed"),
    })
}

fn close(outbox: &std::sync::Arc<Outbox>, reason: &str) {
    match outbox.figures().kind {
        Kind::WebSocket | Kind::EventStream | Kind::Poll => {
            outbox.close(Cause::server(POLICY, reason.to_owned()));
        }
        // There is no code to tell it.
        Kind::Plain => outbox.abort(),
    }
}

fn route(view: &View, query: &Query, who: &str) -> Result<String, Refusal> {
    let path = query
        .get("path")
        .ok_or_else(|| malformed("say which `path`".to_owned()))?;
    let is_out = match query.get("service") {
        Some("out") => true,
        Some("in") => false,
        _ => return Err(malformed("`service` is \"out\" or \"in\"".to_owned())),
    };
    let site = view.sites.current();
    let Some(route) = site.routes.by_path(path) else {
        let why = format!("there is no route {path}");
        return Err(Refusal::new(StatusCode::NOT_FOUND, why));
    };
    let word = if is_out { "out of" } else { "into" };
    if !route.hold_out(is_out) {
        return Ok(format!("route {path} was {word} service already"));
    }
    warn!("admin: {who} puts route {path} {word} service");
    Ok(match is_out {
        true => format!(
            "route {path} is out of service: it answers 503, its clients are closed with 1001"
        ),
        false => format!("route {path} is in service"),
    })
}

fn log_level(view: &View, query: &Query, who: &str) -> Result<String, Refusal> {
    let levels = "log level: write off, error, warn, info, debug or trace";
    let level = query.parse::<LevelFilter>("level", levels)?;
    let level = level.ok_or_else(|| malformed("say which `level`".to_owned()))?;
    let target = query.get("target").map(str::to_owned);
    let of = target
        .as_deref()
        .map_or(String::new(), |target| format!(" of {target}"));
    let word = level.to_string().to_ascii_lowercase();
    // Before it may be too quiet to be heard.
    warn!("admin: {who} sets the log level{of} to {word}");
    view.orders.give(OrderKind::LogLevel { target, level })
}
