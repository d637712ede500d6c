//! Records as a fuzzer and the tests drive them: a client of TLS, a wire on which anything may happen to what it says,
//! and an outbox with its session, its socket and a drain thread.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::drain::{Drain, DrainHandle};
use super::frame::{self, Opcode};
use super::shared::Frames;
use super::{Bounds, Ending, Handshake, Outbox};
use crate::compression::Demand;
use crate::ids::ClientId;
use crate::tls::fuzz::{Partner, session};

/// Lengths of what is said: around a page, a record and two.
const LENGTHS: [usize; 8] = [0, 1, 125, 700, 4096, 16_383, 16_385, 40_000];
/// Lengths of the buffers that are read into.
const BUFFERS: [usize; 4] = [1, 300, 4096, 64 * 1024];
const DEADLINE: Duration = Duration::from_secs(20);
/// Times that a client may change its keys without a word in between: who does it more often is refused.
const CHANGES_MAX: usize = 32;
/// Far more reads than any input has bytes and records.
const READS_MAX: usize = 1 << 20;

/// Asserts that bytes instead of a handshake are taken or refused alike wherever they are cut.
pub(crate) fn hellos_hold(cuttings: &[Vec<Vec<u8>>]) {
    let outcomes: Vec<_> = cuttings.iter().map(|pieces| greet(pieces)).collect();
    assert!(
        outcomes.iter().all(|outcome| *outcome == outcomes[0]),
        "{outcomes:?}"
    );
}

/// Asserts that what a client says is read, as far as nobody has changed it on the way and nothing behind that, and that
/// it hears what is said to it.
pub(crate) fn records_hold(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let version = ["TLS 1.3", "TLS 1.2"][usize::from(first % 2)];
    let mut talk = Talk::begin(version, usize::from(first / 2) + 1);
    let mut input = rest;
    while talk.step(&mut input).is_some() {}
    talk.end();
}

fn drain() -> DrainHandle {
    static DRAIN: OnceLock<Drain> = OnceLock::new();
    DRAIN
        .get_or_init(|| Drain::start().expect("a thread"))
        .handle()
}

/// An outbox, which never blocks, and the other end of its socket.
fn pair() -> (Arc<Outbox>, UnixStream) {
    let (socket, peer) = UnixStream::pair().expect("two descriptors");
    socket.set_nonblocking(true).expect("a socket");
    peer.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let outbox = Outbox::new(OwnedFd::from(socket), ClientId(1), drain());
    outbox.set_bounds(Bounds {
        backlog_bytes_max: usize::MAX,
        write_timeout: DEADLINE,
        close_timeout: DEADLINE,
        ..Bounds::default()
    });
    (outbox, peer)
}

/// What becomes of a handshake of these pieces: whether it is over, or why it has failed.
fn greet(pieces: &[Vec<u8>]) -> Result<bool, String> {
    let (outbox, _peer) = pair();
    let mut outcome = outbox.secure(session(), &[]);
    for piece in pieces {
        if outcome.is_err() {
            break;
        }
        outcome = outbox.shake_hands(piece);
    }
    outbox.abort();
    let is_over = |handshake| matches!(handshake, Handshake::Done(_));
    outcome.map(is_over).map_err(|error| error.to_string())
}

struct Talk {
    outbox: Arc<Outbox>,
    peer: UnixStream,
    partner: Partner,
    /// What the client has sent and the outbox has not got yet.
    wire: Vec<u8>,
    /// Something on it is not what the client has sent.
    is_changed: bool,
    /// The client has said that nothing more comes.
    is_over: bool,
    /// Times that it has changed its keys since it said something.
    changes: usize,
    said: Vec<u8>,
    read: Vec<u8>,
    /// Nothing more is read: the end has come, or a failure.
    has_ended: bool,
    has_failed: bool,
    answered: Vec<u8>,
    heard: Vec<u8>,
}

