//! The outbox of the client whose connection thread this is: its callbacks answer it directly, as long as nothing
//! that they said before is still on its way to it through the hub.
//!
//! A host call about any other client goes through the hub; on a thread that is no connection's
//! there is no own outbox. Knows numbers of events, and not what numbers them.

use std::cell::RefCell;
use std::sync::Arc;

use super::Outbox;
use crate::ids::{ClientId, RouteId};

struct Own {
    client: ClientId,
    route: RouteId,
    outbox: Arc<Outbox>,
    /// Number of the last event of this thread that its client hears of; 0 where it has heard.
    behind: u64,
}

thread_local! {
    static OWN: RefCell<Option<Own>> = const { RefCell::new(None) };
}

/// How this thread's own client is answered.
pub enum OwnOutbox {
    /// Directly.
    Direct(Arc<Outbox>),
    /// Through the hub, behind what was said before.
    Behind(Arc<Outbox>),
    /// It is not this thread's client.
    NotOwn,
}

/// Tells this thread, a connection's, whose it is, and on which route.
pub fn set_own_outbox(client: ClientId, route: RouteId, outbox: Arc<Outbox>) {
    OWN.with(|own| {
        *own.borrow_mut() = Some(Own {
            client,
            route,
            outbox,
            behind: 0,
        });
    });
}

/// Runs `work` on a thread that is no connection's as if it were that of `client`: whoever calls it sees to it that the
/// client's own runs no callback meanwhile.
pub fn with_own_outbox(client: ClientId, route: RouteId, outbox: Arc<Outbox>, work: impl FnOnce()) {
    /// Ends it also where `work` panics.
    struct Ends(Option<Own>);
    impl Drop for Ends {
        fn drop(&mut self) {
            OWN.set(self.0.take());
        }
    }
    let own = Own {
        client,
        route,
        outbox,
        behind: 0,
    };
    let _ends = Ends(OWN.replace(Some(own)));
    work();
}

/// How `client` is answered by this thread; `has_settled` says whether the event of a number, and what else is to
/// come first, has reached it; 0 is no event.
pub fn own_outbox(client: ClientId, has_settled: impl FnOnce(u64) -> bool) -> OwnOutbox {
    // A plugin's own thread-local may call the host while this thread ends: then it is nobody's.
    let answer = OWN.try_with(|own| match &mut *own.borrow_mut() {
        Some(own) if own.client == client => {
            let outbox = own.outbox.clone();
            if !has_settled(own.behind) || outbox.is_behind() {
                return OwnOutbox::Behind(outbox);
            }
            own.behind = 0;
            OwnOutbox::Direct(outbox)
        }
        _ => OwnOutbox::NotOwn,
    });
    answer.unwrap_or(OwnOutbox::NotOwn)
}

/// Our own code has panicked in a host call on this thread: where it is a connection's, its client ends.
pub fn end_own_for_fault() {
    let outbox = |own: &RefCell<Option<Own>>| own.borrow().as_ref().map(|own| own.outbox.clone());
    // As above.
    if let Some(outbox) = OWN.try_with(outbox).ok().flatten() {
        outbox.end_for_fault(&[]);
    }
}

/// This thread has posted the event of `number` about `route`, which all on it may hear of but `except`: what
/// it says to its own client from now on comes behind that.
pub fn come_behind(route: RouteId, except: Option<ClientId>, number: u64) {
    OWN.try_with(|own| {
        if let Some(own) = &mut *own.borrow_mut()
            && own.route == route
            && except != Some(own.client)
            // Nothing is on its way by the hub: it has ended, or the event waits elsewhere.
            && number != 0
        {
            own.behind = number;
        }
    })
    // As above.
    .ok();
}
