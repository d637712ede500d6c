//! The outbox of the client whose connection thread this is: its callbacks answer it directly, as long as nothing
//! that they said before is still on its way to it through the hub.
//!
//! A host call about any other client goes through the hub; on a thread that is no connection's
//! there is no own outbox. Knows numbers of events, and not what numbers them.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
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
    /// Taken out again by who has put it there, so that no thread has it to drop at its end, which every client would pay for.
    static OWN: RefCell<ManuallyDrop<Option<Own>>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

fn replace(own: Option<Own>) -> Option<Own> {
    ManuallyDrop::into_inner(OWN.replace(ManuallyDrop::new(own)))
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

/// Tells this thread, a connection's, whose it is, and on which route, until [`forget_own_outbox`].
pub fn set_own_outbox(client: ClientId, route: RouteId, outbox: Arc<Outbox>) {
    replace(Some(Own {
        client,
        route,
        outbox,
        behind: 0,
    }));
}

/// From here on this thread is nobody's.
pub fn forget_own_outbox() {
    replace(None);
}

/// Runs `work` on a thread that is no connection's as if it were that of `client`: whoever calls it sees to it that the
/// client's own runs no callback meanwhile.
pub fn with_own_outbox(client: ClientId, route: RouteId, outbox: Arc<Outbox>, work: impl FnOnce()) {
    /// Ends it also where `work` panics.
    struct Ends(Option<Own>);
    impl Drop for Ends {
        fn drop(&mut self) {
            replace(self.0.take());
        }
    }
    let own = Own {
        client,
        route,
        outbox,
        behind: 0,
    };
    let _ends = Ends(replace(Some(own)));
    work();
}

/// How `client` is answered by this thread; `has_settled` says whether the event of a number, and what else is to
/// come first, has reached it; 0 is no event.
pub fn own_outbox(client: ClientId, has_settled: impl FnOnce(u64) -> bool) -> OwnOutbox {
    OWN.with_borrow_mut(|own| match &mut **own {
        Some(own) if own.client == client => {
            let outbox = own.outbox.clone();
            if !has_settled(own.behind) || outbox.is_behind() {
                return OwnOutbox::Behind(outbox);
            }
            own.behind = 0;
            OwnOutbox::Direct(outbox)
        }
        _ => OwnOutbox::NotOwn,
    })
}

/// Our own code has panicked in a host call on this thread: where it is a connection's, its client ends.
pub fn end_own_for_fault() {
    let outbox = OWN.with_borrow(|own| own.as_ref().map(|own| own.outbox.clone()));
    if let Some(outbox) = outbox {
        outbox.end_for_fault(&[]);
    }
}

/// This thread has posted the event of `number` about `route`, which all on it may hear of but `except`: what
/// it says to its own client from now on comes behind that.
pub fn come_behind(route: RouteId, except: Option<ClientId>, number: u64) {
    OWN.with_borrow_mut(|own| {
        if let Some(own) = &mut **own
            && own.route == route
            && except != Some(own.client)
            // Nothing is on its way by the hub: it has ended, or the event waits elsewhere.
            && number != 0
        {
            own.behind = number;
        }
    });
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;

    use socket2::Socket;

    use super::{
        OwnOutbox, come_behind, forget_own_outbox, own_outbox, set_own_outbox, with_own_outbox,
    };
    use crate::ids::{ClientId, RouteId};
    use crate::outbox::Outbox;
    use crate::outbox::drain::Drain;

    const CLIENT: ClientId = ClientId(7);
    const ROUTE: RouteId = RouteId(3);

    /// How this thread answers `CLIENT`: directly, behind the event of this number, or not as its own.
    fn answers() -> Result<bool, u64> {
        let mut behind = 0;
        let own = own_outbox(CLIENT, |number| {
            behind = number;
            number == 0
        });
        match own {
            OwnOutbox::Direct(_) => Ok(true),
            OwnOutbox::Behind(_) => Err(behind),
            OwnOutbox::NotOwn => Ok(false),
        }
    }

    /// Cause: mutants survived in which a thread was never taken for that of a client, or for ever, and in which what it had
    /// said to all was overtaken by what it said to its own.
    #[test]
    fn a_thread_is_a_clients_for_as_long_as_it_works_for_it() {
        let drain = Drain::start().expect("a thread");
        let (socket, _peer) = UnixStream::pair().expect("two descriptors");
        let socket = Socket::from(OwnedFd::from(socket));
        let outbox = Outbox::new(socket, CLIENT, drain.handle());
        let mut said = Vec::new();
        let mut work = |number| {
            with_own_outbox(CLIENT, ROUTE, outbox.clone(), || {
                said.push(answers());
                come_behind(ROUTE, None, number);
                said.push(answers());
            });
        };
        // What has ended is on no way.
        for number in [0, 5] {
            work(number);
            assert_eq!(answers(), Ok(false));
        }
        assert_eq!(said, [Ok(true), Ok(true), Ok(true), Err(5)]);
        with_own_outbox(CLIENT, ROUTE, outbox.clone(), || {
            come_behind(RouteId(4), None, 5);
            come_behind(ROUTE, Some(CLIENT), 6);
            assert_eq!(answers(), Ok(true), "it does not hear of that");
        });
        let panics = || with_own_outbox(CLIENT, ROUTE, outbox.clone(), || panic!("in a test"));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert_eq!(answers(), Ok(false));
        drain.end();
    }

    /// Cause: a mutant survived in which the socket of each client that had gone stayed open with its outbox.
    #[test]
    fn a_thread_that_forgets_its_client_keeps_nothing_of_it() {
        let drain = Drain::start().expect("a thread");
        let (socket, _peer) = UnixStream::pair().expect("two descriptors");
        let socket = Socket::from(OwnedFd::from(socket));
        let outbox = Outbox::new(socket, CLIENT, drain.handle());
        set_own_outbox(CLIENT, ROUTE, outbox.clone());
        assert_eq!(answers(), Ok(true));
        assert_eq!(Arc::strong_count(&outbox), 2);
        forget_own_outbox();
        assert_eq!(answers(), Ok(false));
        assert_eq!(Arc::strong_count(&outbox), 1);
        drain.end();
    }
}
