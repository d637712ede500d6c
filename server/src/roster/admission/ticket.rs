//! What one connection holds at the entrance, and how that changes.
//!
//! Used by the connection's own thread. What is held is given back when the ticket is dropped.

use std::net::IpAddr;
use std::sync::Arc;

use super::ledger::{Ledger, Waiting};
use super::network::Network;
use super::{Admission, unavailable};
use crate::http::refusal::Refusal;
use crate::outbox::Outbox;

/// One connection's.
pub struct Ticket {
    admission: Arc<Admission>,
    /// For whom it waits.
    peer: Network,
    /// Whose place it has; none while a proxy has not told.
    place: Option<Network>,
    holds: Holds,
}

/// What is held beside the place.
#[derive(Clone, Copy)]
enum Holds {
    Nothing,
    /// It has been asked to leave.
    Lost,
    /// It waits, under this number.
    Wait(Waiting, u64),
    /// A request of this address is under way.
    Request(Network),
}

impl Ticket {
    /// Of one who waits for a head, under this number.
    pub(super) fn new(
        admission: Arc<Admission>,
        peer: Network,
        place: Option<Network>,
        number: u64,
    ) -> Ticket {
        Ticket {
            admission,
            peer,
            place,
            holds: Holds::Wait(Waiting::Head, number),
        }
    }

    /// A proxy has told for whom it has the connection before its first request: it waits for a head under
    /// that address from here on, as the youngest there.
    pub fn belongs_to(&mut self, address: IpAddr, outbox: &Arc<Outbox>) {
        let network = Network::of(address);
        let mut ledger = self.admission.ledger.lock();
        if !self.holds.give_back(&mut ledger, self.peer) {
            self.holds = Holds::Lost;
            return;
        }
        self.peer = network;
        let number = ledger.add_waiting(Waiting::Head, network, outbox.clone());
        self.holds = Holds::Wait(Waiting::Head, number);
    }

    /// The answer to the last request is out: from here on the first byte of a further one is waited
    /// for. Without a permit, and where places are needed the connection may lose its own.
    pub fn await_request(&mut self, outbox: &Arc<Outbox>) {
        let mut ledger = self.admission.ledger.lock();
        self.holds.give_back(&mut ledger, self.peer);
        let number = ledger.add_waiting(Waiting::Idle, self.peer, outbox.clone());
        self.holds = Holds::Wait(Waiting::Idle, number);
    }

    /// The first byte of a further request is there, and its head is not whole: it waits as a newcomer
    /// does.
    pub fn await_head(&mut self, outbox: &Arc<Outbox>) {
        let mut ledger = self.admission.ledger.lock();
        self.holds.give_back(&mut ledger, self.peer);
        let number = self.admission.add_head(&mut ledger, self.peer, outbox);
        self.holds = Holds::Wait(Waiting::Head, number);
    }

    /// The head is whole: from here on the connection cannot lose its place. Its request counts for
    /// `address` until [`Ticket::end_request`].
    ///
    /// # Errors
    /// 503 where too many requests are under way, and where it has been asked to leave in this very
    /// moment.
    #[inline(never)]
    pub fn begin_request(&mut self, address: IpAddr) -> Result<(), Refusal> {
        let network = Network::of(address);
        let mut ledger = self.admission.ledger.lock();
        if !self.holds.give_back(&mut ledger, self.peer) {
            return Err(unavailable("the place was needed for others".to_owned()));
        }
        self.admission.check_requests(&ledger, network)?;
        ledger.add_request(network);
        self.holds = Holds::Request(network);
        Ok(())
    }

    /// What came is about to be answered: the connection waits for nothing that it has to send, and nobody
    /// who needs room looks at it in vain while its answer is not taken. It may have been asked to leave
    /// just before.
    pub fn end_wait(&mut self) {
        if let Holds::Wait(..) = self.holds {
            self.end_request();
        }
    }

    /// The request is answered, or is none.
    pub fn end_request(&mut self) {
        let mut ledger = self.admission.ledger.lock();
        self.holds.give_back(&mut ledger, self.peer);
    }

