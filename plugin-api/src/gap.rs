//! What is missing of a route that several hosts share.

use crate::Position;
use crate::abi;

/// Something that hosts have said on the route is missing, as [`on_gap`](crate::Plugin::on_gap) is told. It is about the whole
/// route: what is not there does not say on which topics it was.
///
/// ```
/// use plugin_api::{GapCause, RouteGap, log};
///
/// fn tell(gap: &RouteGap) {
///     match gap.cause() {
///         GapCause::Missed => log::warn!("not heard here: behind {}, up to {}", gap.from(), gap.to()),
///         GapCause::Lost => log::warn!("may be known here alone: what was said before {}", gap.from()),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteGap {
    cause: GapCause,
    from: Position,
    to: Position,
}

/// Why something is missing of a route.
///
/// ```
/// use plugin_api::GapCause;
///
/// /// Whether a longer stream (`redis.messages`) would have helped.
/// fn was_too_short(cause: GapCause) -> bool {
///     cause == GapCause::Missed
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapCause {
    /// Other hosts have said it, and this one will not hear it: it was cut off for longer than the stream holds.
    Missed,
    /// What hosts have heard is lost, by a failover or a restart of what stands between them: what was heard here before the
    /// gap may be known to no other host, and the other way round.
    Lost,
}

impl RouteGap {
    /// Why.
    pub fn cause(&self) -> GapCause {
        self.cause
    }

    /// The position of the last that was heard here before it.
    pub fn from(&self) -> &Position {
        &self.from
    }

    /// The position behind which everything is heard again.
    pub fn to(&self) -> &Position {
        &self.to
    }

    /// None where its positions are none.
    pub(crate) fn from_abi(gap: &abi::Gap) -> Option<RouteGap> {
        Some(RouteGap {
            cause: match gap.cause {
                abi::GAP_MISSED => GapCause::Missed,
                // One that a later version tells is no smaller.
                _ => GapCause::Lost,
            },
            from: Position::from_abi(&gap.from)?,
            to: Position::from_abi(&gap.to)?,
        })
    }
}
