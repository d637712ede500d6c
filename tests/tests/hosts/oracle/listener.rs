//! One who listens, on one host and then another, and never begins anew: it comes back with the last position that it has.

use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::DEADLINE;
use tungstenite::{Message, WebSocket};

use super::history::{Place, Stream};
use super::speaker::host_of;

/// What has come.
enum Came {
    /// It has come to this host.
    Connection(usize),
    /// From here on it hears.
    At(Place),
    Message {
        /// None where those on a host hear each other alone.
        place: Option<Place>,
        text: String,
    },
    /// It was told that something is missing.
    Gap,
}

pub(super) struct Listener {
    number: usize,
    addresses: Vec<SocketAddr>,
    /// The first that it was told, and the last.
    begin: Option<String>,
    position: Option<String>,
    came: Vec<Came>,
}

impl Listener {
    pub(super) fn new(number: usize, addresses: &[SocketAddr]) -> Listener {
        Listener {
            number,
            addresses: addresses.to_vec(),
            begin: None,
            position: None,
            came: Vec::new(),
        }
    }

    /// Listens until it has heard the `last` word.
    pub(super) fn run(mut self, is_over: &AtomicBool, last: &str) -> Listener {
        for visit in 0.. {
            if is_over.load(Ordering::Acquire) {
                break;
            }
            let host = (self.number + visit) % self.addresses.len();
            // Not all move at once, and each host is left after another time.
            let time = Duration::from_millis(300 + 170 * ((self.number + visit) as u64 % 11));
            if self.visit(host, Instant::now() + time, last).is_some() {
                break;
            }
        }
        self
    }

    /// One who comes to a host late, with a position.
    pub(super) fn since(address: SocketAddr, position: &str) -> Listener {
        Listener {
            position: Some(position.to_owned()),
            ..Listener::new(0, &[address])
        }
    }

    /// Listens until the last word without moving.
    #[track_caller]
    pub(super) fn hear_all(&mut self, last: &str) {
        let heard = self.visit(0, Instant::now() + 2 * DEADLINE, last);
        assert!(heard.is_some(), "{last} is not heard by who comes late");
    }

    /// The first position that it was told.
    pub(super) fn begin(&self) -> Option<&str> {
        self.begin.as_deref()
    }