    /// A proxy has told for whom it has the connection, which is about to last.
    ///
    /// # Errors
    /// 429 and 503 where that address has as many places as it may.
    pub fn claim_place(&mut self, address: IpAddr) -> Result<(), Refusal> {
        let network = Network::of(address);
        let places = self.admission.roster.places();
        let mut ledger = self.admission.ledger.lock();
        self.admission.check_places(&ledger, network, places)?;
        if let Some(before) = self.place.replace(network) {
            ledger.remove_place(before);
        }
        ledger.add_place(network);
        Ok(())
    }
}

impl Holds {
    /// False where the connection waited and has been asked to leave.
    fn give_back(&mut self, ledger: &mut Ledger<Arc<Outbox>>, peer: Network) -> bool {
        match std::mem::replace(self, Holds::Nothing) {
            Holds::Nothing => true,
            Holds::Lost => false,
            Holds::Wait(kind, number) => ledger.remove_waiting(kind, peer, number),
            Holds::Request(network) => {
                ledger.remove_request(network);
                true
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut ledger = self.admission.ledger.lock();
        self.holds.give_back(&mut ledger, self.peer);
        if let Some(place) = self.place {
            ledger.remove_place(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
    use std::sync::Arc;

    use super::super::Admission;
    use super::super::ledger::Waiting;
    use crate::outbox::Outbox;
    use crate::outbox::drain::Drain;
    use crate::roster::Roster;
    use crate::roster::whose::Whose;

    fn address(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
    }

    /// Cause: mutants survived in which who had waited for one thing went on waiting for it, and in which all who had come by a
    /// proxy waited as one.
    #[test]
    fn each_waits_for_what_it_has_come_to_and_for_whom_it_is() {
        let drain = Drain::start().expect("a thread");
        let roster = Arc::new(Roster::new(2));
        let admission = Arc::new(Admission::new(roster.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let enter = || {
            let (client, places) = roster.claim().expect("a slot is free");
            let socket = TcpStream::connect(listener.local_addr().expect("it is bound"));
            let outbox = Outbox::new(socket.expect("it listens"), client, drain.handle());
            let ticket = admission.enter(Whose::Proxy(address(1)), places, &outbox);
            (ticket.expect("nothing is scarce"), outbox)
        };
        let waiting = || {
            let ledger = admission.ledger.lock();
            [Waiting::Head, Waiting::Idle].map(|kind| ledger.waiting(kind))
        };
        let addresses = || admission.ledger.lock().addresses();
        let [(mut ticket, outbox), (_other, _)] = [enter(), enter()];
        assert_eq!((waiting(), addresses()), ([2, 0], 1));
        ticket.belongs_to(address(2), &outbox);
        assert_eq!((waiting(), addresses()), ([2, 0], 2));
        ticket.begin_request(address(3)).expect("nothing is scarce");
        assert_eq!(waiting(), [1, 0]);
        ticket.await_request(&outbox);
        assert_eq!((waiting(), addresses()), ([1, 1], 2));
        ticket.await_head(&outbox);
        assert_eq!((waiting(), addresses()), ([2, 0], 2));
        drain.end();
    }

    /// Cause: who was answered without a request under way, such as 404, stood among those who wait for a head as
    /// long as the answer was not taken. Nobody could ask him to leave, and the eldest few of his kind were all
    /// of an address that was looked at.
    #[test]
    fn who_is_answered_waits_for_nothing() {
        let address = address(1);
        let drain = Drain::start().expect("a thread");
        let roster = Arc::new(Roster::new(1));
        let admission = Arc::new(Admission::new(roster.clone()));
        let (client, places) = roster.claim().expect("a slot is free");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let socket = TcpStream::connect(listener.local_addr().expect("it is bound"));
        let outbox = Outbox::new(socket.expect("it listens"), client, drain.handle());
        let ticket = admission.enter(Whose::Address(address), places, &outbox);
        let mut ticket = ticket.expect("nothing is scarce");
        let waiting = || admission.ledger.lock().waiting(Waiting::Head);
        assert_eq!(waiting(), 1);
        ticket.end_wait();
        assert_eq!(waiting(), 0);
        // The answer to a request that is under way leaves its permit.
        ticket.begin_request(address).expect("nothing is scarce");
        ticket.end_wait();
        assert_eq!(admission.ledger.lock().requests(), 1);
        drop(ticket);
        assert_eq!(admission.ledger.lock().addresses(), 0);
        drain.end();
    }
}
