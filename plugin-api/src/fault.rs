//! What went wrong for one client.

use std::fmt;

use crate::abi;

/// What went wrong for one client, for `on_error`. As text it is what happened.
///
/// It is an error itself: `Err(fault.clone().into())` passes it on to the server.
///
/// ```
/// use plugin_api::{Client, Fault, FaultKind, Result};
///
/// /// As `on_error`: what a callback refuses costs its client an answer, not the connection.
/// fn on_error(client: &Client, fault: &Fault) -> Result {
///     if fault.kind() == FaultKind::Failed {
///         client.send(format!("not done: {}", fault.what()))?;
///         return Ok(());
///     }
///     Err(fault.clone().into())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) what: String,
}

impl Fault {
    /// What sort of fault.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The error's text, or the panic's message and place.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(formatter)
    }
}

impl std::error::Error for Fault {}

/// What sort of fault.
///
/// ```
/// use plugin_api::{Fault, FaultKind};
///
/// /// Whether the session may be half changed.
/// fn is_doubtful(fault: &Fault) -> bool {
///     fault.kind() == FaultKind::Panicked
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// A callback returned an error.
    Failed,
    /// A callback panicked. What it was changing may be half done.
    Panicked,
    /// The connection failed: a protocol error, a limit, a reset. It ends in any case.
    Transport,
}

impl FaultKind {
    /// Reads the number; one that is unknown did at least not come from this plugin.
    pub(crate) fn from_abi(kind: u32) -> FaultKind {
        match kind {
            abi::FAULT_FAILED => FaultKind::Failed,
            abi::FAULT_PANICKED => FaultKind::Panicked,
            _ => FaultKind::Transport,
        }
    }
}
