//! One newcomer: its permits, its place, its thread, or why it gets none of them.
//!
//! Runs on the acceptors' threads. Knows who is let in; knows nothing of listening.

use std::fmt::Arguments;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use http::StatusCode;
use log::Level;
use parking_lot::Mutex;

use super::refuser::Refuser;
use crate::connection::{self, Context};
use crate::counters::COUNTERS;
use crate::http::peer::{Arrival, Entry, Peer};
use crate::outbox::Outbox;
use crate::outbox::drain::DrainHandle;
use crate::roster::Roster;
use crate::roster::admission::{Admission, Permits, too_many};
use crate::roster::whose::Whose;
use crate::threads::{self, Stacks};

/// What all acceptors share.
pub struct Service {
    /// Permits.
    pub roster: Arc<Roster>,
    /// For outboxes.
    pub drain: DrainHandle,
    /// Who is let in.
    pub admission: Arc<Admission>,
    /// For connection threads.
    pub context: Arc<Context>,
    /// Theirs.
    pub stacks: Arc<Stacks>,
}

/// Lets in or refuses whom one acceptor has accepted.
pub(super) struct Door {
    service: Arc<Service>,
    refuser: Refuser,
    /// What holds for who comes by this listener; a reload may change it.
    entry: Arc<Mutex<Entry>>,
}

/// Whether the acceptor may go on at once.
pub(super) enum Next {
    /// It may.
    AtOnce,
    /// The machine has no more of something: after a little while.
    Later,
}

impl Door {
    pub(super) fn new(service: Arc<Service>, entry: Arc<Mutex<Entry>>) -> Door {
        let refuser = Refuser::new(service.drain.clone(), service.context.refusals.clone());
        Door {
            service,
            refuser,
            entry,
        }
    }

    /// Starts the thread of one who has just come, or refuses it. Never waits.
    pub(super) fn take(&self, socket: TcpStream, peer: SocketAddr) -> Next {
        COUNTERS.acceptors.accepted.add(1);
        let arrival = Arrival {
            peer: Peer::Tcp(peer),
            entry: *self.entry.lock(),
        };
        let permits = match self.permit(&arrival) {
            Ok(permits) => permits,
            Err((status, why)) => {
                self.refuse(socket, peer, status, &why);
                return Next::AtOnce;
            }
        };
        let Some(client) = self.service.roster.claim() else {
            let limit = self.service.roster.limit();
            let why = format!("all {limit} connections are taken");
            self.refuse(socket, peer, StatusCode::SERVICE_UNAVAILABLE, &why);
            return Next::AtOnce;
        };
        let (presence, drain) = (self.service.roster.presence(), self.service.drain.clone());
        let outbox = Outbox::new(socket, client, presence, drain);
        let (context, thread_outbox) = (self.service.context.clone(), outbox.clone());
        let started = self.service.roster.hold(client, outbox.clone(), || {
            let name = format!("client-{client}");
            threads::spawn(&self.service.stacks, &name, move || {
                connection::run(&context, client, thread_outbox, arrival, permits);
            })
        });
        match started {
            Ok(()) => Next::AtOnce,
            Err(error) => {
                let line = format_args!("no thread for a connection: {error}");
                self.note(Level::Warn, line);
                let why = "the machine has no thread left for a connection";
                Refuser::answer(&outbox, StatusCode::SERVICE_UNAVAILABLE, why);
                Next::Later
            }
        }
    }

    /// A proxy's connections are those of many clients: they are counted when the request has told
    /// whose they are.
    fn permit(&self, arrival: &Arrival) -> Result<Permits, (StatusCode, String)> {
        let Service {
            admission, context, ..
        } = &*self.service;
        let handshake = admission.claim_handshake().map_err(|max| {
            let why = format!("{max} handshakes are under way");
            (StatusCode::SERVICE_UNAVAILABLE, why)
        })?;
        let rules = &context.sites.current().rules;
        let address = match Whose::of_arrival(arrival, &rules.trusted_proxies)? {
            Whose::Proxy => None,
            Whose::Address(address) => Some(admission.claim_address(address).map_err(too_many)?),
        };
        Ok(Permits { handshake, address })
    }

    /// Tells one who has come that it is not let in.
    pub(super) fn refuse(
        &self,
        socket: TcpStream,
        peer: SocketAddr,
        status: StatusCode,
        why: &str,
    ) {
        let shown = {
            let rules = &self.service.context.sites.current().rules;
            Peer::Tcp(peer).shown(&rules.trusted_proxies)
        };
        self.refuser.refuse(socket, shown, status, why);
    }

    /// Logs what an acceptor has to say.
    pub(super) fn note(&self, level: Level, line: Arguments<'_>) {
        self.service.context.refusals.note(level, line);
    }
}
