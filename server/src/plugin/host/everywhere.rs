//! The calls of a plugin about its route on all hosts that share it.
//!
//! Any thread. What other hosts have is known already; what is said to a client of another goes the way of what is said to
//! all.

use plugin_api::abi::{ClientEverywhere, EXHAUSTED, GONE, INVALID, LATER, Status};

use super::{RouteHost, opcode};
use crate::engine::{Directed, Shared, this_host};
use crate::hub::Audience;
use crate::ids::{Anywhere, ClientId, HostNumber};
use crate::limits::{CLOSE_REASON_BYTES_MAX, LISTED_MAX};
use crate::outbox::cause::{self, Cause};

/// The methods do what the ABI says of the call of their name; an error is the status to answer with.
impl RouteHost {
    pub(super) fn is_shared(&self) -> bool {
        self.outgoing.shared().is_some()
    }

    pub(super) fn count_everywhere(&self) -> Result<u64, Status> {
        let own = self.client_count()?;
        let shared = self.outgoing.shared();
        Ok(own + shared.map_or(0, |shared| shared.count_elsewhere()))
    }

    /// Gives `each` the clients that are called so, or all; and how many there are.
    pub(super) fn list_everywhere(
        &self,
        label: &[u8],
        mut each: impl FnMut(ClientEverywhere, &str),
    ) -> Result<u64, Status> {
        self.outgoing.check()?;
        let is_meant = |of: &str| label.is_empty() || of.as_bytes() == label;
        let (mut count, mut given) = (0, 0);
        let mut show = |host: HostNumber, client: ClientId, label: &str| {
            if given < LISTED_MAX {
                given += 1;
                let client = ClientEverywhere {
                    host: host.0.into(),
                    client: client.0,
                };
                each(client, label);
            }
        };
        let listed = self.outgoing.hub().list(Audience::Everyone, LISTED_MAX);
        let listed = listed.ok_or(GONE)?;
        let roster = &self.route.services.roster;
        let mut found = 0;
        for client in listed.clients {
            let of = roster.outbox(client).and_then(|outbox| outbox.label());
            let of = of.as_deref().unwrap_or_default();
            if is_meant(of) {
                found += 1;
                show(this_host(), client, of);
            }
        }
        count += if label.is_empty() {
            listed.count
        } else {
            found
        };
        let known = self.outgoing.shared().and_then(|of| of.elsewhere().now());
        if let Some(known) = known {
            for (host, route) in known.of(&self.route.path) {
                let meant = route.list.clients.iter();
                let meant = meant.filter(|of| is_meant(&of.label));
                let found = meant.map(|of| show(host.number, of.client, &of.label));
                let found = found.count() as u64;
                count += if label.is_empty() {
                    route.clients
                } else {
                    found
                };
            }
        }
        Ok(count)
    }

    /// Says whether it was another host's client, and the message is on its way; one of this host is still to be sent to.
    pub(super) fn send_elsewhere(
        &self,
        to: ClientEverywhere,
        kind: u32,
        payload: &[u8],
    ) -> Result<bool, Status> {
        let Some((shared, to)) = self.elsewhere(to)? else {
            return Ok(false);
        };
        let opcode = opcode(kind, payload)?;
        self.say(shared, to, &Directed::Message(opcode, payload))?;
        Ok(true)
    }

    pub(super) fn close_everywhere(
        &self,
        to: ClientEverywhere,
        code: u32,
        reason: &[u8],
    ) -> Result<(), Status> {
        let Some((shared, to)) = self.elsewhere(to)? else {
            return self.close(to.client, code, reason);
        };
        let reason = std::str::from_utf8(reason).map_err(|_| INVALID)?;
        if !cause::may_be_sent(code) || reason.len() > CLOSE_REASON_BYTES_MAX {
            return Err(INVALID);
        }
        let cause = Cause::plugin(code as u16, reason.to_owned());
        self.say(shared, to, &Directed::Close(cause))
    }

    /// The way to a client of another host; none where it is of this one.
    fn elsewhere(&self, to: ClientEverywhere) -> Result<Option<(&Shared, Anywhere)>, Status> {
        let number = u32::try_from(to.host).map_err(|_| GONE)?;
        if number == this_host().0 {
            return Ok(None);
        }
        self.outgoing.check()?;
        let shared = self.outgoing.shared().ok_or(GONE)?;
        let to = Anywhere {
            host: HostNumber(number),
            client: ClientId(to.client),
        };
        Ok(Some((shared, to)))
    }

    fn say(&self, shared: &Shared, to: Anywhere, what: &Directed<'_>) -> Result<(), Status> {
        // Before anything that waits: the main thread makes the instance that takes over.
        if self.outgoing.is_held() {
            return Err(LATER);
        }
        if shared.has_gone(to.host) {
            return Err(GONE);
        }
        shared.direct(to, what).map_err(|_| EXHAUSTED)
    }
}

#[cfg(test)]
mod tests {
    use plugin_api::EverywhereId;

    use crate::ids::Anywhere;

    /// Each crate reads it by code of its own, since the server's numbers know nothing of plugins.
    #[test]
    fn what_a_client_is_called_everywhere_reads_the_same_to_plugins_and_to_the_server() {
        let texts = [
            "5f3a09c1-17",
            "5F3A09C1-17",
            "00000000-0",
            "ffffffff-18446744073709551615",
            "5f3a09c1-18446744073709551616",
            "5f3a09c1-+1",
            "+f3a09c1-1",
            "5f3a09c1-",
            "5f3a09c1--1",
            "f3a09c1-1",
            "05f3a09c1-1",
            "-1",
            "17",
            "",
            "\u{e9}f3a09c-1",
        ];
        for text in texts {
            let own = text.parse::<Anywhere>().map(|of| of.to_string());
            let of_plugins = text.parse::<EverywhereId>().map(|of| of.to_string());
            assert_eq!(own.ok(), of_plugins.ok(), "{text}");
        }
    }
}
