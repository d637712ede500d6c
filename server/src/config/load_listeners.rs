//! Reads what is listened on: the plain list `listen`, and the `[[listener]]` tables beside it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use serde::Deserialize;

use super::accounts::{self, Account};
use super::forms::{Form, Mode, Text};
use super::listeners::{FileAccess, Listen, ListenerSettings, TlsSettings};
use super::load_tls;
use super::problem::Source;
use super::table::{Given, Table};
use crate::http::host::parse_port;
use crate::http::peer::Entry;
use crate::limits::settings as limits;

/// What one text stands for.
pub(super) enum Addresses {
    /// An address to listen on, or both families at once.
    Tcp(Vec<SocketAddr>),
    /// A unix socket.
    Unix(PathBuf),
    /// What systemd passes under this name.
    Passed(String),
}

impl Form for Addresses {
    const EXPECTED: &'static str = "no address to listen on: write an IP address and a port, such as \
        \"127.0.0.1:25252\" or \"[::]:80\", for IPv4 and IPv6 at once \"localhost:25252\" or \":80\", a unix \
        socket, such as \"unix:/run/detent/detent.sock\", or \"systemd:detent\" for what systemd passes by this name";

    fn parse(text: &str) -> Option<Addresses> {
        if let Ok(address) = text.parse() {
            return Some(Addresses::Tcp(vec![address]));
        }
        if let Some(path) = text.strip_prefix("unix:") {
            // Abstract names have no permissions: any process of the machine could take them, or come by them.
            let is_path = !path.is_empty() && !path.starts_with('@') && !path.contains('\0');
            return is_path.then(|| Addresses::Unix(path.into()));
        }
        if let Some(name) = text.strip_prefix("systemd:") {
            // What systemd takes as FileDescriptorName=.
            let is_allowed = |byte: u8| byte.is_ascii() && !byte.is_ascii_control() && byte != b':';
            let is_name = (1..=255).contains(&name.len()) && name.bytes().all(is_allowed);
            return is_name.then(|| Addresses::Passed(name.to_owned()));
        }
        let (host, port) = text.split_once(':')?;
        let port = parse_port(port).filter(|_| !port.is_empty())?;
        let both: [IpAddr; 2] = match host.to_ascii_lowercase().as_str() {
            "" | "*" => [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            "localhost" => [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            _ => return None,
        };
        Some(Addresses::Tcp(
            both.map(|ip| SocketAddr::new(ip, port)).into(),
        ))
    }

    fn read(value: Spanned<DeValue<'_>>) -> Option<Addresses> {
        Addresses::parse(&String::deserialize(ValueDeserializer::from(value)).ok()?)
    }
}

impl Addresses {
    /// The one thing that it stands for; none where it is two addresses at once.
    pub(super) fn into_one(self, folder: &Path) -> Option<Listen> {
        let mut listens = self.into_listens(folder).into_iter();
        listens.next().filter(|_| listens.next().is_none())
    }

    /// What of it is to be listened on. `folder` is where relative paths begin.
    fn into_listens(self, folder: &Path) -> Vec<Listen> {
        match self {
            Addresses::Tcp(all) => all.into_iter().map(Listen::Tcp).collect(),
            Addresses::Unix(path) => vec![Listen::Unix(absolute(&folder.join(path)))],
            Addresses::Passed(name) => vec![Listen::Passed(name)],
        }
    }
}

/// Fails where the working directory has been removed: then nothing relative works anyway.
fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.components().collect()
}

/// What a listener has beside its address.
#[derive(Clone, Default)]
struct Ways {
    entry: Entry,
    access: FileAccess,
    shares_port: bool,
    tls: Option<TlsSettings>,
    redirects: bool,
}

/// The listeners so far, none of which leaves its address to another.
struct Taken<'a> {
    listeners: Vec<ListenerSettings>,
    /// Of the file of settings.
    folder: &'a Path,
}

