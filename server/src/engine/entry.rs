//! An entry of a route's stream: what stands in it, as bytes and as values. Plain values.
//!
//! An entry has two fields: `m`, what is known of it, and `p`, its payload. The first byte behind the instance is a version,
//! so that hosts of two versions can share a route while one after the other is upgraded.

use std::fmt;
use std::io::Write;

use redis::Value;

use super::link::Instance;
use crate::limits::TOPIC_BYTES_MAX;

/// Of the form of `m`.
const VERSION: u8 = 1;
/// Bytes of `m` before the topic.
const HEAD_BYTES: usize = 4 + 3 + 4 * 8 + 4;
/// Where its number stands behind the instance.
const NUMBER_AT: usize = 3 + 8;
const NOBODY: u64 = u64::MAX;
const NO_PLACE: u32 = u32::MAX;

/// Where an entry stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamId {
    /// The time in milliseconds since 1970 at which counting began.
    pub(super) epoch: u64,
    pub(super) offset: u64,
}

impl StreamId {
    pub(super) fn parse(text: &[u8]) -> Option<StreamId> {
        let (epoch, offset) = std::str::from_utf8(text).ok()?.split_once('-')?;
        Some(StreamId {
            epoch: epoch.parse().ok()?,
            offset: offset.parse().ok()?,
        })
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.offset)
    }
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A message that is kept nowhere.
    Said = 1,
    /// A message that is kept.
    Kept = 2,
    /// From here on is counted in another epoch; the payload is the number of the one before.
    Epoch = 3,
    /// Of the epoch whose number is the payload a host has read what is not there any more.
    Lost = 4,
    /// A message for one client of another host.
    Told = 5,
    /// The end of such a client's connection.
    Closed = 6,
}

/// What is known of an entry beside its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) kind: Kind,
    /// Of the message's frame.
    pub(super) opcode: u8,
    /// The run of a server that has put it in, and its number among what that has.
    pub(super) host: u64,
    pub(super) number: u64,
    /// The client of that host that is not to hear it.
    pub(super) except: Option<u64>,
    /// When it was said, in milliseconds since 1970.
    pub(super) at: u64,
    /// Where in the payload its position is to be written.
    pub(super) position_at: Option<u32>,
    /// Empty for everyone.
    pub(super) topic: Box<str>,
}

/// One entry as it was read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: StreamId,
    /// None where nothing of this form stands there.
    pub(super) body: Option<Body>,
}

/// What stands in it.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) instance: Instance,
    pub(super) meta: Meta,
    pub(super) payload: Vec<u8>,
}

/// The fields as Redis takes them, but for the instance, which is known when they are sent.
#[derive(Debug)]
pub(super) struct Packed {
    meta_bytes: usize,
    tail: Vec<u8>,
}

