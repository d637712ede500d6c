//! A route on all hosts that share it: how many clients there are, who they are, and the way to each.

use std::fmt;
use std::str::FromStr;

use crate::abi::{self, Status};
use crate::message::{Delivery, ToMessage};
use crate::{Client, ClientId, Host};

/// Number of a host: drawn by chance whenever a server starts, so that none comes twice. As text it has 8 hexadecimal digits.
///
/// ```
/// use plugin_api::{Host, Result};
///
/// /// A number that no other host gives, today or later.
/// fn number(host: &Host, own: u64) -> Result<String> {
///     Ok(match host.is_shared() {
///         true => format!("{}-{own}", host.number()?),
///         false => own.to_string(),
///     })
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostNumber(u64);

impl HostNumber {
    /// The bare number, from 1, below 2^32.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for HostNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", self.0)
    }
}

/// A client of the route, on whichever host: one value that can be kept, written down (`5f3a09c1-17`) and read again on any
/// host that shares the route. It means nobody else when its host has started again.
///
/// ```
/// use plugin_api::{EverywhereId, Host, HostsError, Result};
///
/// /// Tells one client, wherever it is.
/// fn tell(host: &Host, who: &str, text: &str) -> Result {
///     let id: EverywhereId = who.parse()?;
///     host.send_everywhere(id, text)?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EverywhereId {
    host: HostNumber,
    client: ClientId,
}

impl EverywhereId {
    /// The client's host.
    pub fn host(self) -> HostNumber {
        self.host
    }

    /// Its number there.
    pub fn client(self) -> ClientId {
        self.client
    }

    fn to_abi(self) -> abi::ClientEverywhere {
        abi::ClientEverywhere {
            host: self.host.0,
            client: self.client.0,
        }
    }
}

impl fmt::Display for EverywhereId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.host, self.client)
    }
}

impl FromStr for EverywhereId {
    type Err = HostsError;

    /// # Errors
    /// [`HostsError::NoId`].
    fn from_str(text: &str) -> Result<EverywhereId, HostsError> {
        let is_hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_decimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let read = || {
            let (host, client) = text.split_once('-')?;
            let host = Some(host).filter(|host| host.len() == 8 && is_hexadecimal(host))?;
            let client = Some(client).filter(|client| is_decimal(client))?;
            Some(EverywhereId {
                host: HostNumber(u64::from_str_radix(host, 16).ok()?),
                client: ClientId(client.parse().ok()?),
            })
        };
        read().ok_or(HostsError::NoId)
    }
}

/// A client in a list of all hosts.
///
/// ```
/// use plugin_api::{Host, Result};
///
/// /// Closes whoever else is called so, on whichever host.
/// fn only_one(host: &Host, name: &str, but: plugin_api::EverywhereId) -> Result {
///     for other in host.called_everywhere(name)? {
///         if other.id() != but {
///             host.close_everywhere(other.id(), 4000, "you came again")?;
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEverywhere {
    id: EverywhereId,
    label: String,
}

impl MemberEverywhere {
    /// Which client it is.
    pub fn id(&self) -> EverywhereId {
        self.id
    }

    /// What the plugin says there that it is called, by [`Client::set_label`]; empty where it says nothing.
    pub fn label(&self) -> &str {
        &self.label
    }
}

impl Host {
    /// This host's number.
    ///
    /// # Errors
    /// [`HostsError::TooOld`].
    pub fn number(&self) -> Result<HostNumber, HostsError> {
        let (status, number, _) = self.calls().this_host();
        HostsError::check(status).map(|_| HostNumber(number))
    }

    /// Whether the route is shared with other hosts. Not in `create`: it is not known there yet.
    pub fn is_shared(&self) -> bool {
        self.calls().this_host().2
    }

    /// Number of clients of the route on all hosts that share it: [`client_count`](Host::client_count) where none does. Waits
    /// for nobody: what others have is known as it was a second or two ago. A host that dies counts for 15 seconds at most.
    pub fn count_everywhere(&self) -> u64 {
        match self.calls().count_everywhere() {
            (status, count) if status >= abi::OK => count,
            _ => self.client_count(),
        }
    }

    /// Clients of the route on all hosts, 10,000 at most, in no order; of another host 10,000 are known, as they were some
    /// seconds ago where they are many. Waits until the server's hub has come to it, as [`clients`](Host::clients) does.
    ///
    /// # Errors
    /// See [`HostsError`].
    pub fn clients_everywhere(&self) -> Result<Vec<MemberEverywhere>, HostsError> {
        self.called_everywhere("")
    }

