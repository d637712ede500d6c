//! A route with real neighbours: hub, drain thread, roster, and clients whose sockets are pairs.
#![allow(unsafe_code)]

use std::io::Read;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use plugin_api::abi::{BINARY, NO_CLIENT};

use super::model::Heard;
use crate::hub::{Event, Hub, RouteHandle};
use crate::ids::{ClientId, RouteId};
use crate::outbox::drain::Drain;
use crate::outbox::{Bounds, Ending, Outbox, forget_own_outbox, set_own_outbox};
use crate::plugin::host::host_table;
use crate::plugin::host::{RouteHost, RouteParts, Services};
use crate::roster::Roster;

/// Number of the client whose connection thread makes the calls.
pub(super) const OWN: usize = 0;
/// Number of the client on another route.
pub(super) const FOREIGN: usize = 2;

/// What each timer sends to everyone.
const TICK: &[u8] = b"a timer of this route is due";

pub(super) struct World {
    pub(super) host: &'static RouteHost,
    /// Own, another of the route, foreign.
    pub(super) guests: Vec<Guest>,
    roster: Arc<Roster>,
    hub: Hub,
    drain: Drain,
}

pub(super) struct Guest {
    pub(super) id: ClientId,
    outbox: Arc<Outbox>,
    peer: UnixStream,
}

impl World {
    pub(super) fn new() -> World {
        let (hub, drain) = (Hub::start(|_| {}), Drain::start());
        let (hub, drain) = (hub.expect("a thread"), drain.expect("a thread"));
        let roster = Arc::new(Roster::new(4));
        let services = Services {
            roster: roster.clone(),
            hub: hub.handle(),
            folders: Arc::default(),
        };
        let ways = [RouteId(0), RouteId(1)].map(|route| (route, hub.handle().open(route)));
        let parts = RouteParts {
            id: RouteId(0),
            path: "/fuzz".into(),
            services,
            hub: ways[0].1.clone(),
            clients: Arc::new(AtomicU64::new(2)),
            times: Arc::default(),
            own_metrics: Arc::default(),
            has_file: Arc::default(),
            shared: Arc::default(),
        };
        let guests = [0, 0, 1].map(|route| Guest::enter(&ways[route], &roster, &drain));
        set_own_outbox(guests[OWN].id, RouteId(0), guests[OWN].outbox.clone());
        World {
            host: RouteHost::leak(host_table::table(), parts, "fuzz", "{}", None),
            guests: guests.into(),
            roster,
            hub,
            drain,
        }
    }

    /// The instance goes to work.
    pub(super) fn start(&self) {
        let host = self.host;
        host.outgoing.release();
        host.timers.start(Arc::new(move |_| {
            // It may have gone.
            host.broadcast(BINARY, TICK, NO_CLIENT).ok();
            None
        }));
    }

    /// The instance has gone.
    pub(super) fn end_instance(&self) {
        self.host.outgoing.end();
        if let Some(end) = self.host.timers.end() {
            end.wait();
        }
    }

    /// A client of the route leaves it; its socket stays.
    pub(super) fn depart(&self, guest: usize) {
        let client = self.guests[guest].id;
        self.roster.close(client);
        self.host.route.hub.post(Event::Closed { client });
    }

    /// Ends everything behind all that was told; gives what each client heard, without the timers'.
    pub(super) fn end(self) -> Vec<Vec<Heard>> {
        self.end_instance();
        forget_own_outbox();
        self.hub.end();
        let heard = self.guests.into_iter().map(Guest::end).collect();
        self.drain.end();
        let host = std::ptr::from_ref(self.host).cast_mut();
        // SAFETY: it was leaked from a box, and the threads that had it have been joined.
        drop(unsafe { Box::from_raw(host) });
        heard
    }
}

impl Guest {
    fn enter((route, hub): &(RouteId, RouteHandle), roster: &Roster, drain: &Drain) -> Guest {
        let (socket, peer) = UnixStream::pair().expect("two descriptors");
        peer.set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a valid timeout");
        let (id, _) = roster.claim().expect("a slot is free");
        // The outbox only sends and shuts down; no port is used up.
        let socket = TcpStream::from(OwnedFd::from(socket));
        let outbox = Outbox::new(socket, id, drain.handle());
        outbox.set_bounds(Bounds {
            backlog_bytes_max: usize::MAX,
            write_timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(20),
            ..Bounds::default()
        });
        roster.open(id, *route);
        hub.post(Event::Opened {
            client: id,
            outbox: outbox.clone(),
        });
        Guest { id, outbox, peer }
    }

    fn end(mut self) -> Vec<Heard> {
        self.outbox.finish(Ending::Complete);
        let mut bytes = Vec::new();
        self.peer
            .read_to_end(&mut bytes)
            .expect("it ends in good order");
        let heard = frames(&bytes).into_iter();
        heard.filter(|heard| heard.1 != TICK).collect()
    }
}

/// Frames of a server, each held to RFC 6455 section 5.
fn frames(mut bytes: &[u8]) -> Vec<Heard> {
    let mut frames: Vec<Heard> = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert!(
            frames.last().is_none_or(|last| last.0 != 8),
            "behind a Close frame"
        );
        let (length, least, rest) = match second {
            126 => {
                let (length, rest) = rest.split_at(2);
                (
                    u64::from(u16::from_be_bytes([length[0], length[1]])),
                    126,
                    rest,
                )
            }
            127 => {
                let (length, rest) = rest.split_first_chunk().expect("a length");
                (u64::from_be_bytes(*length), 65_536, rest)
            }
            short => ((*short).into(), 0, rest),
        };
        assert!(
            length >= least && *second < 128,
            "length {length}, {second}"
        );
        let (payload, rest) = rest.split_at(usize::try_from(length).expect("it is here"));
        bytes = rest;
        match first {
            0x81 => drop(std::str::from_utf8(payload).expect("text")),
            0x82 => {}
            0x88 => {
                let (_, reason) = payload.split_at(2);
                assert!(payload.len() < 126 && std::str::from_utf8(reason).is_ok());
            }
            other => panic!("first byte {other:#x}"),
        }
        frames.push((first & 0x0f, payload.to_vec()));
    }
    assert!(bytes.is_empty(), "half a header");
    frames
}
