//! Why a connection ended.

use std::fmt;

use crate::abi;

/// Why a connection ended, for `on_close`.
///
/// As text it is the code and the reason: `1000`, `1001 going away`, `1006 no pong within 10s`.
///
/// ```
/// use plugin_api::{Cause, Initiator, log};
///
/// fn note(cause: &Cause) {
///     match cause.code() {
///         1000 | 1001 => log::info!("left as one should: {}", cause.reason()),
///         1006 => log::info!("vanished: {}", cause.reason()),
///         code if cause.initiator() == Initiator::Server => log::warn!("sent away with {code}"),
///         _ => log::info!("closed: {cause}"),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) initiator: Initiator,
}

impl Cause {
    /// Close code (RFC 6455 section 7.4.1): 1005 where the client gave none, 1006 where the
    /// connection ended without a Close frame.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Reason, often empty; for 1006, what happened.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Who ended it.
    pub fn initiator(&self) -> Initiator {
        self.initiator
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.code)?;
        if self.reason.is_empty() {
            Ok(())
        } else {
            write!(formatter, " {}", self.reason)
        }
    }
}

/// Who ended a connection.
///
/// ```
/// use plugin_api::{Cause, Initiator};
///
/// /// Whether somebody may have to be told that the client is not coming back.
/// fn is_unexpected(cause: &Cause) -> bool {
///     match cause.initiator() {
///         Initiator::Peer => cause.code() == 1006,
///         Initiator::Plugin => false,
///         _ => true, // The server.
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Initiator {
    /// The client closed it or vanished.
    Peer,
    /// This plugin, with `Client::close`.
    Plugin,
    /// The server: a limit, a fault, its stop.
    Server,
}

impl Initiator {
    /// Reads the number; one that is unknown can only be the server's doing.
    pub(crate) fn from_abi(initiator: u32) -> Initiator {
        match initiator {
            abi::BY_PEER => Initiator::Peer,
            abi::BY_PLUGIN => Initiator::Plugin,
            _ => Initiator::Server,
        }
    }
}
