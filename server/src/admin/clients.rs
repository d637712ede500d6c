//! The connections one by one: who is there, what each costs, and the slow ones first.
//!
//! Runs on the thread of one connection of the admin listener.

use std::cmp::Reverse;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;

use super::View;
use super::elsewhere::{Elsewhere, elsewhere};
use super::query::Query;
use crate::counters::Exchanged;
use crate::engine::this_host;
use crate::http::refusal::Refusal;
use crate::ids::{Anywhere, ClientId, NoSuchNumber};
use crate::limits::ADMIN_CLIENTS_MAX;
use crate::outbox::{Figures, Outbox};
use crate::roster::activity::{Callback, Running};

/// What `/clients` answers.
#[derive(Serialize)]
pub(super) struct Clients {
    /// All that fit what was asked for, of which only the first may be listed.
    found: usize,
    clients: Vec<ClientFigures>,
    /// The same of other hosts, on routes that are shared.
    found_elsewhere: usize,
    elsewhere: Vec<Elsewhere>,
}

/// One connection.
#[derive(Serialize)]
struct ClientFigures {
    client: u64,
    address: String,
    /// None while it has asked for none.
    route: Option<String>,
    kind: &'static str,
    /// What its plugin says that it is called.
    label: Option<String>,
    age_seconds: f64,
    messages_in: u64,
    bytes_in: u64,
    bytes_out: u64,
    backlog_bytes: u64,
    dropped: u64,
    is_slow: bool,
    is_closing: bool,
    /// The callback that it is in, and for how many seconds about.
    callback: Option<(&'static str, u64)>,
}

/// Which connections are meant.
#[derive(Default)]
pub(super) struct Filter {
    pub(super) route: Option<String>,
    pub(super) address: Option<IpAddr>,
    pub(super) client: Option<Which>,
}

/// A client as whoever asks names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// By its number on this host.
    Here(u64),
    /// By that on all hosts.
    Anywhere(Anywhere),
}

impl FromStr for Which {
    type Err = NoSuchNumber;

    fn from_str(text: &str) -> Result<Which, NoSuchNumber> {
        match text.parse() {
            Ok(number) => Ok(Which::Here(number)),
            Err(_) => match text.parse::<Anywhere>()? {
                of if of.host == this_host() => Ok(Which::Here(of.client.0)),
                of => Ok(Which::Anywhere(of)),
            },
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Which::Here(number) => number.fmt(f),
            Which::Anywhere(of) => of.fmt(f),
        }
    }
}

impl Filter {
    /// The one that a query names.
    ///
    /// # Errors
    /// 400 where a value is no such thing.
    pub(super) fn read(query: &Query) -> Result<Filter, Refusal> {
        Ok(Filter {
            route: query.get("route").map(str::to_owned),
            address: query
                .parse::<IpAddr>("address", "IP address")?
                .map(|address| address.to_canonical()),
            client: query.parse("client", "number of a client")?,
        })
    }

    /// Who is meant, for the log.
    pub(super) fn describe(&self) -> String {
        let route = self.route.as_ref().map(|route| format!("route {route}"));
        let address = self.address.map(|address| address.to_string());
        let client = self.client.map(|client| format!("client {client}"));
        let parts: Vec<_> = [address, route, client].into_iter().flatten().collect();
        parts.join(" and ")
    }

    /// Whether a client of another host is meant.
    fn fits_elsewhere(&self, client: Anywhere, route: &str, address: &str) -> bool {
        let ip = || {
            let ip = address.parse::<SocketAddr>().map(|of| of.ip());
            ip.or_else(|_| address.parse::<IpAddr>()).ok()
        };
        self.client
            .is_none_or(|wanted| wanted == Which::Anywhere(client))
            && self.route.as_deref().is_none_or(|wanted| wanted == route)
            && self
                .address
                .is_none_or(|wanted| ip().is_some_and(|ip| ip.to_canonical() == wanted))
    }

