//! Who may come in, and what for: the limits, and what is under way.
//!
//! Acceptors ask for newcomers, connection threads for themselves, by the [`Ticket`] that a newcomer is
//! given; the states that it goes through stand in [`entrance`](crate::entrance). The lock is held for
//! a few looks into tables, and where someone has to leave for that.

mod ledger;
mod network;
mod share;
#[cfg(test)]
mod tests;
mod ticket;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use http::StatusCode;
use parking_lot::Mutex;

use crate::config::ServerLimits;
use crate::http::refusal::Refusal;
use crate::ids::ClientId;
use crate::limits::{FEW, PLACE_WAIT};
use crate::outbox::Outbox;
use crate::roster::whose::Whose;
use crate::roster::{Places, Roster};
use ledger::{ANY, Ledger, Waiting};
use network::Network;
pub use ticket::Ticket;

/// The limits, and who holds what; shared by acceptors and connection threads.
pub struct Admission {
    roster: Arc<Roster>,
    /// Heads at once that are not whole, and requests under way at once.
    handshakes_max: AtomicUsize,
    per_address_max: AtomicUsize,
    ledger: Mutex<Ledger<Arc<Outbox>>>,
}

impl Admission {
    /// Limits that let everyone in, until [`Admission::set_limits`].
    pub fn new(roster: Arc<Roster>) -> Admission {
        Admission {
            roster,
            handshakes_max: AtomicUsize::new(usize::MAX),
            per_address_max: AtomicUsize::new(usize::MAX),
            ledger: Mutex::default(),
        }
    }

    /// Other limits hold from now on; who is in stays.
    pub fn set_limits(&self, limits: &ServerLimits) {
        self.handshakes_max
            .store(limits.handshakes, Ordering::Relaxed);
        let per_address = limits.connections_per_address;
        let per_address = per_address.map_or(usize::MAX, |most| most as usize);
        self.per_address_max.store(per_address, Ordering::Relaxed);
    }

    /// A place for one who has just come, and how many are left. Where there is none, who has waited
    /// longest of those who may lose theirs has to leave, and its end is waited for, a little at most.
    ///
    /// # Errors
    /// 503.
    pub fn claim_place(&self, whose: Whose) -> Result<(ClientId, Places), Refusal> {
        if let Some(claimed) = self.roster.claim() {
            return Ok(claimed);
        }
        let limit = self.roster.limit();
        let all_taken = || unavailable(format!("all {limit} connections are taken"));
        // Behind a limit that was lowered it is not one who is too many.
        let may_help = self.roster.connected() <= limit;
        let has_made_room = may_help && {
            let mut ledger = self.ledger.lock();
            let holds_few = match whose {
                Whose::Address(address) => ledger.places_of(Network::of(address)) < FEW,
                Whose::Proxy(_) => true,
            };
            holds_few && ledger.evict(&ANY, |outbox| outbox.ask_to_leave())
        };
        if !has_made_room {
            return Err(all_taken());
        }
        let deadline = Instant::now() + PLACE_WAIT;
        self.roster.claim_until(deadline).ok_or_else(all_taken)
    }

    /// Lets one in who has a place: from here on the rest of its head is waited for. Where as many wait
    /// as may, the one who has waited longest of the address with most of them has to leave.
    ///
    /// # Errors
    /// 429 and 503 where its address has as many places as it may.
    pub fn enter(
        self: &Arc<Self>,
        whose: Whose,
        places: Places,
        outbox: &Arc<Outbox>,
    ) -> Result<Ticket, Refusal> {
        let mut ledger = self.ledger.lock();
        let (peer, place) = match whose {
            Whose::Address(address) => {
                let network = Network::of(address);
                self.check_places(&ledger, network, places)?;
                ledger.add_place(network);
                (network, Some(network))
            }
            // Counted when a request has told for whom it is.
            Whose::Proxy(address) => (Network::of(address), None),
        };
        let number = self.add_head(&mut ledger, peer, outbox);
        drop(ledger);
        Ok(Ticket::new(self.clone(), peer, place, number))
    }

    /// One more waits for a head, and someone else no longer where they are too many.
    fn add_head(
        &self,
        ledger: &mut Ledger<Arc<Outbox>>,
        peer: Network,
        outbox: &Arc<Outbox>,
    ) -> u64 {
        if ledger.waiting(Waiting::Head) >= self.handshakes_max.load(Ordering::Relaxed) {
            // Where nobody can be asked, those who have waited longest have sent what their threads
            // are about to read; it is places that bound how many these are.
            ledger.evict(&[Waiting::Head], |outbox| outbox.ask_to_leave());
        }
        ledger.add_waiting(Waiting::Head, peer, outbox.clone())
    }

    /// # Errors
    /// 429 for an address that has as many places as one may have; 503 where few are left and it has
    /// its share of them.
    fn check_places(
        &self,
        ledger: &Ledger<Arc<Outbox>>,
        network: Network,
        places: Places,
    ) -> Result<(), Refusal> {
        let max = self.per_address_max.load(Ordering::Relaxed);
        // With the one that it has been given already.
        let share = share::of_one(places.left + 1, places.limit);
        if max == usize::MAX && share.is_none() {
            return Ok(());
        }
        let held = ledger.places_of(network);
        if held >= max {
            let why =
                format!("this address has {max} connections, which is the most that one may have");
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, why));
        }
        if let Some(share) = share.filter(|&share| held >= share) {
            let why = format!(
                "few connections are left, and this address has {held}: they are for those who have fewer than {share}"
            );
            return Err(unavailable(why));
        }
        Ok(())
    }

    /// Of the last requests that may be under way, an address gets a few at most.
    fn check_requests(
        &self,
        ledger: &Ledger<Arc<Outbox>>,
        network: Network,
    ) -> Result<(), Refusal> {
        let max = self.handshakes_max.load(Ordering::Relaxed);
        let left = max.saturating_sub(ledger.requests());
        if left == 0 {
            return Err(unavailable(format!("{max} requests are under way")));
        }
        if let Some(share) = share::of_one(left, max) {
            let held = ledger.requests_of(network);
            if held >= share {
                let why = format!("nearly {max} requests are under way, {held} of this address");
                return Err(unavailable(why));
            }
        }
        Ok(())
    }
}

fn unavailable(why: String) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why)
}
