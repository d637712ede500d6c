//! What stands inside the WebSockets of socket.io: packets of Engine.IO 4, in those packets of Socket.IO 5.

use std::time::Instant;

use bench::wire::{self, TEXT};

use super::{Outgoing, Traffic};

/// Engine.IO's first word; the client answers that it wants to be in the main namespace.
const OPEN: u8 = b'0';
const CONNECT: &[u8] = b"40";
const PING: &[u8] = b"2";
const PONG: &[u8] = b"3";
/// An event of the name that the peer's program gives, and its text, which needs no escapes in any load.
const EVENT: &[u8] = b"42[\"m\",\"";
const EVENT_END: &[u8] = b"\"]";

/// Takes the messages out of the packets, and answers those that want an answer.
pub(super) struct Unpacking<'t, T> {
    pub(super) traffic: &'t mut T,
}

impl<T: Traffic> Traffic for Unpacking<'_, T> {
    fn message(&mut self, client: usize, packet: &[u8], now: Instant, outgoing: &mut Outgoing) {
        if let Some(text) = packet
            .strip_prefix(EVENT)
            .and_then(|of| of.strip_suffix(EVENT_END))
        {
            return self.traffic.message(client, text, now, outgoing);
        }
        if packet.first() == Some(&OPEN) {
            wire::append_masked(outgoing.of(client), TEXT, CONNECT);
        } else if packet == PING {
            wire::append_masked(outgoing.of(client), TEXT, PONG);
        } else if !packet.starts_with(CONNECT) {
            // Not what was said; the load counts it as wrong.
            self.traffic.message(client, packet, now, outgoing);
        }
    }
}