impl Packed {
    pub(super) fn new(meta: &Meta, payload: &[u8]) -> Packed {
        let topic = meta.topic.as_bytes();
        let mut tail = Vec::with_capacity(HEAD_BYTES + topic.len() + payload.len() + 48);
        tail.extend_from_slice(&[VERSION, meta.kind as u8, meta.opcode]);
        for number in [
            meta.host,
            meta.number,
            meta.at,
            meta.except.unwrap_or(NOBODY),
        ] {
            tail.extend_from_slice(&number.to_le_bytes());
        }
        tail.extend_from_slice(&meta.position_at.unwrap_or(NO_PLACE).to_le_bytes());
        tail.extend_from_slice(topic);
        // Writing to memory cannot fail.
        write!(tail, "\r\n$1\r\np\r\n${}\r\n", payload.len()).ok();
        tail.extend_from_slice(payload);
        tail.extend_from_slice(b"\r\n");
        Packed {
            meta_bytes: HEAD_BYTES + topic.len(),
            tail,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.tail.len()
    }

    /// Its number among what its host has put in.
    pub(super) fn set_number(&mut self, number: u64) {
        self.tail[NUMBER_AT..NUMBER_AT + 8].copy_from_slice(&number.to_le_bytes());
    }

    /// Adds the command that puts it into the stream `key`, where that is there, as the next entry of `epoch`, and lets go
    /// what is there beside the last `most` or so.
    pub(super) fn add(&self, out: &mut Vec<u8>, key: &str, most: u64, epoch: u64, of: Instance) {
        let (most, id) = (most.to_string(), format!("{epoch}-*"));
        self.command(
            out,
            &["XADD", key, "NOMKSTREAM", "MAXLEN", "~", &most, &id],
            of,
        );
    }

    /// Adds the command that puts it into the stream `key`, whether or not that is there, under this name.
    pub(super) fn add_as(&self, out: &mut Vec<u8>, key: &str, id: StreamId, of: Instance) {
        self.command(out, &["XADD", key, &id.to_string()], of);
    }

    fn command(&self, out: &mut Vec<u8>, words: &[&str], Instance(instance): Instance) {
        // Writing to memory cannot fail.
        write!(out, "*{}\r\n", words.len() + 4).ok();
        for word in words {
            write!(out, "${}\r\n{word}\r\n", word.len()).ok();
        }
        write!(out, "$1\r\nm\r\n${}\r\n", self.meta_bytes).ok();
        out.extend_from_slice(&instance.to_le_bytes());
        out.extend_from_slice(&self.tail);
    }
}

impl Entry {
    /// Reads one element of what `XRANGE` and `XREAD` answer.
    pub(super) fn read(value: Value) -> Option<Entry> {
        let Value::Array(parts) = value else {
            return None;
        };
        let [Value::BulkString(id), fields] = <[Value; 2]>::try_from(parts).ok()? else {
            return None;
        };
        Some(Entry {
            id: StreamId::parse(&id)?,
            body: Body::read(fields),
        })
    }
}

impl Body {
    /// The number that its payload is.
    pub(super) fn number(&self) -> Option<u64> {
        let bytes = self.payload.as_slice().try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    fn read(fields: Value) -> Option<Body> {
        let Value::Array(fields) = fields else {
            return None;
        };
        let fields = <[Value; 4]>::try_from(fields).ok()?;
        let [
            Value::BulkString(m),
            Value::BulkString(meta),
            Value::BulkString(p),
            Value::BulkString(payload),
        ] = fields
        else {
            return None;
        };
        if m != b"m" || p != b"p" {
            return None;
        }
        let (instance, meta) = meta.split_first_chunk()?;
        Some(Body {
            instance: Instance(u32::from_le_bytes(*instance)),
            meta: Meta::read(meta)?,
            payload,
        })
    }
}

impl Meta {
    fn read(bytes: &[u8]) -> Option<Meta> {
        let ([version, kind, opcode], mut rest) = bytes.split_first_chunk()?;
        if *version != VERSION {
            return None;
        }
        let kinds = [
            Kind::Said,
            Kind::Kept,
            Kind::Epoch,
            Kind::Lost,
            Kind::Told,
            Kind::Closed,
        ];
        let kind = kinds.into_iter().find(|of| *of as u8 == *kind)?;
        let mut number = || {
            let (number, behind) = rest.split_first_chunk()?;
            rest = behind;
            Some(u64::from_le_bytes(*number))
        };
        let [host, sequence, at, except] = [number()?, number()?, number()?, number()?];
        let (place, topic) = rest.split_first_chunk()?;
        let place = u32::from_le_bytes(*place);
        let topic = std::str::from_utf8(topic).ok()?;
        (topic.len() <= TOPIC_BYTES_MAX).then(|| Meta {
            kind,
            opcode: *opcode,
            host,
            number: sequence,
            except: (except != NOBODY).then_some(except),
            at,
            position_at: (place != NO_PLACE).then_some(place),
            topic: topic.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::{Body, Entry, Kind, Meta, Packed, StreamId};
    use crate::engine::link::Instance;

    fn meta() -> Meta {
        Meta {
            kind: Kind::Kept,
            opcode: 1,
            host: 7,
            number: 8,
            except: Some(9),
            at: 10,
            position_at: Some(11),
            topic: "naïve".into(),
        }
    }

    /// What Redis would give back of a command.
    fn fields(command: &[u8]) -> Value {
        let value = redis::parse_redis_value(command).expect("a whole command");
        let Value::Array(mut words) = value else {
            panic!("a command is an array")
        };
        Value::Array(words.split_off(words.len() - 4))
    }

    #[test]
    fn an_entry_reads_as_it_was_written() {
        for meta in [
            meta(),
            Meta {
                kind: Kind::Said,
                except: None,
                position_at: None,
                topic: "".into(),
                ..meta()
            },
        ] {
            let payload = b"any\r\n\0bytes";
            let mut command = Vec::new();
            let unnumbered = Meta {
                number: 0,
                ..meta.clone()
            };
            let mut packed = Packed::new(&unnumbered, payload);
            packed.set_number(meta.number);
            packed.add(&mut command, "detent:/a", 10, 5, Instance(3));
            let text = String::from_utf8_lossy(&command);
            assert!(
                text.contains("NOMKSTREAM") && text.contains("5-*"),
                "{text}"
            );
            let body = Body::read(fields(&command)).expect("it is one");
            assert_eq!(body.instance, Instance(3));
            assert_eq!(body.meta, meta);
            assert_eq!(body.payload, payload);
        }
    }

    #[test]
    fn what_others_have_put_there_is_none() {
        let bulk = |text: &str| Value::BulkString(text.into());
        let of = |fields: Vec<Value>| Value::Array(vec![bulk("5-6"), Value::Array(fields)]);
        for fields in [
            vec![],
            vec![bulk("a"), bulk("b")],
            vec![bulk("m"), bulk(""), bulk("p"), bulk("")],
            vec![bulk("m"), bulk("xxxxxxxx"), bulk("p"), bulk("")],
        ] {
            let entry = Entry::read(of(fields)).expect("an entry, whatever is in it");
            assert_eq!(
                entry.id,
                StreamId {
                    epoch: 5,
                    offset: 6
                }
            );
            assert!(entry.body.is_none());
        }
    }

    /// Cause: hosts of two versions share a route while one after the other is upgraded.
    #[test]
    fn a_kind_that_a_later_version_has_is_none() {
        let mut command = Vec::new();
        Packed::new(&meta(), b"x").add(&mut command, "detent:/a", 10, 5, Instance(3));
        let head = b"m\r\n$49\r\n";
        let at = command.windows(head.len()).position(|of| of == head);
        // The instance has 4 bytes, the version 1.
        let kind = at.expect("it is there") + head.len() + 5;
        assert_eq!(command[kind], Kind::Kept as u8);
        for later in [0, 7, u8::MAX] {
            command[kind] = later;
            assert!(Body::read(fields(&command)).is_none(), "{later}");
        }
    }

    #[test]
    fn names_of_entries_are_ordered_as_redis_orders_them() {
        let id = |text: &str| StreamId::parse(text.as_bytes()).expect(text);
        assert!(id("5-7") < id("5-10") && id("5-10") < id("12-0"));
        assert_eq!(id("5-10").to_string(), "5-10");
        for wrong in ["", "5", "5-", "-5", "a-b"] {
            assert_eq!(StreamId::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