    /// Listens on one host; says when it has heard the last word.
    fn visit(&mut self, host: usize, end: Instant, last: &str) -> Option<()> {
        let address = self.addresses[host];
        let since = self.position.as_deref().map(|of| format!("&since={of}"));
        let url = format!(
            "ws://{address}/push?envelope=1{}",
            since.unwrap_or_default()
        );
        let Some(mut socket) = connect(address, &url) else {
            std::thread::park_timeout(Duration::from_millis(50));
            return None;
        };
        self.came.push(Came::Connection(host));
        while Instant::now() < end {
            match socket.read() {
                Ok(Message::Text(text)) => {
                    let envelope: Value = serde_json::from_str(&text).expect("JSON");
                    if self.take(&envelope) == Some(last) {
                        return Some(());
                    }
                }
                Ok(Message::Close(frame)) => {
                    let is_gap = frame.is_some_and(|frame| u16::from(frame.code) == 1013);
                    if is_gap {
                        self.came.push(Came::Gap);
                    }
                    return None;
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if is_timeout(&error) => {}
                Err(_) => return None,
            }
        }
        // It goes without a word, as a telephone does.
        None
    }

    fn take<'e>(&mut self, envelope: &'e Value) -> Option<&'e str> {
        let id = envelope["id"].as_str();
        if let Some(id) = id {
            self.position = Some(id.to_owned());
            self.begin.get_or_insert_with(|| id.to_owned());
        }
        if envelope["gap"].is_string() {
            self.came.push(Came::Gap);
        }
        let Some(text) = envelope["data"].as_str() else {
            self.came.extend(id.map(place).map(Came::At));
            return None;
        };
        self.came.push(Came::Message {
            place: id.map(place),
            text: text.to_owned(),
        });
        Some(text)
    }

    pub(super) fn heard(&self) -> usize {
        let messages = self.came.iter();
        messages
            .filter(|came| matches!(came, Came::Message { .. }))
            .count()
    }

    pub(super) fn gaps(&self) -> usize {
        let came = self.came.iter();
        came.filter(|came| matches!(came, Came::Gap)).count()
    }

    /// Holds what it has heard against the stream.
    #[track_caller]
    pub(super) fn check(&self, stream: &Stream, last: &str) {
        let who = self.number;
        let mut before: Option<(Place, &str)> = None;
        let mut heard: HashMap<&str, usize> = HashMap::new();
        let mut gaps = 0;
        // Heard, and not in the stream in the end: it has to be told that.
        let mut lost: Option<(Place, &str)> = None;
        for came in &self.came {
            let (place, text) = match came {
                Came::Message { place, text } => {
                    let place = place.as_ref();
                    (place.expect("what is kept has a position"), text)
                }
                Came::Gap => {
                    (before, lost) = (None, None);
                    gaps += 1;
                    continue;
                }
                Came::Connection(_) | Came::At(_) => continue,
            };
            if let Some(other) = heard.insert(text, gaps) {
                assert_ne!(other, gaps, "listener {who} hears {text} twice");
            }
            match stream.text(*place) {
                Some(there) => {
                    assert_eq!(there, text, "listener {who} at {place:?}");
                    assert!(
                        lost.is_none(),
                        "listener {who} hears {text} ({place:?}) and was not told that {lost:?} is lost"
                    );
                }
                None => lost = Some((*place, text)),
            }
            if let Some((from, said)) = before {
                assert!(from < *place, "listener {who} hears {text} behind {said}");
                let missed = stream.between(from, *place);
                assert!(
                    missed.is_empty(),
                    "listener {who} hears {text} ({place:?}) behind {said} ({from:?}), and misses {missed:?}"
                );
            }
            before = Some((*place, text));
        }
        assert_eq!(before.map(|(_, text)| text), Some(last), "listener {who}");
    }

    /// Holds it against the stream where hosts go on alone. On one connection nothing comes twice, and what is said on
    /// other hosts comes in each speaker's order; nothing is missed but where that was told.
    #[track_caller]
    pub(super) fn check_alone(&self, stream: &Stream, last: &str) {
        let who = self.number;
        let mut of_connection: HashSet<&str> = HashSet::new();
        let mut last_of: HashMap<(usize, usize), usize> = HashMap::new();
        let mut here = 0;
        let mut heard = Heard::default();
        for came in &self.came {
            match came {
                Came::Connection(host) => {
                    of_connection.clear();
                    last_of.clear();
                    here = *host;
                }
                Came::At(place) => heard.come_to(*place),
                Came::Gap => std::mem::take(&mut heard).assert_nothing_missed(who, stream),
                Came::Message { place, text } => {
                    place.iter().for_each(|place| heard.come_to(*place));
                    heard.texts.insert(text);
                    assert!(
                        of_connection.insert(text),
                        "listener {who} hears {text} twice on a connection"
                    );
                    let Some((speaker, number, host)) = host_of(text) else {
                        continue;
                    };
                    if host != here {
                        let before = last_of.insert((speaker, host), number);
                        assert!(
                            before.is_none_or(|before| before < number),
                            "listener {who} on {here} hears {text} behind {before:?}"
                        );
                    }
                }
            }
        }
        assert!(heard.texts.contains(last), "listener {who}");
        heard.assert_nothing_missed(who, stream);
    }
}

/// What was heard since it was told last that something is missing, and between which places.
#[derive(Default)]
struct Heard<'l> {
    texts: HashSet<&'l str>,
    places: Option<(Place, Place)>,
}

impl Heard<'_> {
    fn come_to(&mut self, place: Place) {
        let (from, to) = self.places.unwrap_or((place, place));
        self.places = Some((from, to.max(place)));
    }

    #[track_caller]
    fn assert_nothing_missed(&self, who: usize, stream: &Stream) {
        let Some((from, to)) = self.places else {
            return;
        };
        let missed: Vec<_> = stream
            .between(from, to)
            .into_iter()
            .filter(|text| !self.texts.contains(text))
            .collect();
        assert!(
            missed.is_empty(),
            "listener {who} has heard from {from:?} to {to:?}, and not {missed:?}"
        );
    }
}

fn connect(address: SocketAddr, url: &str) -> Option<WebSocket<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let (socket, _) = tungstenite::client::client(url, stream).ok()?;
    let time = Duration::from_millis(100);
    socket.get_ref().set_read_timeout(Some(time)).ok()?;
    Some(socket)
}

fn is_timeout(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), TimedOut | WouldBlock)
}

/// A position's two numbers, of five bits a digit.
fn place(position: &str) -> Place {
    let digits = "0123456789abcdefghjkmnpqrstvwxyz";
    let number = |text: &str| {
        text.chars().fold(0, |number, digit| {
            32 * number + digits.find(digit).expect("a digit") as u64
        })
    };
    let (epoch, offset) = position.split_once('-').expect("two numbers");
    (number(epoch), number(offset))
}
