//! One who publishes by requests, and knows of each whether it was taken.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tests::DEADLINE;

use super::history::Stream;
use super::listener::Listener;

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
            let address = self.addresses[(self.number + said / 20) % self.addresses.len()];
            said += 1;
            match publish(address, &text) {
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
        for text in &self.refused {
            assert!(stream.places(text).is_empty(), "{text} was said after all");
        }
    }
}

/// Says it again and again until it is taken.
#[track_caller]
pub(super) fn say_until_taken(addresses: &[SocketAddr], text: &str, end: Instant) {
    for address in addresses.iter().cycle() {
        if matches!(publish(*address, text), Some((200, _))) {
            return;
        }
        assert!(Instant::now() < end, "{text} is not taken");
        thread::park_timeout(Duration::from_millis(100));
    }
}

/// The answer's status and body; none where there is none.
fn publish(address: SocketAddr, text: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
    stream.set_read_timeout(Some(2 * DEADLINE)).ok()?;
    let length = text.len();
    let request = format!(
        "POST /push HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\n\r\n{text}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}
