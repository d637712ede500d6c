//! Ten publish and confirm, listeners drop and come back at random, and the server is restarted and killed meanwhile: each
//! listener has every durable message once and in order, or was told of a gap that is one.
//!
//! A smaller form by default; with `DETENT_LONG=1` 200 listeners that come back 2,000 times.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::{Raw, Server, Setup};

const TOPICS: usize = 4;
const PUBLISHERS: usize = 10;

/// What one listener has heard.
#[derive(Debug)]
enum Heard {
    /// A message, with its position.
    Message(String, String),
    /// Something behind the first position cannot be had; the second is where it is over.
    Gap(String, String),
}

/// What one publisher has tried, and where it stands in case that was confirmed.
struct Tried {
    topic: usize,
    text: String,
    position: Option<String>,
}

struct Storm {
    address: SocketAddr,
    is_over: AtomicBool,
    /// Times that one of the listeners has heard something, and left.
    drops: AtomicUsize,
    /// By publisher, one after the other.
    tried: [Mutex<Vec<Tried>>; PUBLISHERS],
}

/// A few numbers that look like chance, from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % end
    }
}

impl Storm {
    fn connect(&self) -> Option<TcpStream> {
        let stream = TcpStream::connect(self.address).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .ok()?;
        Some(stream)
    }

    /// Publishes one message durably; whether that was confirmed.
    fn publish(&self, publisher: usize, topic: usize, text: &str) -> bool {
        let position = self.try_to_publish(topic, text);
        let is_confirmed = position.is_some();
        self.tried[publisher].lock().unwrap().push(Tried {
            topic,
            text: text.to_owned(),
            position,
        });
        is_confirmed
    }

    /// The position of a message where it was confirmed.
    fn try_to_publish(&self, topic: usize, text: &str) -> Option<String> {
        let mut stream = self.connect()?;
        let length = text.len();
        write!(
            stream,
            "POST /push/t{topic}?durable HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}"
        )
        .ok()?;
        let lines: Vec<String> = BufReader::new(stream)
            .lines()
            .map_while(Result::ok)
            .collect();
        if !lines.first()?.contains(" 200 ") {
            return None;
        }
        let answer: serde_json::Value = serde_json::from_str(lines.last()?).ok()?;
        Some(answer["position"].as_str()?.to_owned())
    }

