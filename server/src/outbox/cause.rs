//! Why a connection ended: what `on_close` is told and the log says.

use std::borrow::Cow;
use std::fmt;

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// The peer closed, or vanished.
    Peer,
    /// The plugin, through the host.
    Plugin,
    /// The server: a limit, a fault, the stop.
    Server,
}

/// The end of a connection: the first of what either side said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Close code (RFC 6455 section 7.4.1); 1005 and 1006 are never sent, only told.
    pub code: u16,
    /// The reason from the Close frame, or for 1006 what happened.
    pub reason: Cow<'static, str>,
    /// Who began.
    pub initiator: Initiator,
}

/// Done, in good order.
pub const NORMAL: u16 = 1000;
/// The peer's Close frame had no code.
pub const NO_CODE: u16 = 1005;
/// The connection ended without a Close frame.
pub const ABNORMAL: u16 = 1006;
/// The server stops or the route goes.
pub const GOING_AWAY: u16 = 1001;
/// The peer broke the protocol.
pub const PROTOCOL_ERROR: u16 = 1002;
/// Text that is not UTF-8.
pub const INVALID_DATA: u16 = 1007;
/// A rule of ours, such as the backlog's bound.
pub const POLICY: u16 = 1008;
/// A message over the limit.
pub const TOO_BIG: u16 = 1009;
/// It is to come back: what it was promised cannot be had on this connection.
pub const TRY_AGAIN: u16 = 1013;
/// The plugin failed.
pub const INTERNAL: u16 = 1011;

impl Cause {
    /// The peer ended it.
    pub fn peer(code: u16, reason: impl Into<Cow<'static, str>>) -> Cause {
        Cause {
            code,
            reason: reason.into(),
            initiator: Initiator::Peer,
        }
    }

    /// The server ended it.
    pub fn server(code: u16, reason: impl Into<Cow<'static, str>>) -> Cause {
        Cause {
            code,
            reason: reason.into(),
            initiator: Initiator::Server,
        }
    }

    /// Our own code has panicked.
    pub fn fault() -> Cause {
        Cause::server(INTERNAL, "a fault of the server")
    }

    /// The plugin ended it.
    pub fn plugin(code: u16, reason: impl Into<Cow<'static, str>>) -> Cause {
        Cause {
            code,
            reason: reason.into(),
            initiator: Initiator::Plugin,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.initiator {
            Initiator::Peer => "peer",
            Initiator::Plugin => "plugin",
            Initiator::Server => "server",
        };
        write!(f, "{} by {who}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        Ok(())
    }
}

/// Whether an endpoint may send `code` in a Close frame (RFC 6455 section 7.4 and IANA's registry).
pub fn may_be_sent(code: u32) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::Cause;

    /// Cause: a mutant that said nothing survived: the line of a debug log had no reason.
    #[test]
    fn a_cause_says_who_ended_it_with_what_and_why() {
        assert_eq!(
            Cause::server(1001, "going away").to_string(),
            "1001 by server: going away"
        );
        assert_eq!(Cause::peer(1005, "").to_string(), "1005 by peer");
        assert_eq!(
            Cause::plugin(3000, "bye").to_string(),
            "3000 by plugin: bye"
        );
    }
}
