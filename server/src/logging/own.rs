//! Whose a thread is, as far as the log wants to know.
//!
//! A connection's thread says so; what it says is read again on the same thread only, and only where a line
//! is written. One value for all of it, since each that has to be dropped makes a thread's end dearer. Knows
//! neither lines nor rates.

use std::cell::RefCell;
use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

use super::allowance::Share;
use crate::ids::ClientId;

/// An address as the log has it, written out when a line wants it.
pub type Address = Arc<dyn Display + Send + Sync>;

/// Whose thread this is.
pub(super) struct Own {
    pub(super) client: ClientId,
    pub(super) address: Address,
    pub(super) route: Option<Arc<str>>,
    /// For whom its lines count.
    pub(super) counted: IpAddr,
    /// What that one has left; none before its first line.
    pub(super) share: Option<Share>,
}

thread_local! {
    static OWN: RefCell<Option<Own>> = const { RefCell::new(None) };
}

/// From here on this thread is that of `own`; a share that it has already it keeps.
pub(super) fn set(mut own: Own) {
    OWN.with(|place| {
        let before = &mut *place.borrow_mut();
        if let Some(before) = before
            && before.counted == own.counted
        {
            own.share = before.share.take();
        }
        *before = Some(own);
    });
}

/// What `read` makes of whose thread this is; none where it is nobody's.
pub(super) fn with<T>(read: impl FnOnce(&mut Own) -> T) -> Option<T> {
    // A plugin's own thread-local may log while this thread ends: then it is nobody's.
    OWN.try_with(|own| own.borrow_mut().as_mut().map(read))
        .ok()
        .flatten()
}