    fn fits(&self, client: ClientId, outbox: &Outbox) -> bool {
        self.client
            .is_none_or(|wanted| wanted == Which::Here(client.0))
            && self
                .route
                .as_deref()
                .is_none_or(|wanted| outbox.route().is_some_and(|route| *route == *wanted))
            && self
                .address
                .is_none_or(|wanted| outbox.ip() == Some(wanted))
    }
}

/// The outboxes of those that are meant.
pub(super) fn find(view: &View, filter: &Filter) -> Vec<Arc<Outbox>> {
    let mut found = Vec::new();
    view.roster.for_each_connection(|client, _, outbox, _| {
        if filter.fits(client, outbox) {
            found.push(outbox.clone());
        }
    });
    found
}

/// The list that a query asks for: slow ones first, then those in a callback for long, then the oldest.
///
/// Of many thousand, no more is held at once than is listed twice over.
///
/// # Errors
/// 400 where a value is no such thing.
pub(super) fn list(view: &View, query: &Query) -> Result<Clients, Refusal> {
    let filter = Filter::read(query)?;
    let limit = query.parse("limit", "number")?.unwrap_or(ADMIN_CLIENTS_MAX);
    let limit = limit.min(ADMIN_CLIENTS_MAX);
    let (mut found, mut seen) = (0, Vec::new());
    let tick = view.roster.clock.tick();
    view.roster
        .for_each_connection(|client, _, outbox, traffic| {
            if filter.fits(client, outbox) {
                found += 1;
                let running = view.roster.activity(client).running();
                seen.push(Seen::look(
                    client,
                    outbox,
                    traffic.exchanged(),
                    running,
                    tick,
                ));
                if seen.len() > 2 * limit {
                    keep_first(&mut seen, limit);
                }
            }
        });
    keep_first(&mut seen, limit);
    let clients = seen.iter().map(ClientFigures::of).collect();
    let fits = |client, route: &str, address: &str| filter.fits_elsewhere(client, route, address);
    let (found_elsewhere, elsewhere) = elsewhere(view, fits, limit);
    Ok(Clients {
        found,
        clients,
        found_elsewhere,
        elsewhere,
    })
}

fn keep_first(seen: &mut Vec<Seen>, limit: usize) {
    seen.sort_unstable_by_key(|seen| seen.rank);
    seen.truncate(limit);
}

/// What a look at a connection has found.
struct Seen {
    rank: Rank,
    client: ClientId,
    outbox: Arc<Outbox>,
    figures: Figures,
    all: Exchanged,
    /// The callback that it is in, and for how many seconds.
    callback: Option<(Callback, u64)>,
}

/// The less, the further up: slow, backlog, dropped, seconds in a callback, number.
type Rank = (Reverse<(bool, u64, u64, u64)>, u64);

impl Seen {
    fn look(
        client: ClientId,
        outbox: &Arc<Outbox>,
        all: Exchanged,
        running: Option<Running>,
        tick: u64,
    ) -> Seen {
        let figures = outbox.figures();
        let callback = running.map(|of| (of.callback, tick.saturating_sub(of.since)));
        let seconds = callback.map_or(0, |(_, seconds)| seconds);
        let first = (figures.is_slow, figures.backlog, figures.dropped, seconds);
        Seen {
            rank: (Reverse(first), client.0),
            client,
            outbox: outbox.clone(),
            figures,
            all,
            callback,
        }
    }
}

impl ClientFigures {
    fn of(seen: &Seen) -> ClientFigures {
        let Seen {
            client,
            outbox,
            figures,
            callback,
            ..
        } = seen;
        let own = outbox.own_share(seen.all).incoming;
        ClientFigures {
            client: client.0,
            address: outbox.shown_address(),
            route: outbox.route().map(|route| route.to_string()),
            kind: figures.kind.name(),
            label: outbox.label().map(|label| label.to_string()),
            age_seconds: figures.age.as_secs_f64(),
            messages_in: own.messages,
            bytes_in: own.bytes,
            bytes_out: figures.sent,
            backlog_bytes: figures.backlog,
            dropped: figures.dropped,
            is_slow: figures.is_slow,
            is_closing: figures.is_closing,
            callback: callback.map(|(callback, seconds)| (callback.name(), seconds)),
        }
    }
}
