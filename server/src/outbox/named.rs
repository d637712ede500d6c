//! Who a client is in what is logged and counted: its number, its address, its route.

use std::fmt::Display;
use std::sync::Arc;

use super::Outbox;
use crate::counters::RouteCounts;
use crate::ids::ClientId;
use crate::logging::Address;
use crate::logging::about::About;

/// The route that a client is on.
pub(super) struct Place {
    pub(super) path: Arc<str>,
    pub(super) counts: Arc<RouteCounts>,
}

impl Outbox {
    /// Names the client's address in what is logged about it; where a proxy speaks for it, not the
    /// proxy's.
    pub fn set_address(&self, address: Address) {
        self.address.get_or_init(|| address);
    }

    /// Its client is on a route: named in what is logged about it, and with `counts` of its own.
    pub fn set_route(&self, path: Arc<str>, counts: Arc<RouteCounts>) {
        self.place.get_or_init(|| Place { path, counts });
    }

    /// Whether this is the outbox of `client`.
    pub fn is_of(&self, client: ClientId) -> bool {
        self.client == Some(client)
    }

    /// The client as the log's fields have it.
    pub(super) fn about(&self) -> About<'_> {
        About {
            client: self.client,
            route: self.place.get().map(|place| &*place.path),
            address: self.address.get().map(|address| &**address as &dyn Display),
            ..About::default()
        }
    }

    /// The client as the log names it: `203.0.113.7 client 3 on /chat`.
    pub fn name(&self) -> String {
        let place = self.place.get();
        let route = place.map_or("a handshake", |place| &place.path);
        match self.client {
            Some(client) => {
                let address = self.address.get();
                let address = address.map_or(&"-" as &dyn Display, |address| &**address);
                format!("{address} client {client} on {route}")
            }
            None => "a refused connection".to_owned(),
        }
    }
}
