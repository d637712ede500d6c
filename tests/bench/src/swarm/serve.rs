//! What a client's socket is ready for: bytes in, whole frames to the traffic, bytes out. Inlined into
//! the loop for the same reason as the server's `Outbox::deliver`.

use std::mem::take;
use std::net::TcpStream;
use std::time::Instant;

use bench::wire::{self, BINARY, Frame, PING, PONG, TEXT};
use flate2::FlushDecompress;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags};

use super::http::{Answer, Event};
use super::socket_io::Unpacking;
use super::{Protocol, State, Swarm, Traffic, secured};

/// Bytes of a message that is not whole yet that are copied to stand before the next ones: less than it costs to
/// copy those.
const FRONT_BYTES_MAX: usize = 64 * 1024;

impl Swarm {
    #[inline(always)]
    pub(super) fn serve(
        &mut self,
        client: usize,
        flags: EventFlags,
        buffer: &mut [u8],
        traffic: &mut impl Traffic,
    ) {
        if flags.contains(EventFlags::OUT) {
            if matches!(self.clients[client].state, State::Connecting) {
                let has_nothing_to_ask = self.clients[client].protocol == Protocol::Requests;
                self.opened += usize::from(has_nothing_to_ask);
                self.clients[client].state = match has_nothing_to_ask {
                    true => State::Open,
                    false => State::Shaking,
                };
                let request = take(&mut self.requests[client]);
                self.outgoing
                    .of(client)
                    .extend_from_slice(request.as_bytes());
            } else {
                self.outgoing.touched.push(client);
            }
        }
        let is_over = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        if is_over && !self.clients[client].is_reading {
            self.clients[client].state = State::Ended;
            // A server may cut off who does not read: that is no fault, and not to be reported by epoll
            // again and again.
            epoll::delete(&self.epoll, &self.clients[client].socket).ok();
        } else if (is_over || flags.contains(EventFlags::IN))
            && let Err(fault) = self.read(client, buffer, traffic)
        {
            self.end(client, &fault);
        }
        self.flush();
    }

    #[inline(always)]
    fn read(
        &mut self,
        index: usize,
        buffer: &mut [u8],
        traffic: &mut impl Traffic,
    ) -> Result<(), String> {
        let client = &mut self.clients[index];
        if matches!(client.state, State::Ended) || !client.is_reading {
            return Ok(());
        }
        // What is left of the last read stands before this one, so that only that is copied; where it is
        // much, this one comes behind it instead.
        let kept = client.partial.len();
        let front = if kept <= FRONT_BYTES_MAX { kept } else { 0 };
        buffer[..front].copy_from_slice(&client.partial[..front]);
        let space = &mut buffer[front..];
        let received = match &mut client.session {
            None => receive(&client.socket, space)?,
            Some(session) => {
                let count = secured::receive(session, &client.socket, space, &mut self.sealed)?;
                if session.wants_write() {
                    self.outgoing.touched.push(index);
                }
                count.filter(|&count| count > 0)
            }
        };
        let Some(count) = received else {
            return Ok(());
        };
        let now = Instant::now();
        let read = &buffer[..front + count];
        if front == kept {
            let used = self.take(index, read, now, traffic)?;
            let partial = &mut self.clients[index].partial;
            partial.clear();
            partial.extend_from_slice(&read[used..]);
            return Ok(());
        }
        let mut bytes = take(&mut client.partial);
        bytes.extend_from_slice(read);
        let used = self.take(index, &bytes, now, traffic)?;
        bytes.drain(..used);
        self.clients[index].partial = bytes;
        Ok(())
    }

    /// Takes all that is whole; says how many bytes that was.
    fn take(
        &mut self,
        index: usize,
        bytes: &[u8],
        now: Instant,
        traffic: &mut impl Traffic,
    ) -> Result<usize, String> {
        let mut at = 0;
        let protocol = self.clients[index].protocol;
        if matches!(self.clients[index].state, State::Shaking) {
            let Some(length) = self.admitted(protocol, bytes)? else {
                return Ok(0);
            };
            at = length;
            self.clients[index].state = State::Open;
            self.opened += 1;
            self.resumed += usize::from(self.is_resumed(index));
        }
        match protocol {
            Protocol::WebSocket => self.take_frames(index, bytes, at, now, traffic),
            Protocol::SocketIo => {
                let mut unpacking = Unpacking { traffic };
                self.take_frames(index, bytes, at, now, &mut unpacking)
            }
            Protocol::EventStream => {
                while let Some(event) = Event::read(bytes, at)? {
                    at = event.end;
                    if let Some(id) = event.id {
                        traffic.position(index, id);
                    }
                    if let Some(data) = event.data {
                        traffic.message(index, data, now, &mut self.outgoing);
                    }
                }
                Ok(at)
            }
            Protocol::Requests => {
                while let Some(answer) = Answer::read(bytes, at)? {
                    at = answer.end;
                    traffic.message(index, answer.body, now, &mut self.outgoing);
                    if answer.is_last {
                        return self.connect_again(index).map(|()| bytes.len());
                    }
                }
                Ok(at)
            }
        }
    }