impl Taken<'_> {
    fn add(&mut self, table: &Table<'_>, key: &'static str, given: Given<Addresses>, ways: &Ways) {
        let folder = match given.source {
            Source::Flag(_) => Path::new(""),
            Source::File | Source::Place(_) => self.folder,
        };
        let listens = given.value.into_listens(folder);
        let is_pair = listens.len() > 1;
        for listen in listens {
            let mut others = self.listeners.iter().map(|other| &other.listen);
            if let Some(other) = others.find(|other| is_taken_by(&listen, other)) {
                let written = &given.written;
                let text = format!("{written} is taken by {other} already: remove one of the two");
                table.note_value(key, &given.source, &text);
                continue;
            }
            if let Some(why) = wrong_path(&listen) {
                table.note_value(key, &given.source, &why);
            }
            self.listeners.push(settings(listen, is_pair, ways));
        }
    }
}

fn settings(listen: Listen, is_pair: bool, ways: &Ways) -> ListenerSettings {
    let is_ipv6 = matches!(listen, Listen::Tcp(address) if address.is_ipv6());
    ListenerSettings {
        listen,
        is_optional: is_pair && is_ipv6,
        entry: ways.entry,
        access: ways.access,
        shares_port: ways.shares_port,
        tls: ways.tls.clone(),
        redirects: ways.redirects,
    }
}

/// Why no socket can have this path; none where one can.
pub(super) fn wrong_path(listen: &Listen) -> Option<String> {
    let Listen::Unix(path) = listen else {
        return None;
    };
    let (length, most) = (path.as_os_str().as_bytes().len(), limits::SOCKET_PATH_BYTES);
    if length > most {
        return Some(format!(
            "{listen} has {length} bytes behind `unix:`, and the path of a unix socket has {most} at most: choose \
             a shorter one, such as /run/detent/detent.sock"
        ));
    }
    let is_folder = path.file_name().is_none();
    is_folder.then(|| format!("{listen} names a folder: add a name for the socket to it"))
}

/// Reads both: the list, and the tables. `folder` is that of the file.
pub(super) fn read(
    top: &mut Table<'_>,
    folder: &Path,
) -> (Vec<ListenerSettings>, Vec<ListenerSettings>) {
    let empty = top.empty_list("listen");
    let given = top.list::<Addresses>("listen");
    let tables = top.tables("listener");
    if let Some(place) = empty.filter(|_| tables.is_empty()) {
        let text = "no address is left to listen on: name one, or leave the key away";
        top.note_value("listen", &Source::Place(place), text);
    }
    let mut taken = Taken {
        listeners: Vec::new(),
        folder,
    };
    let has_list = given.is_some();
    for one in given.into_iter().flatten() {
        taken.add(top, "listen", one, &Ways::default());
    }
    let plain = taken.listeners.len();
    let mut redirects = Vec::new();
    for table in tables {
        redirects.extend(read_one(table, &mut taken));
    }
    if !taken.listeners.iter().any(|of| of.tls.is_some()) {
        let text = "no [[listener]] has `tls`, so that there is nowhere to send people to";
        for source in redirects {
            top.document.note(source, format!("`redirect`: {text}"));
        }
    }
    let own = taken.listeners.split_off(plain);
    let mut listen = taken.listeners;
    if !has_list {
        listen.extend(default().filter(|one| {
            let mut others = own.iter();
            !others.any(|other| is_taken_by(&one.listen, &other.listen))
        }));
    }
    (listen, own)
}

/// What is listened on where nothing is said: unless a listener of its own has the address.
fn default() -> impl Iterator<Item = ListenerSettings> {
    let addresses = Addresses::parse(limits::LISTEN).into_iter();
    let listens = addresses.flat_map(|addresses| addresses.into_listens(Path::new("")));
    listens.map(|listen| settings(listen, false, &Ways::default()))
}

