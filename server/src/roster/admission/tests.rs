//! Who is let in where all places are taken, and who has to go for that.

use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use super::{Admission, Ticket};
use crate::config::ServerLimits;
use crate::limits::FEW;
use crate::outbox::Outbox;
use crate::outbox::drain::Drain;
use crate::roster::Roster;
use crate::roster::whose::Whose;

/// A server with a few places, of which nobody reads what comes.
struct House {
    admission: Arc<Admission>,
    roster: Arc<Roster>,
    drain: Drain,
    listener: TcpListener,
}

/// One who is in and waits; its other end stays open.
struct Guest {
    outbox: Arc<Outbox>,
    _ticket: Ticket,
    _peer: TcpStream,
}

impl House {
    fn new(places: usize) -> House {
        let roster = Arc::new(Roster::new(places));
        House {
            admission: Arc::new(Admission::new(roster.clone())),
            roster,
            drain: Drain::start().expect("a thread"),
            listener: TcpListener::bind("127.0.0.1:0").expect("a free port"),
        }
    }

    fn let_in(&self, whose: Whose) -> Guest {
        let (client, places) = self.roster.claim().expect("a slot is free");
        let peer = TcpStream::connect(self.listener.local_addr().expect("it is bound"));
        let (socket, _) = self.listener.accept().expect("one connects");
        let outbox = Outbox::new(socket, client, self.drain.handle());
        let ticket = self.admission.enter(whose, places, &outbox);
        Guest {
            outbox,
            _ticket: ticket.expect("nothing else is scarce"),
            _peer: peer.expect("it listens"),
        }
    }
}

impl House {
    /// All places that are left are taken by those who do not wait.
    fn fill(&self) {
        while self.roster.claim().is_some() {}
    }
}

fn address(last: u8) -> Whose {
    Whose::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
}

/// Cause: a mutant survived in which one who has many connections got another one at the cost of somebody who waits.
#[test]
fn only_who_has_few_places_gets_that_of_one_who_waits() {
    let house = House::new(100 * FEW);
    let eldest = house.let_in(address(9));
    let mut guests: Vec<Guest> = (0..FEW).map(|_| house.let_in(address(1))).collect();
    house.fill();
    assert!(house.admission.claim_place(address(1)).is_err());
    assert!(!eldest.outbox.is_asked_to_leave(), "it has {FEW}");
    guests.pop();
    // Nobody goes in fact, since nobody's thread runs: it is refused, but somebody was asked.
    assert!(house.admission.claim_place(address(1)).is_err());
    let asked = guests.iter().chain([&eldest]);
    assert_eq!(
        asked
            .filter(|guest| guest.outbox.is_asked_to_leave())
            .count(),
        1
    );
    house.drain.end();
}

/// Cause: behind a limit that was lowered below those who are there, each newcomer cost one who waits its place, had the
/// acceptor wait for that, and was refused all the same.
#[test]
fn nobody_has_to_go_where_that_makes_no_room() {
    let house = House::new(10);
    let waiting = house.let_in(address(9));
    house.fill();
    house.roster.set_limit(9);
    assert!(house.admission.claim_place(address(1)).is_err());
    assert!(!waiting.outbox.is_asked_to_leave());
    house.roster.set_limit(10);
    assert!(house.admission.claim_place(address(1)).is_err());
    assert!(waiting.outbox.is_asked_to_leave());
    house.drain.end();
}

/// A proxy speaks for many: how many connections it has says nothing.
#[test]
fn a_proxy_gets_the_place_of_one_who_waits_however_many_it_has() {
    let proxy = || Whose::Proxy(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let house = House::new(100 * FEW);
    let guests: Vec<Guest> = (0..2 * FEW).map(|_| house.let_in(proxy())).collect();
    house.fill();
    assert!(house.admission.claim_place(proxy()).is_err());
    assert!(guests[0].outbox.is_asked_to_leave());
    house.drain.end();
}

/// Cause: mutants survived that asked one more, or one fewer, to leave than there are too many.
#[test]
fn as_many_wait_as_may_before_the_eldest_has_to_go() {
    let house = House::new(100 * FEW);
    house.admission.set_limits(&ServerLimits {
        handshakes: 3,
        ..ServerLimits::default()
    });
    let guests: Vec<Guest> = (0..3).map(|_| house.let_in(address(1))).collect();
    assert!(!guests[0].outbox.is_asked_to_leave());
    let _one_more = house.let_in(address(1));
    let asked: Vec<bool> = guests
        .iter()
        .map(|guest| guest.outbox.is_asked_to_leave())
        .collect();
    assert_eq!(asked, [true, false, false]);
    house.drain.end();
}