    fn publish_until_over(&self, publisher: usize) {
        let mut chance = Chance(publisher as u64 + 1);
        for number in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let topic = chance.below(TOPICS as u64) as usize;
            if !self.publish(publisher, topic, &format!("{publisher}.{number}")) {
                thread::park_timeout(Duration::from_millis(20));
            }
        }
    }

    /// Listens, leaves after some messages, comes back to where it was; at last until it has heard `end`.
    fn listen(&self, listener: usize, end: &str) -> Vec<Heard> {
        let mut chance = Chance(1000 + listener as u64);
        let (mut heard, mut since) = (Vec::new(), "all".to_owned());
        loop {
            let is_last = self.is_over.load(Ordering::Relaxed);
            let most = if is_last {
                u64::MAX
            } else {
                1 + chance.below(60)
            };
            let has_ended = match listener.is_multiple_of(2) {
                true => self.hear_events(listener % TOPICS, &mut since, most, end, &mut heard),
                false => self.hear_socket(listener % TOPICS, &mut since, most, end, &mut heard),
            };
            match has_ended {
                Some(true) => return heard,
                Some(false) => {
                    self.drops.fetch_add(1, Ordering::Relaxed);
                }
                None => thread::park_timeout(Duration::from_millis(20)),
            }
        }
    }

    /// None where the connection ended by itself.
    fn hear_events(
        &self,
        topic: usize,
        since: &mut String,
        most: u64,
        end: &str,
        heard: &mut Vec<Heard>,
    ) -> Option<bool> {
        let mut stream = self.connect()?;
        write!(
            stream,
            "GET /push/t{topic}?since={since} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        )
        .ok()?;
        let (mut id, mut event, mut data) = (None, String::new(), None);
        let mut left = most;
        for line in BufReader::new(stream).lines() {
            let line = line.ok()?;
            if let Some(value) = line.strip_prefix("id: ") {
                id = Some(value.to_owned());
            } else if let Some(value) = line.strip_prefix("event: ") {
                value.clone_into(&mut event);
            } else if let Some(value) = line.strip_prefix("data: ") {
                data = Some(value.to_owned());
            } else if line.is_empty() {
                let before = since.clone();
                if let Some(id) = &id {
                    id.clone_into(since);
                }
                let said = data.take();
                if std::mem::take(&mut event) == "gap" {
                    heard.push(Heard::Gap(before, since.clone()));
                } else if let Some((id, text)) = id.take().zip(said) {
                    let is_end = text == end;
                    heard.push(Heard::Message(id, text));
                    left -= 1;
                    if is_end || left == 0 {
                        return Some(is_end);
                    }
                }
            }
        }
        None
    }

    /// As above. A WebSocket in the plain form is not told positions: it looks up that of the last message it has heard,
    /// and where that is lost it has heard nothing since it came.
    fn hear_socket(
        &self,
        topic: usize,
        since: &mut String,
        most: u64,
        end: &str,
        heard: &mut Vec<Heard>,
    ) -> Option<bool> {
        let url = format!("ws://localhost/push/t{topic}?since={since}");
        let (mut socket, _) = tungstenite::client(url, self.connect()?).ok()?;
        let mut texts = Vec::new();
        while (texts.len() as u64) < most && texts.last().is_none_or(|last| last != end) {
            match socket.read() {
                Ok(tungstenite::Message::Text(text)) => texts.push(text.to_string()),
                Ok(tungstenite::Message::Close(Some(frame))) if u16::from(frame.code) == 4410 => {
                    // It begins anew, and what was lost is behind where it was and before what is said from now on.
                    let (_, head) = self.read(topic, "now")?;
                    heard.push(Heard::Gap(since.clone(), head));
                    "all".clone_into(since);
                    return Some(false);
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let (positions, _) = self.read(topic, since)?;
        let found: Option<Vec<_>> = texts
            .into_iter()
            .map(|text| Some(Heard::Message(positions.get(&text)?.clone(), text)))
            .collect();
        let mut found = found?;
        let Some(Heard::Message(id, text)) = found.last() else {
            return None;
        };
        id.clone_into(since);
        let is_end = text == end;
        heard.append(&mut found);
        Some(is_end)
    }

    /// Where the messages behind a position stand, and where they end.
    fn read(&self, topic: usize, since: &str) -> Option<(HashMap<String, String>, String)> {
        let (mut positions, mut since) = (HashMap::new(), since.to_owned());
        loop {
            let mut stream = self.connect()?;
            write!(
                stream,
                "GET /push/t{topic}?since={since} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 Accept: application/json\r\n\r\n"
            )
            .ok()?;
            let lines: Vec<String> = BufReader::new(stream)
                .lines()
                .map_while(Result::ok)
                .collect();
            let past: serde_json::Value = serde_json::from_str(lines.last()?).ok()?;
            for message in past["messages"].as_array()? {
                let (id, text) = (message["id"].as_str()?, message["text"].as_str()?);
                positions.insert(text.to_owned(), id.to_owned());
            }
            past["next"].as_str()?.clone_into(&mut since);
            if past["more"] == false {
                return Some((positions, since));
            }
        }
    }
}

/// Runs `round` and then a restart or a `kill -9`, four times.
fn disturb(server: &mut Server, storm: &Storm, drops: usize) {
    for round in 1..=4 {
        let deadline = Instant::now() + Duration::from_secs(240);
        while storm.drops.load(Ordering::Relaxed) < drops * round / 5 && Instant::now() < deadline {
            thread::park_timeout(Duration::from_millis(20));
        }
        if round % 2 == 1 {
            server.stop();
        } else {
            server.signal(Signal::KILL);
            server.wait();
        }
        server.start_again();
    }
    tests::wait_until("all have come and gone", || {
        storm.drops.load(Ordering::Relaxed) >= drops
    });
}

#[test]
fn everyone_has_every_durable_message_once_and_in_order_or_is_told_of_a_real_gap() {
    let is_long = std::env::var_os("DETENT_LONG").is_some();
    let (listeners, drops) = if is_long { (200, 2000) } else { (20, 200) };
    let journal = "[[route]]\npath = [\"/push\", \"/push/{topic}\"]\nplugin = \"push\"\n[route.journal]\n\
                   file = \"push.journal\"\nmessages = 1000000\nbytes = \"1 GiB\"\n";
    let mut server = Setup::new()
        .plugins(&["push"])
        .configuration(journal)
        .start();
    let storm = Arc::new(Storm {
        address: server.address(),
        is_over: AtomicBool::new(false),
        drops: AtomicUsize::new(0),
        tried: Default::default(),
    });
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|number| {
            let storm = storm.clone();
            thread::spawn(move || storm.publish_until_over(number))
        })
        .collect();
    let listeners: Vec<_> = (0..listeners)
        .map(|number| {
            let storm = storm.clone();
            thread::spawn(move || storm.listen(number, "the end"))
        })
        .collect();
    disturb(&mut server, &storm, drops);
    storm.is_over.store(true, Ordering::Relaxed);
    for publisher in publishers {
        publisher.join().expect("it does not panic");
    }
    for topic in 0..TOPICS {
        assert!(storm.publish(0, topic, "the end"), "it is confirmed");
    }
    let heard: Vec<_> = listeners
        .into_iter()
        .map(|listener| listener.join().expect("it does not panic"))
        .collect();
    let kept: Vec<_> = (0..TOPICS).map(|topic| all_kept(&server, topic)).collect();
    for (listener, heard) in heard.iter().enumerate() {
        check(&storm, &kept[listener % TOPICS], listener, heard);
    }
}

/// Texts that are kept of a topic.
fn all_kept(server: &Server, topic: usize) -> HashSet<String> {
    let (mut kept, mut since) = (HashSet::new(), "all".to_owned());
    loop {
        let get = format!(
            "GET /push/t{topic}?since={since} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
        );
        let (status, _, body) = Raw::answer(server, get);
        assert_eq!(status, 200, "{body}");
        let past: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        for message in past["messages"].as_array().expect("a list") {
            kept.insert(message["text"].as_str().expect("a text").to_owned());
        }
        past["next"]
            .as_str()
            .expect("a position")
            .clone_into(&mut since);
        if past["more"] == false {
            return kept;
        }
    }
}

/// Between which two positions something of a topic was lost, for each message that is not kept: what its publisher
/// had confirmed before it and behind it, on whatever topic, since positions count for the route.
fn losses(storm: &Storm, topic: usize, kept: &HashSet<String>) -> Vec<(String, String)> {
    let mut losses = Vec::new();
    for tried in &storm.tried {
        let tried = tried.lock().unwrap();
        for (index, lost) in tried.iter().enumerate() {
            if lost.topic != topic || kept.contains(&lost.text) {
                continue;
            }
            let mut before = tried[..index].iter().rev();
            let mut behind = tried[index..].iter();
            let before = before.find_map(|of| of.position.clone());
            let behind = behind.find_map(|of| of.position.clone());
            losses.push((before.unwrap_or_default(), behind.unwrap_or("~".to_owned())));
        }
    }
    losses
}

/// Checks what one listener has heard.
fn check(storm: &Storm, kept: &HashSet<String>, listener: usize, heard: &[Heard]) {
    let topic = listener % TOPICS;
    let mut confirmed = Vec::new();
    for tried in &storm.tried {
        let tried = tried.lock().unwrap();
        let of_topic = tried.iter().filter(|of| of.topic == topic);
        confirmed.extend(of_topic.filter_map(|of| Some((of.position.clone()?, of.text.clone()))));
    }
    confirmed.sort();
    for part in heard.split(|of| matches!(of, Heard::Gap(..))) {
        let messages: Vec<_> = part
            .iter()
            .filter_map(|of| match of {
                Heard::Message(id, text) => Some((id.clone(), text.clone())),
                Heard::Gap(..) => None,
            })
            .collect();
        let in_order = messages.windows(2).all(|two| two[0].0 < two[1].0);
        assert!(in_order, "listener {listener}: not in order, or one twice");
        let (Some((first, _)), Some((last, _))) = (messages.first(), messages.last()) else {
            continue;
        };
        let has: HashSet<_> = messages.iter().collect();
        for message in &confirmed {
            let is_inside = first <= &message.0 && &message.0 <= last;
            assert!(
                !is_inside || has.contains(message),
                "listener {listener}: {message:?} is missing and was not told"
            );
        }
    }
    let losses = losses(storm, topic, kept);
    for told in heard {
        let Heard::Gap(from, to) = told else { continue };
        let is_one = |(before, behind): &(String, String)| from < behind && before < to;
        assert!(
            losses.iter().any(is_one),
            "listener {listener}: a gap from {from} to {to}, and nothing of the topic is lost there: {losses:?}"
        );
    }
}
