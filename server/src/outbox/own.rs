//! The outbox of the client whose connection thread this is: its callbacks answer it directly.
//!
//! A host call about any other client goes through the hub; on a thread that is no connection's
//! there is no own outbox.

use std::cell::RefCell;
use std::sync::Arc;

use super::Outbox;
use crate::ids::ClientId;

thread_local! {
    static OWN: RefCell<Option<(ClientId, Arc<Outbox>)>> = const { RefCell::new(None) };
}

/// Tells this thread, a connection's, whose it is.
pub fn set_own_outbox(client: ClientId, outbox: Arc<Outbox>) {
    OWN.with(|own| *own.borrow_mut() = Some((client, outbox)));
}

/// The outbox of `client`, where this thread is its connection's.
pub fn own_outbox(client: ClientId) -> Option<Arc<Outbox>> {
    // A plugin's own thread-local may call the host while this thread ends: then it is nobody's.
    let own = OWN.try_with(|own| own.borrow().clone()).ok()??;
    (own.0 == client).then_some(own.1)
}