impl Talk {
    /// Both behind a handshake that comes in pieces of so many bytes.
    fn begin(version: &str, length: usize) -> Talk {
        let (outbox, mut peer) = pair();
        let mut partner = Partner::new(version);
        let mut outcome = outbox.secure(session(), &[]).expect("a session");
        while partner.is_handshaking() {
            for piece in partner.spoken().chunks(length) {
                outcome = outbox.shake_hands(piece).expect("a handshake");
            }
            let mut flight = [0; 4096];
            let count = peer.read(&mut flight).expect("it is answered");
            partner.hear(&flight[..count]).expect("a handshake");
        }
        for piece in partner.spoken().chunks(length) {
            outcome = outbox.shake_hands(piece).expect("a handshake");
        }
        assert!(matches!(outcome, Handshake::Done(of) if of.version == version));
        outbox.become_websocket(false, None);
        Talk {
            outbox,
            peer,
            partner,
            wire: Vec::new(),
            is_changed: false,
            is_over: false,
            changes: 0,
            said: Vec::new(),
            read: Vec::new(),
            has_ended: false,
            has_failed: false,
            answered: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Does what the next bytes of the input say; none at their end.
    fn step(&mut self, input: &mut &[u8]) -> Option<()> {
        let what = byte(input)?;
        let how = byte(input)?;
        match what % 10 {
            0 | 1 => self.say(how),
            2 | 3 => {
                let unit = [1, 37, 300, 20_000][usize::from(what / 10 % 4)];
                self.deliver((usize::from(how) + 1) * unit);
                self.read(BUFFERS[usize::from(how % 4)]);
            }
            4 | 5 => self.answer(what, how),
            6 => self.hear(),
            7 if !self.wire.is_empty() => {
                let at = usize::from(how) * self.wire.len() / 256;
                self.wire[at] ^= byte(input).unwrap_or(1).max(1);
                self.is_changed = true;
            }
            8 => {
                let at = usize::from(how) * self.wire.len() / 256;
                let length = usize::from(byte(input)?).min(input.len());
                let (noise, rest) = input.split_at(length);
                *input = rest;
                self.is_changed |= !noise.is_empty();
                self.wire.splice(at..at, noise.iter().copied());
            }
            9 if how % 8 == 0 && !self.is_over => {
                self.is_over = true;
                self.partner.say_goodbye();
                self.wire.extend(self.partner.spoken());
            }
            9 if !self.is_over && self.changes < CHANGES_MAX => {
                self.changes += 1;
                self.partner.change_keys();
                self.wire.extend(self.partner.spoken());
            }
            _ => {}
        }
        Some(())
    }

    fn say(&mut self, how: u8) {
        if self.is_over {
            return;
        }
        let from = self.said.len();
        self.said.extend(text(from, LENGTHS[usize::from(how % 8)]));
        if self.said.len() > from {
            self.changes = 0;
        }
        self.partner.say(&self.said[from..]);
        self.wire.extend(self.partner.spoken());
    }

    fn deliver(&mut self, most: usize) {
        // The socket takes as much where everything before was read.
        let count = most.min(self.wire.len()).min(64 * 1024);
        let bytes: Vec<u8> = self.wire.drain(..count).collect();
        if !self.has_ended {
            self.peer.write_all(&bytes).expect("it is read");
        }
    }

    /// Reads all that has come.
    fn read(&mut self, length: usize) {
        let mut buffer = vec![0; length];
        for _ in 0..READS_MAX {
            match self.outbox.receive(&mut buffer) {
                Ok(0) => self.has_ended = true,
                Ok(count) => {
                    assert!(!self.has_ended, "nothing comes behind the end");
                    self.read.extend_from_slice(&buffer[..count]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    assert!(self.is_changed, "{error}");
                    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
                    (self.has_ended, self.has_failed) = (true, true);
                }
            }
            assert!(self.said.starts_with(&self.read), "not what was said");
            return;
        }
        panic!("it reads and reads");
    }

    fn answer(&mut self, what: u8, how: u8) {
        if self.has_failed {
            return;
        }
        let message = text(self.answered.len(), LENGTHS[usize::from(how % 8)]);
        let frame = frame::encode(Opcode::Binary, &message);
        match what % 2 {
            0 => {
                self.outbox
                    .queue_message(Opcode::Binary, &message, &Demand::default());
            }
            _ => {
                self.outbox.deliver(Frames::copied(&frame));
            }
        }
        // Some wait for what is said next.
        if how < 128 {
            self.outbox.flush();
        }
        self.answered.extend(frame);
    }

    fn hear(&mut self) {
        let mut bytes = vec![0; 20_000];
        self.peer.set_nonblocking(true).expect("a socket");
        let count = self.peer.read(&mut bytes);
        self.peer.set_nonblocking(false).expect("a socket");
        self.note_heard(&bytes[..count.unwrap_or(0)]);
    }

    fn note_heard(&mut self, bytes: &[u8]) {
        match self.partner.hear(bytes) {
            Ok(heard) => self.heard.extend(heard),
            Err(alert) => {
                assert!(self.has_failed, "{alert}");
                // Who has heard one has nothing to say any more.
                self.is_over = true;
            }
        }
        assert!(self.answered.starts_with(&self.heard), "not what was said");
    }

    fn end(mut self) {
        while !self.wire.is_empty() {
            self.deliver(64 * 1024);
            self.read(4096);
        }
        if !self.is_changed {
            assert!(self.read == self.said, "all of it is read");
            assert_eq!(self.has_ended, self.is_over);
        }
        let ending = match self.has_failed {
            true => Ending::Broken,
            false => Ending::LastWord,
        };
        self.outbox.finish(ending);
        let mut bytes = vec![0; 64 * 1024];
        loop {
            match self.peer.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => self.note_heard(&bytes[..count]),
                // Who is cut off has said what nobody reads.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("it does not end: {error}"),
            }
        }
        if !self.has_failed {
            assert!(self.heard == self.answered, "all of it is heard");
            assert!(self.partner.has_heard_goodbye());
        }
    }
}

fn byte(input: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = input.split_first()?;
    *input = rest;
    Some(first)
}

/// Bytes that differ by where they stand.
fn text(from: usize, length: usize) -> Vec<u8> {
    let places = from..from + length;
    places.map(|at| (at * 31 / 7) as u8).collect()
}
