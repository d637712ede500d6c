//! The clients of other hosts, on routes that are shared with them, and the way to close one.
//!
//! Runs on the thread of one connection of the admin listener; closing one may wait for Redis, as publishers do.

use std::time::{SystemTime, UNIX_EPOCH};

use http::StatusCode;
use serde::{Serialize, Serializer};

use super::View;
use crate::engine::Directed;
use crate::http::refusal::Refusal;
use crate::ids::Anywhere;
use crate::outbox::cause::{Cause, POLICY};

/// A client of another host, as far as that tells.
#[derive(Serialize)]
pub(super) struct Elsewhere {
    /// Its number on all hosts.
    #[serde(serialize_with = "as_text")]
    client: Anywhere,
    /// What the machine of its host is called.
    machine: String,
    address: String,
    route: String,
    /// What its plugin says there that it is called.
    label: Option<String>,
    age_seconds: u64,
}

fn as_text<S: Serializer>(client: &Anywhere, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(client)
}

/// How many fit what is asked for, by number, route and address, and so many of them at most.
pub(super) fn elsewhere(
    view: &View,
    fits: impl Fn(Anywhere, &str, &str) -> bool,
    most: usize,
) -> (usize, Vec<Elsewhere>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    let site = view.sites.current();
    let (mut found, mut listed) = (0, Vec::new());
    for route in site.routes.iter() {
        let known = route.shared().and_then(|shared| shared.elsewhere().now());
        let (Some(known), path) = (known, route.path()) else {
            continue;
        };
        for (host, of) in known.of(&path) {
            for far in &of.list.clients {
                let client = Anywhere {
                    host: host.number,
                    client: far.client,
                };
                if !fits(client, &path, &far.address) {
                    continue;
                }
                found += 1;
                if listed.len() < most {
                    listed.push(Elsewhere {
                        client,
                        machine: host.machine.to_string(),
                        address: far.address.to_string(),
                        route: path.to_string(),
                        label: (!far.label.is_empty()).then(|| far.label.to_string()),
                        age_seconds: now.saturating_sub(far.since),
                    });
                }
            }
        }
    }
    (found, listed)
}

/// Closes a client of another host with 1008; gives where it is, for the log.
///
/// # Errors
/// 404 where no host lists it on a route that is shared here too, 503 where that host cannot be told.
pub(super) fn close(view: &View, client: Anywhere, reason: &str) -> Result<String, Refusal> {
    let (_, found) = elsewhere(view, |of, _, _| of == client, 1);
    let Some(found) = found.into_iter().next() else {
        let why = format!(
            "no host lists the client {client} on a route that is shared here: ask its own host, by the number behind the `-`"
        );
        return Err(Refusal::new(StatusCode::NOT_FOUND, why));
    };
    let site = view.sites.current();
    let route = site.routes.by_path(&found.route);
    let shared = route.as_ref().and_then(|route| route.shared());
    let gone = || Refusal::new(StatusCode::NOT_FOUND, "its route has gone");
    let cause = Cause::server(POLICY, reason.to_owned());
    shared
        .ok_or_else(gone)?
        .direct(client, &Directed::Close(cause))
        .map_err(|why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string()))?;
    let Elsewhere {
        address,
        route,
        machine,
        ..
    } = found;
    Ok(format!(
        "{address}, client {client} of {machine} on {route}"
    ))
}
