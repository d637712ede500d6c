//! One newcomer: its permits, its place, its thread, or why it gets none of them.
//!
//! Runs on the acceptors' threads. Knows who is let in; knows nothing of listening.

use std::fmt::Arguments;
use std::sync::Arc;

use http::StatusCode;
use log::Level;
use parking_lot::Mutex;
use socket2::Socket;

use super::refuser::{Language, Refuser};
use super::way::Way;
use crate::connection::{self, Context, WayIn};
use crate::counters::COUNTERS;
use crate::http::peer::{Arrival, Peer, Remote, Shown};
use crate::http::refusal::Refusal;
use crate::ids::ClientId;
use crate::limits::memory::LEDGER;
use crate::outbox::Outbox;
use crate::outbox::drain::DrainHandle;
use crate::roster::admission::{Admission, Ticket};
use crate::roster::whose::Whose;
use crate::roster::{Places, Roster};
use crate::threads::{self, Name, Stacks, crash};

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
    way: Arc<Mutex<Way>>,
}

/// Whether the acceptor may go on at once.
pub(super) enum Next {
    /// It may.
    AtOnce,
    /// The machine has no more of something: after a little while.
    Later,
}

impl Door {
    pub(super) fn new(service: Arc<Service>, way: Arc<Mutex<Way>>) -> Door {
        let refuser = Refuser::new(service.drain.clone(), service.context.refusals.clone());
        Door {
            service,
            refuser,
            way,
        }
    }

    /// Whether the acceptor has to wait until others have gone.
    pub(super) fn is_crowded(&self) -> bool {
        self.service.drain.is_crowded()
    }

    /// Starts the thread of one who has just come, or refuses it. Waits only, and a little, for the
    /// place of one who has to leave for it.
    pub(super) fn take(&self, socket: Socket, remote: Remote) -> Next {
        COUNTERS.acceptors.accepted.add(1);
        let way = self.way.lock().clone();
        let arrival = Arrival {
            peer: Peer::Direct(remote),
            entry: way.entry,
        };
        let (whose, client, places) = match self.find_place(&arrival) {
            Ok(found) => found,
            Err(refusal) => {
                self.refuse(socket, remote, &refusal);
                return Next::AtOnce;
            }
        };
        let before = self.service.roster.traffic(client).exchanged();
        let drain = self.service.drain.clone();
        let outbox = Outbox::counting_from(before, socket, client, drain);
        match self.service.admission.enter(whose, places, &outbox) {
            Ok(ticket) => self.start(client, &outbox, (arrival, way.tls), ticket),
            Err(refusal) => {
                self.service.roster.give_back(client);
                self.refuser
                    .answer(&outbox, self.shown(remote), &refusal, self.language());
                Next::AtOnce
            }
        }
    }

    fn find_place(&self, arrival: &Arrival) -> Result<(Whose, ClientId, Places), Refusal> {
        let Service {
            admission, context, ..
        } = &*self.service;
        if LEDGER.is_closed() {
            let why = "the server has no memory left for a connection";
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why));
        }
        let rules = &context.sites.current().rules;
        let whose = Whose::of_arrival(arrival, &rules.trusted_proxies)?;
        let (client, places) = admission.claim_place(whose)?;
        Ok((whose, client, places))
    }

    fn start(
        &self,
        client: ClientId,
        outbox: &Arc<Outbox>,
        (arrival, tls): WayIn,
        mut ticket: Ticket,
    ) -> Next {
        let (context, thread_outbox) = (self.service.context.clone(), outbox.clone());
        let roster = self.service.roster.clone();
        let started = self.service.roster.hold(client, outbox.clone(), || {
            let name = Name::of(&["client-", itoa::Buffer::new().format(client.0)]);
            threads::spawn(&self.service.stacks, name, move || {
                let _says_whose = crash::run_for(roster.activity(client).word(), client.0);
                connection::run(
                    &context,
                    client,
                    &thread_outbox,
                    (arrival, tls.clone()),
                    &mut ticket,
                );
            })
        });
        let Err(error) = started else {
            return Next::AtOnce;
        };
        let line = format_args!("no thread for a connection: {error}");
        self.note(Level::Warn, line);
        let why = "the machine has no thread left for a connection";
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why);
        let shown = self.shown(arrival.peer.remote());
        self.refuser
            .answer(outbox, shown, &refusal, self.language());
        Next::Later
    }

    /// Tells one who has come that it is not let in.
    pub(super) fn refuse(&self, socket: Socket, remote: Remote, refusal: &Refusal) {
        self.refuser
            .refuse(socket, self.shown(remote), refusal, self.language());
    }

    /// No file is left: those who have their answer and linger have to go.
    pub(super) fn make_room(&self) {
        self.service.drain.cut_leaving();
    }

    /// What who comes by this listener understands before it has a thread.
    fn language(&self) -> Language {
        match self.way.lock().tls {
            Some(_) => Language::Tls,
            None => Language::Http,
        }
    }

    fn shown(&self, remote: Remote) -> Shown {
        let rules = &self.service.context.sites.current().rules;
        Peer::Direct(remote).shown(&rules.trusted_proxies)
    }

    /// Logs what an acceptor has to say.
    pub(super) fn note(&self, level: Level, line: Arguments<'_>) {
        self.service.context.refusals.note(level, line);
    }
}