/// Reads one; gives the place where it redirects, if it does.
fn read_one(mut table: Table<'_>, taken: &mut Taken<'_>) -> Option<Source> {
    let is_there = table.contains("address");
    let address = table.given::<Addresses>("address");
    let entry = Entry {
        is_inside: table.value("inside").unwrap_or(false),
        has_proxy_protocol: table.value("proxy_protocol").unwrap_or(false),
        ..Entry::default()
    };
    let kind = address.as_ref().map(|given| &given.value);
    let access = read_access(&mut table, kind);
    let shares_port = table.given::<bool>("reuse_port");
    if let (Some(given), Some(Addresses::Unix(_) | Addresses::Passed(_))) = (&shares_port, kind) {
        let text = "has an effect on a TCP address only: remove it";
        table.note_value("reuse_port", &given.source, text);
    }
    let shares_port = shares_port.is_some_and(|given| given.value);
    let has_tls = table.contains("tls");
    let of_tls = table.table("tls");
    let tls = has_tls
        .then(|| load_tls::read(of_tls, taken.folder))
        .flatten();
    let redirect = table.given::<bool>("redirect").filter(|given| given.value);
    if let (Some(given), true) = (&redirect, has_tls) {
        let text = "has no effect on a listener that speaks TLS itself: remove one of the two";
        table.note_value("redirect", &given.source, text);
    }
    let redirects = redirect.is_some();
    if let Some(place) = table.place
        && !is_there
    {
        let text = "this listener has no `address`: add one, such as address = \"127.0.0.1:25253\"";
        table.document.note(Source::Place(place), text.to_owned());
    }
    if let Some(address) = address {
        let ways = Ways {
            entry,
            access,
            shares_port,
            tls,
            redirects,
        };
        taken.add(&table, "address", address, &ways);
    }
    table.finish();
    redirect.map(|given| given.source)
}

/// Reads who may connect; only a unix socket has a file that can say so.
pub(super) fn read_access(table: &mut Table<'_>, kind: Option<&Addresses>) -> FileAccess {
    let mode = table.given::<Mode>("mode");
    let owner = table.given::<Text>("owner");
    let group = table.given::<Text>("group");
    let sources = [
        ("mode", mode.as_ref().map(|given| &given.source)),
        ("owner", owner.as_ref().map(|given| &given.source)),
        ("group", group.as_ref().map(|given| &given.source)),
    ];
    let without_effect = match kind {
        Some(Addresses::Unix(_)) | None => None,
        Some(Addresses::Tcp(_)) => {
            Some("has no effect on a TCP address, which everybody may connect to: remove it")
        }
        Some(Addresses::Passed(_)) => Some(
            "has no effect here: the socket unit says it, SocketMode=, SocketUser=, SocketGroup=",
        ),
    };
    for (key, source) in sources {
        if let (Some(source), Some(text)) = (source, without_effect) {
            table.note_value(key, source, text);
        }
    }
    let find = |key, given: Option<Given<Text>>, kind: Account| {
        let given = given?;
        match accounts::find(kind, &given.value.0) {
            Ok(number) => Some(number),
            Err(why) => {
                table.note_value(key, &given.source, &why);
                None
            }
        }
    };
    FileAccess {
        mode: mode.map_or(limits::SOCKET_MODE, |given| given.value.0),
        owner: find("owner", owner, Account::User),
        group: find("group", group, Account::Group),
    }
}

/// Whether who listens on `other` leaves `one` to nobody else.
pub(super) fn is_taken_by(one: &Listen, other: &Listen) -> bool {
    let (one, other) = match (one, other) {
        (Listen::Tcp(one), Listen::Tcp(other)) => (one, other),
        _ => return one == other,
    };
    let is_same_ip = one.ip() == other.ip()
        || one.is_ipv4() == other.is_ipv4()
            && (one.ip().is_unspecified() || other.ip().is_unspecified());
    one.port() == other.port() && one.port() != 0 && is_same_ip
}
