//! Reads what is listened on: the plain list `listen`, and the `[[listener]]` tables beside it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use serde::Deserialize;

use super::forms::Form;
use super::listeners::{Listen, ListenerSettings};
use super::problem::Source;
use super::table::{Given, Table};
use crate::http::host::parse_port;
use crate::http::peer::Entry;
use crate::limits::settings as limits;

/// An address to listen on, or both families at once: what one text stands for.
pub(super) struct Addresses {
    all: Vec<SocketAddr>,
}

impl Form for Addresses {
    const EXPECTED: &'static str = "no address to listen on: write an IP address and a port, such as \
        \"127.0.0.1:25252\" or \"[::]:80\", or for IPv4 and IPv6 at once \"localhost:25252\" or \":80\"";

    fn parse(text: &str) -> Option<Addresses> {
        if let Ok(address) = text.parse() {
            return Some(Addresses { all: vec![address] });
        }
        let (host, port) = text.split_once(':')?;
        let port = parse_port(port).filter(|_| !port.is_empty())?;
        let both: [IpAddr; 2] = match host.to_ascii_lowercase().as_str() {
            "" | "*" => [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            "localhost" => [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            _ => return None,
        };
        let all = both.map(|ip| SocketAddr::new(ip, port)).into();
        Some(Addresses { all })
    }

    fn read(value: Spanned<DeValue<'_>>) -> Option<Addresses> {
        Addresses::parse(&String::deserialize(ValueDeserializer::from(value)).ok()?)
    }
}

impl Addresses {
    fn into_listeners(self, entry: Entry) -> impl Iterator<Item = ListenerSettings> {
        let is_pair = self.all.len() > 1;
        self.all.into_iter().map(move |address| ListenerSettings {
            listen: Listen::Tcp(address),
            is_optional: is_pair && address.is_ipv6(),
            entry,
        })
    }
}

/// The listeners so far, none of which leaves its address to another.
#[derive(Default)]
struct Taken(Vec<ListenerSettings>);

impl Taken {
    fn add(&mut self, table: &Table<'_>, key: &'static str, given: Given<Addresses>, entry: Entry) {
        for one in given.value.into_listeners(entry) {
            let mut others = self.0.iter();
            match others.find(|other| is_taken_by(&one.listen, &other.listen)) {
                None => self.0.push(one),
                Some(other) => {
                    let (written, other) = (&given.written, &other.listen);
                    let text =
                        format!("{written} is taken by {other} already: remove one of the two");
                    table.note_value(key, &given.source, &text);
                }
            }
        }
    }
}

/// Reads both: the list, and the tables.
pub(super) fn read(top: &mut Table<'_>) -> (Vec<ListenerSettings>, Vec<ListenerSettings>) {
    let empty = top.empty_list("listen");
    let given = top.list::<Addresses>("listen");
    let tables = top.tables("listener");
    if let Some(place) = empty.filter(|_| tables.is_empty()) {
        let text = "no address is left to listen on: name one, or leave the key away";
        top.note_value("listen", &Source::Place(place), text);
    }
    let mut taken = Taken::default();
    let has_list = given.is_some();
    for one in given.into_iter().flatten() {
        taken.add(top, "listen", one, Entry::default());
    }
    let plain = taken.0.len();
    for table in tables {
        read_one(table, &mut taken);
    }
    let own = taken.0.split_off(plain);
    if !has_list {
        taken.0.extend(default().filter(|one| {
            let mut others = own.iter();
            !others.any(|other| is_taken_by(&one.listen, &other.listen))
        }));
    }
    (taken.0, own)
}

/// What is listened on where nothing is said: unless a listener of its own has the address.
fn default() -> impl Iterator<Item = ListenerSettings> {
    let addresses = Addresses::parse(limits::LISTEN).into_iter();
    addresses.flat_map(|addresses| addresses.into_listeners(Entry::default()))
}

fn read_one(mut table: Table<'_>, taken: &mut Taken) {
    let is_there = table.contains("address");
    let address = table.given::<Addresses>("address");
    let entry = Entry {
        is_inside: table.value("inside").unwrap_or(false),
        has_proxy_protocol: table.value("proxy_protocol").unwrap_or(false),
    };
    if let Some(place) = table.place
        && !is_there
    {
        let text = "this listener has no `address`: add one, such as address = \"127.0.0.1:25253\"";
        table.document.note(Source::Place(place), text.to_owned());
    }
    if let Some(address) = address {
        taken.add(&table, "address", address, entry);
    }
    table.finish();
}

/// Whether who listens on `other` leaves `one` to nobody else.
fn is_taken_by(one: &Listen, other: &Listen) -> bool {
    let (Listen::Tcp(one), Listen::Tcp(other)) = (one, other);
    let is_same_ip = one.ip() == other.ip()
        || one.is_ipv4() == other.is_ipv4()
            && (one.ip().is_unspecified() || other.ip().is_unspecified());
    one.port() == other.port() && one.port() != 0 && is_same_ip
}
