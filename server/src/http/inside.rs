//! Who is inside: may push, or whatever else a plugin leaves to insiders.
//!
//! Pure functions on a request and on how it has come. Without a word in the settings it is guessed; each
//! word turns the guess off.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::host::{Authority, Host};
use super::peer::{Arrival, ClientAddress};
use super::request::Request;

/// Who is inside, as the settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    /// There is a listener of its own for insiders.
    pub has_listener: bool,
    /// Clients from these networks are.
    pub networks: Vec<IpNet>,
    /// Who shows one of these is.
    pub tokens: Tokens,
}

/// What is known of where a request comes from when it is asked whether it is inside.
pub(super) struct Evidence<'a> {
    pub(super) request: &'a Request,
    pub(super) arrival: &'a Arrival,
    pub(super) client: ClientAddress,
    /// A proxy has left a header behind.
    pub(super) has_traces: bool,
    /// A proxy that we trust has told who the client is.
    pub(super) is_told: bool,
    pub(super) asked: Asked,
}

impl Inside {
    /// Whether it is guessed who is inside.
    pub fn is_guessed(&self) -> bool {
        !self.has_listener && self.networks.is_empty() && self.tokens.is_empty()
    }

    pub(super) fn admits(&self, evidence: &Evidence<'_>) -> bool {
        // A page cannot know it, whatever its name has been made to mean.
        if self.tokens.are_shown_by(evidence.request) {
            return true;
        }
        match evidence.asked {
            Asked::ThisMachine => {}
            Asked::Named if !self.is_guessed() => {}
            // A public name that a silent proxy passes on proves nothing.
            Asked::Named | Asked::Foreign | Asked::Nothing => return false,
        }
        if self.is_guessed() {
            return evidence.arrival.peer.is_from_loopback() && !evidence.has_traces;
        }
        evidence.arrival.entry.is_inside || self.is_of_a_network(evidence)
    }

    fn is_of_a_network(&self, evidence: &Evidence<'_>) -> bool {
        let ClientAddress::Known(address) = evidence.client else {
            return false;
        };
        // Whose request it is when a proxy has left traces, only a proxy that we trust can say.
        let is_whose = evidence.is_told || !evidence.has_traces;
        is_whose && self.networks.iter().any(|of| of.contains(&address))
    }
}

impl fmt::Display for Inside {
    /// Which rule holds, and what has to be true for it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_guessed() {
            return formatter.write_str(
                "guessed: who comes from this machine without a header of a proxy; every proxy on it has to \
                 add X-Forwarded-For",
            );
        }
        let mut ways = Vec::new();
        if self.has_listener {
            ways.push(
                "who comes by a listener for insiders, which no proxy may lead to".to_owned(),
            );
        }
        if !self.networks.is_empty() {
            let networks: Vec<_> = self.networks.iter().map(ToString::to_string).collect();
            ways.push(format!(
                "who comes from {}, where every proxy has to add X-Forwarded-For",
                networks.join(", ")
            ));
        }
        match self.tokens.len() {
            0 => {}
            1 => ways.push("who shows the token".to_owned()),
            count => ways.push(format!("who shows one of {count} tokens")),
        }
        formatter.write_str(&ways.join("; "))
    }
}

/// The host that a request asks for: a page whose name was made to mean this machine (DNS rebinding)
/// asks for that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `localhost`, a loopback address, or the socket's own.
    ThisMachine,
    /// A name of the settings.
    Named,
    /// Something else.
    Foreign,
    /// HTTP/1.0 need not say.
    Nothing,
}

impl Asked {
    /// What `host` means on a socket whose own address `local` gives.
    pub fn of(
        host: Option<&Authority>,
        hosts: &[Host],
        local: impl FnOnce() -> Option<IpAddr>,
    ) -> Asked {
        let Some(Authority { host, .. }) = host else {
            return Asked::Nothing;
        };
        let is_this_machine = match host {
            Host::Name(name) => {
                // Browsers never ask a server what these mean (RFC 6761 section 6.3).
                let name = name.strip_suffix('.').unwrap_or(name);
                name == "localhost" || name.ends_with(".localhost")
            }
            Host::Address(address) => {
                let address = address.to_canonical();
                address.is_loopback() || local().map(|local| local.to_canonical()) == Some(address)
            }
        };
        if is_this_machine {
            Asked::ThisMachine
        } else if hosts.contains(host) {
            Asked::Named
        } else {
            Asked::Foreign
        }
    }
}

/// Whether somebody far away can make `host` mean this machine: it is a name with a dot. A bare one is
/// answered by the local network, and an address means itself.
pub fn can_be_rebound(host: &Host) -> bool {
    matches!(host, Host::Name(name) if name.trim_end_matches('.').contains('.'))
}

/// Secrets, each of which lets in who shows it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tokens(Vec<Box<[u8]>>);

impl Tokens {
    /// Those that were given.
    pub fn new<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Tokens {
        let tokens = tokens.into_iter();
        Tokens(tokens.map(|token| token.as_bytes().into()).collect())
    }

    /// These and `more`.
    pub fn with(mut self, more: Tokens) -> Tokens {
        self.0.extend(more.0);
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `request` shows one (RFC 6750 section 2.1), found in a time that tells of none of them more
    /// than its length.
    fn are_shown_by(&self, request: &Request) -> bool {
        self.shown_by(request).is_some()
    }

    /// Which of them `request` shows, from 0, found in such a time.
    pub fn shown_by(&self, request: &Request) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let mut values = request.header_values("authorization");
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let (scheme, shown) = value.split_at_checked(BEARER.len())?;
        let shown = shown.trim_ascii_start();
        // One more than the index of the one that is shown; zero where there is none.
        let found = self.0.iter().zip(1u64..).fold(0, |found, (token, number)| {
            u64::conditional_select(&found, &number, token.as_ref().ct_eq(shown))
        });
        let index = usize::try_from(found).ok()?.checked_sub(1)?;
        scheme.eq_ignore_ascii_case(BEARER).then_some(index)
    }
}

/// The scheme and the space behind it.
const BEARER: &[u8] = b"Bearer ";

impl fmt::Debug for Tokens {
    /// Says how many: they are secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tokens({})", self.len())
    }
}
