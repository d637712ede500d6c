//! One who publishes by requests, and knows of each whether it was taken.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tests::DEADLINE;

use super::history::{Place, Stream};
use super::listener::Listener;
use super::world::HOSTS;

/// Messages that are said on one host before the next one's turn.
const TURN: usize = 20;

pub(super) struct Speaker {
    number: usize,
    addresses: Vec<SocketAddr>,
    /// What was answered by 200.
    pub(super) confirmed: Vec<String>,
    /// What was answered by 503 and the word that nothing was said.
    refused: Vec<String>,
}

impl Speaker {
    pub(super) fn new(number: usize, addresses: &[SocketAddr]) -> Speaker {
        Speaker {
            number,
            addresses: addresses.to_vec(),
            confirmed: Vec::new(),
            refused: Vec::new(),
        }
    }

    pub(super) fn run(mut self, is_silent: &AtomicBool) -> Speaker {
        let mut said = 0;
        while !is_silent.load(Ordering::Acquire) {
            let text = format!("{}-{said}", self.number);
            let address = self.addresses[host(self.number, said)];
            said += 1;
            match publish(address, "/push", &text) {
                Some((200, _)) => self.confirmed.push(text),
                Some((503, why)) if why.contains("nothing was said") => self.refused.push(text),
                // Nobody knows.
                _ => {}
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        self
    }

    /// What was confirmed is in the stream, or everybody was told that something is lost; what was refused is not.
    #[track_caller]
    pub(super) fn check(&self, stream: &Stream, listeners: &[Listener]) {
        let lost: Vec<_> = self
            .confirmed
            .iter()
            .filter(|text| stream.places(text).is_empty())
            .collect();
        if !lost.is_empty() {
            for listener in listeners {
                assert!(
                    listener.gaps() > 0,
                    "nobody was told that {lost:?} are lost"
                );
            }
        }
        self.assert_refused(stream);
    }

    /// All that was confirmed is in the stream, what was said on each host in its order; what was refused is not.
    #[track_caller]
    pub(super) fn check_alone(&self, stream: &Stream) {
        let mut last: [Option<(Place, &str)>; HOSTS] = [None; HOSTS];
        for text in &self.confirmed {
            let place = stream.places(text).first();
            let place = place.unwrap_or_else(|| panic!("{text} was confirmed, and is lost"));
            let (_, _, host) = host_of(text).expect("it was said here");
            if let Some((before, said)) = last[host].replace((*place, text)) {
                assert!(before < *place, "{text} stands before {said}");
            }
        }
        self.assert_refused(stream);
    }

    #[track_caller]
    fn assert_refused(&self, stream: &Stream) {
        for text in &self.refused {
            assert!(stream.places(text).is_empty(), "{text} was said after all");
        }
    }
}

/// On which host a speaker says its message of this number.
fn host(speaker: usize, number: usize) -> usize {
    (speaker + number / TURN) % HOSTS
}

/// Of a message of a speaker that, its number, and on which host it was said; none of another message.
pub(super) fn host_of(text: &str) -> Option<(usize, usize, usize)> {
    let (speaker, number) = text.split_once('-')?;
    let (speaker, number) = (speaker.parse().ok()?, number.parse().ok()?);
    Some((speaker, number, host(speaker, number)))
}

/// Says on each host, again and again until Redis has it, that all has reached it that was said there before; and then this.
#[track_caller]
pub(super) fn say_until_taken(addresses: &[SocketAddr], text: &str, end: Instant) {
    let say = |address: &SocketAddr, text: &dyn Fn(usize) -> String| {
        for number in 0.. {
            let answer = publish(*address, "/push?durable", &text(number));
            if matches!(answer, Some((200, _))) {
                break;
            }
            assert!(Instant::now() < end, "{} is not taken", text(number));
            thread::park_timeout(Duration::from_millis(100));
        }
    };
    for address in addresses {
        // What is not answered may be heard all the same, and nobody is to hear the same twice.
        say(address, &|number| {
            format!("all of {address} is there, {number}")
        });
    }
    say(&addresses[0], &|_| text.to_owned());
}

/// The answer's status and body; none where there is none.
fn publish(address: SocketAddr, path: &str, text: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
    stream.set_read_timeout(Some(2 * DEADLINE)).ok()?;
    let length = text.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\n\r\n{text}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}
