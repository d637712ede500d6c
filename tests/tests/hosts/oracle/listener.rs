//! One who listens, on one host and then another, and never begins anew: it comes back with the last position that it has.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::DEADLINE;
use tungstenite::{Message, WebSocket};

use super::history::{Place, Stream};

/// What has come.
enum Came {
    Message {
        place: Place,
        text: String,
    },
    /// It was told that something is missing.
    Gap,
}

pub(super) struct Listener {
    number: usize,
    addresses: Vec<SocketAddr>,
    position: Option<String>,
    came: Vec<Came>,
}

impl Listener {
    pub(super) fn new(number: usize, addresses: &[SocketAddr]) -> Listener {
        Listener {
            number,
            addresses: addresses.to_vec(),
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
            let address = self.addresses[(self.number + visit) % self.addresses.len()];
            // Not all move at once, and each host is left after another time.
            let time = Duration::from_millis(300 + 170 * ((self.number + visit) as u64 % 11));
            if self.visit(address, Instant::now() + time, last).is_some() {
                break;
            }
        }
        self
    }

    /// Listens on one host; says when it has heard the last word.
    fn visit(&mut self, address: SocketAddr, end: Instant, last: &str) -> Option<()> {
        let since = self.position.as_deref().map(|of| format!("&since={of}"));
        let url = format!(
            "ws://{address}/push?envelope=1{}",
            since.unwrap_or_default()
        );
        let Some(mut socket) = connect(address, &url) else {
            std::thread::park_timeout(Duration::from_millis(50));
            return None;
        };
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
        }
        if envelope["gap"].is_string() {
            self.came.push(Came::Gap);
        }
        let text = envelope["data"].as_str()?;
        let place = place(id.expect("what is kept has a position"));
        self.came.push(Came::Message {
            place,
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
        self.came.len() - self.heard()
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
            let Came::Message { place, text } = came else {
                (before, lost) = (None, None);
                gaps += 1;
                continue;
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