    /// Those of them that are called so by [`Client::set_label`]: one user's, on whatever hosts. All, where it is empty.
    ///
    /// # Errors
    /// See [`HostsError`].
    pub fn called_everywhere(&self, label: &str) -> Result<Vec<MemberEverywhere>, HostsError> {
        let mut members = Vec::new();
        let status = self.calls().list_everywhere(label, |client, label| {
            members.push(MemberEverywhere {
                id: EverywhereId {
                    host: HostNumber(client.host),
                    client: ClientId(client.client),
                },
                label: String::from_utf8_lossy(label).into_owned(),
            });
        });
        HostsError::check(status).map(|_| members)
    }

    /// Sends one message to one client, on whichever host: behind what this thread has said to all before. Of a client of another
    /// host [`Delivery::Queued`] says no more than that it is on its way there; where it has gone by then, nobody gets it.
    /// [`Delivery::Gone`]: the client has gone, or its host, for 5 seconds, or there is no such host. A number of a host that was never
    /// seen is looked for: that takes half a second at most.
    ///
    /// # Errors
    /// See [`HostsError`].
    pub fn send_everywhere(
        &self,
        id: EverywhereId,
        message: impl ToMessage,
    ) -> Result<Delivery, HostsError> {
        let message = message.to_message();
        let calls = self.calls();
        let status = calls.send_everywhere(id.to_abi(), message.kind(), message.as_bytes());
        HostsError::check(status)
    }

    /// Closes the connection of one client, on whichever host, in the same way; `code` and `reason` as of
    /// [`Client::close`].
    ///
    /// # Errors
    /// See [`HostsError`].
    pub fn close_everywhere(
        &self,
        id: EverywhereId,
        code: u16,
        reason: &str,
    ) -> Result<Delivery, HostsError> {
        HostsError::check(self.calls().close_everywhere(id.to_abi(), code, reason))
    }
}

impl Client {
    /// What this client is called on all hosts.
    ///
    /// # Errors
    /// [`HostsError::TooOld`].
    pub fn everywhere_id(&self) -> Result<EverywhereId, HostsError> {
        Ok(EverywhereId {
            host: self.host().number()?,
            client: self.id(),
        })
    }
}

/// Why something about all hosts was not done.
///
/// ```
/// use plugin_api::{EverywhereId, Host, HostsError, Result};
///
/// /// What the client gets, or will hear that it did not.
/// fn tell(host: &Host, id: EverywhereId, text: &str) -> Result<bool> {
///     match host.send_everywhere(id, text) {
///         Err(HostsError::Away) => Ok(false),
///         outcome => Ok(outcome.map(|_| true)?),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// What was read is no number of a client on all hosts.
    #[error("a client on all hosts is written as 5f3a09c1-17")]
    NoId,
    /// A close code that may not be sent, a reason over 123 bytes.
    #[error("that close code may not be sent, or its reason is over 123 bytes")]
    Invalid,
    /// What is between the hosts is away, or does not keep up.
    #[error("other hosts cannot be reached now: nothing was said")]
    Away,
    /// It is for another host, and the plugin has not taken over from its predecessor yet.
    #[error("not while the plugin's code is being replaced: nothing was said")]
    Later,
    /// The server knows of no other hosts.
    #[error("the server is older than the extension detent.hosts/1: update it")]
    TooOld,
    /// The server refused for another reason: a status of the plugin ABI.
    #[error("the server refused (status {0})")]
    Refused(Status),
}

impl HostsError {
    fn check(status: Status) -> Result<Delivery, HostsError> {
        match status {
            abi::GONE => Ok(Delivery::Gone),
            abi::LATER => Err(HostsError::Later),
            abi::INVALID => Err(HostsError::Invalid),
            abi::EXHAUSTED => Err(HostsError::Away),
            abi::UNSUPPORTED => Err(HostsError::TooOld),
            status if status < abi::OK => Err(HostsError::Refused(status)),
            _ => Ok(Delivery::Queued),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EverywhereId, HostNumber, HostsError};
    use crate::ClientId;

    #[test]
    fn a_client_on_all_hosts_reads_as_it_is_written() {
        for (host, client, text) in [
            (0x5f3a_09c1, 17, "5f3a09c1-17"),
            (1, u64::MAX, "00000001-18446744073709551615"),
        ] {
            let id = EverywhereId {
                host: HostNumber(host),
                client: ClientId(client),
            };
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
        for wrong in [
            "",
            "17",
            "-17",
            "5f3a09c1",
            "5f3a09c1-",
            "5f3a09c1-+1",
            "+f3a09c1-1",
            "f3a09c1-1",
            "5f3a09c1-18446744073709551616",
        ] {
            assert_eq!(
                wrong.parse::<EverywhereId>(),
                Err(HostsError::NoId),
                "{wrong}"
            );
        }
    }
}
