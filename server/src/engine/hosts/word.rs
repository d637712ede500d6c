//! What a host says of itself, as it stands in Redis: a word that is small and read by all every second, and for each route a
//! list of its clients that is read where it has changed. JSON, so that whoever looks for trouble can read it; what a later
//! version adds is passed over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::elsewhere::{Far, Listing};
use crate::ids::{ClientId, HostNumber};
use crate::limits::{HOST_LISTED_MAX, LABEL_BYTES_MAX};
use crate::logging::is_visible;

/// What a host says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Word {
    /// What its machine is called.
    pub(super) machine: String,
    /// What it shares, by path.
    pub(super) routes: BTreeMap<Box<str>, RouteWord>,
}

/// What it says of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RouteWord {
    pub(super) clients: u64,
    /// Which list of them stands there, counted from 1; 0 where there is none.
    pub(super) list: u64,
    /// Its bytes.
    pub(super) list_bytes: usize,
}

/// A list as it stands there.
#[derive(Serialize, Deserialize)]
struct Written {
    list: u64,
    /// Number, label, address, seconds since 1970.
    clients: Vec<(u64, Box<str>, Box<str>, u64)>,
}

/// The names of the keys.
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Keys {
        Keys {
            prefix: prefix.to_owned(),
        }
    }

    /// The set of the hosts' numbers.
    pub(super) fn hosts(&self) -> String {
        format!("{}hosts", self.prefix)
    }

    /// The word of a host.
    pub(super) fn word(&self, host: HostNumber) -> String {
        format!("{}host:{host}", self.prefix)
    }

    /// The stream of a route.
    pub(super) fn stream(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// Its list of a route.
    pub(super) fn list(&self, host: HostNumber, path: &str) -> String {
        format!("{}host:{host}:{path}", self.prefix)
    }
}

impl Word {
    pub(super) fn to_json(&self) -> Vec<u8> {
        // Strings and numbers, and keys that are strings: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// None where something else stands there.
    pub(super) fn read(json: &[u8]) -> Option<Word> {
        let word: Word = serde_json::from_slice(json).ok()?;
        Some(Word {
            machine: fitting(word.machine.into()).into(),
            ..word
        })
    }
}

pub(super) fn list_to_json(list: &Listing) -> Vec<u8> {
    let clients = list.clients.iter();
    let written = Written {
        list: list.number,
        clients: clients
            .map(|of| (of.client.0, of.label.clone(), of.address.clone(), of.since))
            .collect(),
    };
    // As above.
    serde_json::to_vec(&written).unwrap_or_default()
}

/// None where something else stands there, or only a part of it.
pub(super) fn read_list(json: &[u8]) -> Option<Listing> {
    let Written { list, clients } = serde_json::from_slice(json).ok()?;
    let far = |(client, label, address, since): (u64, Box<str>, Box<str>, u64)| Far {
        client: ClientId(client),
        label: fitting(label),
        address: fitting(address),
        since,
    };
    let clients = clients.into_iter().take(HOST_LISTED_MAX);
    Some(Listing {
        number: list,
        clients: clients.map(far).collect(),
        ..Listing::default()
    })
}

/// Whoever can write into Redis writes no more into our logs and lists than a plugin of ours could.
fn fitting(text: Box<str>) -> Box<str> {
    match text.len() <= LABEL_BYTES_MAX && text.chars().all(is_visible) {
        true => text,
        false => Box::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Keys, RouteWord, Word, list_to_json, read_list};
    use crate::engine::hosts::elsewhere::{Far, Listing};
    use crate::ids::{ClientId, HostNumber};

    #[test]
    fn a_word_reads_as_it_was_written_whatever_a_later_version_adds() {
        let route = RouteWord {
            clients: 3,
            list: 7,
            list_bytes: 90,
        };
        let word = Word {
            machine: "web2".to_owned(),
            routes: [("/chat".into(), route)].into(),
        };
        let json = word.to_json();
        assert_eq!(Word::read(&json), Some(word.clone()));
        let later = String::from_utf8(json).expect("JSON");
        let later = later
            .replace("{\"machine\"", "{\"new\":[1],\"machine\"")
            .replace("{\"clients\"", "{\"new\":{},\"clients\"");
        assert_eq!(later.matches("new").count(), 2);
        assert_eq!(Word::read(later.as_bytes()), Some(word));
        let strange = br#"{"machine":"a\nb","routes":{}}"#;
        assert_eq!(Word::read(strange), Some(Word::default()));
        for wrong in ["", "{}", "7", "{\"machine\":\"a\"}"] {
            assert_eq!(Word::read(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_list_reads_as_it_was_written_and_half_of_it_is_none() {
        let far = |client, label: &str| Far {
            client: ClientId(client),
            label: label.into(),
            address: "192.0.2.1:4".into(),
            since: 5,
        };
        let list = Listing {
            number: 2,
            clients: vec![far(1, "ann \"a\""), far(u64::MAX, "")],
            ..Listing::default()
        };
        let json = list_to_json(&list);
        let read = read_list(&json).expect("a list");
        assert_eq!((read.number, &read.clients), (2, &list.clients));
        assert!(read_list(&json[..json.len() - 1]).is_none());
        let strange = br#"{"list":1,"clients":[[1,"a\nb","x",0]]}"#;
        assert_eq!(&*read_list(strange).expect("a list").clients[0].label, "");
    }

    #[test]
    fn keys_are_none_of_a_stream() {
        let (keys, host) = (Keys::new("detent:"), HostNumber(0x1a));
        assert_eq!(keys.hosts(), "detent:hosts");
        assert_eq!(keys.word(host), "detent:host:0000001a");
        assert_eq!(keys.list(host, "/chat"), "detent:host:0000001a:/chat");
    }
}