    /// The same for frames, from `at` on.
    #[inline(always)]
    fn take_frames(
        &mut self,
        index: usize,
        bytes: &[u8],
        mut at: usize,
        now: Instant,
        traffic: &mut impl Traffic,
    ) -> Result<usize, String> {
        while let Some(frame) = Frame::read(bytes, at)? {
            let payload = &bytes[frame.start..frame.end];
            let before = at;
            at = frame.end;
            match frame.opcode {
                TEXT | BINARY => {
                    self.messages += 1;
                    self.message_bytes += (frame.end - before) as u64;
                    if frame.is_compressed {
                        self.inflate(payload)?;
                        traffic.message(index, &self.inflated, now, &mut self.outgoing);
                    } else {
                        traffic.message(index, payload, now, &mut self.outgoing);
                    }
                }
                PING => {
                    self.pings += 1;
                    wire::append_masked(self.outgoing.of(index), PONG, payload);
                }
                PONG => {}
                opcode => return Err(format!("a frame with opcode {opcode}: {payload:?}")),
            }
        }
        Ok(at)
    }

    /// What all members of a room get alike is inflated once, so that the load costs about what it costs where it is plain.
    fn inflate(&mut self, payload: &[u8]) -> Result<(), String> {
        if payload == self.deflated {
            return Ok(());
        }
        self.deflated.clear();
        self.inflated.clear();
        self.inflate.reset(false);
        for part in [payload, &[0, 0, 0xff, 0xff]] {
            self.inflate
                .decompress_vec(part, &mut self.inflated, FlushDecompress::Sync)
                .map_err(|error| format!("a compressed message: {error}"))?;
        }
        self.deflated.extend_from_slice(payload);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn flush(&mut self) {
        let mut touched = take(&mut self.outgoing.touched);
        for client in touched.drain(..) {
            if let Err(fault) = self.send(client) {
                self.end(client, &fault);
            }
        }
        self.outgoing.touched = touched;
    }

    #[inline(always)]
    fn send(&mut self, index: usize) -> Result<(), String> {
        let client = &mut self.clients[index];
        let unsent = &mut self.outgoing.unsent[index];
        match client.state {
            // It leaves when the connection stands.
            State::Connecting => return Ok(()),
            State::Ended => unsent.clear(),
            State::Shaking | State::Open => {}
        }
        let is_sent = match &mut client.session {
            Some(session) => secured::send(session, &client.socket, unsent)?,
            None => {
                let sent = send(&client.socket, unsent)?;
                if sent == unsent.len() {
                    unsent.clear();
                } else {
                    unsent.drain(..sent);
                }
                unsent.is_empty()
            }
        };
        if is_sent == client.is_watched_for_write {
            client.is_watched_for_write = !client.is_watched_for_write;
            self.watch(index);
        }
        Ok(())
    }

    pub(super) fn watch(&mut self, index: usize) {
        let client = &self.clients[index];
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, client.is_reading);
        flags.set(EventFlags::OUT, client.is_watched_for_write);
        let key = EventData::new_u64(index as u64);
        // A descriptor of ours that was added.
        epoll::modify(&self.epoll, &client.socket, key, flags).ok();
    }

    fn end(&mut self, index: usize, fault: &str) {
        let client = &mut self.clients[index];
        if matches!(client.state, State::Ended) {
            return;
        }
        client.state = State::Ended;
        // Or epoll would report its end again and again.
        epoll::delete(&self.epoll, &client.socket).ok();
        self.ended += 1;
        self.first_fault.get_or_insert_with(|| fault.to_owned());
    }
}

/// What has come; none where nothing has.
#[inline(always)]
pub(super) fn receive(socket: &TcpStream, space: &mut [u8]) -> Result<Option<usize>, String> {
    match rustix::net::recv(socket, space, RecvFlags::DONTWAIT) {
        Ok((0, _)) => Err("the server ended the connection".to_owned()),
        Ok((count, _)) => Ok(Some(count)),
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// How many of `bytes` the socket took.
#[inline(always)]
pub(super) fn send(socket: &TcpStream, bytes: &[u8]) -> Result<usize, String> {
    let mut sent = 0;
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    while sent < bytes.len() {
        match rustix::net::send(socket, &bytes[sent..], flags) {
            Ok(count) => sent += count,
            Err(rustix::io::Errno::AGAIN) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(sent)
}
