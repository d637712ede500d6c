//! What is said to one client of another host: an entry of the stream like any other, which that host alone takes for more.
//! So it comes behind what was said to all before it, is sent again where it is not known whether it has arrived, and heard
//! once. Plain values.

use super::entry::Kind;
use crate::hub::{Event, Message};
use crate::ids::{Anywhere, ClientId, HostNumber};
use crate::journal::store::Line;
use crate::limits::CLOSE_REASON_BYTES_MAX;
use crate::outbox::cause::{Cause, Initiator, may_be_sent};
use crate::outbox::frame::Opcode;

/// Bytes of the payload before what is said: the host, and the client.
const TO_BYTES: usize = 4 + 8;

/// What one client is to get.
#[derive(Clone, Debug)]
pub enum Directed<'m> {
    /// A message: its frame's opcode, text or binary, and its payload.
    Message(Opcode, &'m [u8]),
    /// The end of its connection.
    Close(Cause),
}

impl Directed<'_> {
    /// The kind of its entry.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Directed::Message(..) => Kind::Told,
            Directed::Close(_) => Kind::Closed,
        }
    }

    /// As the payload of a message.
    pub(super) fn pack(&self, to: Anywhere) -> Message {
        let mut payload = Vec::with_capacity(TO_BYTES + 3);
        payload.extend_from_slice(&to.host.0.to_le_bytes());
        payload.extend_from_slice(&to.client.0.to_le_bytes());
        let opcode = match self {
            Directed::Message(opcode, message) => {
                payload.extend_from_slice(message);
                *opcode
            }
            Directed::Close(cause) => {
                payload.extend_from_slice(&cause.code.to_le_bytes());
                payload.push(u8::from(cause.initiator == Initiator::Plugin));
                payload.extend_from_slice(cause.reason.as_bytes());
                Opcode::Binary
            }
        };
        Message::new(opcode, &payload)
    }
}

/// What an entry of this kind means on `host`, and for which client; none where it is for another, or is none.
pub(super) fn read(
    kind: Kind,
    opcode: u8,
    payload: &[u8],
    host: HostNumber,
) -> Option<(ClientId, Event)> {
    let (of, rest) = payload.split_first_chunk()?;
    if u32::from_le_bytes(*of) != host.0 {
        return None;
    }
    let (client, rest) = rest.split_first_chunk()?;
    let client = ClientId(u64::from_le_bytes(*client));
    let event = match kind {
        Kind::Told => Event::Send {
            client,
            message: Message::read(opcode, rest)?,
        },
        Kind::Closed => {
            let ([low, high, by], reason) = rest.split_first_chunk()?;
            let code = u16::from_le_bytes([*low, *high]);
            let reason = std::str::from_utf8(reason).ok()?;
            if !may_be_sent(code.into()) || reason.len() > CLOSE_REASON_BYTES_MAX {
                return None;
            }
            let cause = match by {
                0 => Cause::server(code, reason.to_owned()),
                _ => Cause::plugin(code, reason.to_owned()),
            };
            Event::Close { client, cause }
        }
        _ => return None,
    };
    Some((client, event))
}

#[cfg(test)]
mod tests {
    use super::{Directed, read};
    use crate::engine::entry::Kind;
    use crate::hub::Event;
    use crate::ids::{Anywhere, ClientId, HostNumber};
    use crate::journal::store::Line;
    use crate::outbox::cause::Cause;
    use crate::outbox::frame::Opcode;

    const HERE: HostNumber = HostNumber(7);
    const TO: Anywhere = Anywhere {
        host: HERE,
        client: ClientId(9),
    };

    #[test]
    fn a_message_for_one_client_reads_as_it_was_written_and_on_its_host_alone() {
        for opcode in [Opcode::Text, Opcode::Binary] {
            let directed = Directed::Message(opcode, b"hi");
            let packed = directed.pack(TO);
            let read = |host| read(directed.kind(), packed.kind(), packed.payload(), host);
            let Some((of, Event::Send { client, message })) = read(HERE) else {
                panic!("it is for this host");
            };
            assert_eq!(of, client);
            assert_eq!((client, message.payload()), (ClientId(9), &b"hi"[..]));
            assert_eq!(message.kind(), opcode as u8);
            assert!(read(HostNumber(8)).is_none());
        }
    }

    #[test]
    fn an_end_reads_as_it_was_written_and_no_other_may_be_sent() {
        for cause in [Cause::plugin(4000, "away"), Cause::server(1008, "")] {
            let directed = Directed::Close(cause.clone());
            let packed = directed.pack(TO);
            let read = read(directed.kind(), packed.kind(), packed.payload(), HERE);
            let Some((
                client,
                Event::Close {
                    client: to,
                    cause: of,
                },
            )) = read
            else {
                panic!("it is for this host");
            };
            assert_eq!((client, to, of), (ClientId(9), ClientId(9), cause));
        }
        let long = "x".repeat(124);
        for wrong in [Cause::plugin(1006, ""), Cause::plugin(4000, long)] {
            let packed = Directed::Close(wrong).pack(TO);
            assert!(read(Kind::Closed, 2, packed.payload(), HERE).is_none());
        }
        let packed = Directed::Close(Cause::plugin(4000, "")).pack(TO);
        for cut in 0..packed.payload().len() {
            assert!(read(Kind::Closed, 2, &packed.payload()[..cut], HERE).is_none());
        }
    }
}
