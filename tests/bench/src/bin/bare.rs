//! The limit of the kernel: one thread, one epoll, plain non-blocking sends, and no more work than
//! copying bytes and taking a mask off. `/echo`, `/chat` and `/rooms?room=NAME`.
//!
//! What is said in one round of epoll is sent to each member of a room as one run of bytes. A
//! client that breaks a rule is dropped without a word. What calls the kernel is inlined into the loop,
//! since a return behind a system call may cost more than what is done here (`Outbox::deliver` tells).

use std::collections::HashMap;
use std::io;
use std::mem::{swap, take};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use bench::wire::{self, BINARY, Frame, PING, PONG, TEXT};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags};

const READ_BYTES: usize = 256 * 1024;
const EVENTS_PER_WAIT: usize = 1024;
/// Key of the listening socket; clients have their place in the table.
const LISTENER: u64 = u64::MAX;

fn main() -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from(socket);
    println!("listening on {}", listener.local_addr()?);
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(
        &epoll,
        &listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let bare = Bare {
        epoll,
        listener,
        clients: Vec::new(),
        free: Vec::new(),
        rooms: HashMap::new(),
        spoken: Vec::new(),
        last_number: 0,
    };
    bare.run()
}

/// Where a client is.
enum Place {
    Handshake,
    Echo,
    Room { name: String, number: u64 },
}

struct Client {
    stream: TcpStream,
    place: Place,
    /// The beginning of a frame, or of the head.
    partial: Vec<u8>,
    /// What the socket did not take.
    unsent: Vec<u8>,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    /// Frames of this round.
    run: Vec<u8>,
}

struct Bare {
    epoll: OwnedFd,
    listener: TcpListener,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    rooms: HashMap<String, Room>,
    /// Rooms whose run is not empty.
    spoken: Vec<String>,
    last_number: u64,
}

impl Bare {
    fn run(mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_PER_WAIT);
        let mut buffer = vec![0; READ_BYTES];
        let mut output = Vec::new();
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    key => {
                        let flags = event.flags;
                        self.serve(key as usize, flags, &mut buffer, &mut output);
                    }
                }
            }
            self.send_runs();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let place = self.free.pop().unwrap_or_else(|| {
                self.clients.push(None);
                self.clients.len() - 1
            });
            let key = EventData::new_u64(place as u64);
            epoll::add(&self.epoll, &stream, key, EventFlags::IN)?;
            self.clients[place] = Some(Client {
                stream,
                place: Place::Handshake,
                partial: Vec::new(),
                unsent: Vec::new(),
            });
        }
    }

    #[inline(always)]
    fn serve(&mut self, key: usize, flags: EventFlags, buffer: &mut [u8], output: &mut Vec<u8>) {
        let Some(client) = self.clients[key].as_mut() else {
            return;
        };
        if flags.contains(EventFlags::OUT) {
            let unsent = take(&mut client.unsent);
            if send(&self.epoll, key, client, &unsent, true).is_err() {
                return self.forget(key);
            }
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR)
            && self.read(key, buffer, output).is_err()
        {
            self.forget(key);
        }
    }

    #[inline(always)]
    fn read(&mut self, key: usize, buffer: &mut [u8], output: &mut Vec<u8>) -> io::Result<()> {
        let Some(client) = self.clients[key].as_mut() else {
            return Ok(());
        };
        let count = match rustix::net::recv(&client.stream, &mut *buffer, RecvFlags::empty()) {
            Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok((count, _)) => count,
            Err(rustix::io::Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if client.partial.is_empty() {
            let used = self.take(key, &mut buffer[..count], output)?;
            if let Some(client) = &mut self.clients[key] {
                client.partial.extend_from_slice(&buffer[used..count]);
            }
            return Ok(());
        }
        let mut bytes = take(&mut client.partial);
        bytes.extend_from_slice(&buffer[..count]);
        let used = self.take(key, &mut bytes, output)?;
        bytes.drain(..used);
        if let Some(client) = &mut self.clients[key] {
            swap(&mut client.partial, &mut bytes);
        }
        Ok(())
    }

    /// Takes all that is whole in `bytes`; says how many bytes that was.
    #[inline(always)]
    fn take(&mut self, key: usize, bytes: &mut [u8], output: &mut Vec<u8>) -> io::Result<usize> {
        let Some(client) = self.clients[key].as_mut() else {
            return Ok(0);
        };
        output.clear();
        let mut at = 0;
        if matches!(client.place, Place::Handshake) {
            let Some(request) = wire::read_request(bytes) else {
                return Ok(0);
            };
            output.extend(request.answer.as_bytes());
            at = request.length;
            client.place = match request.target.as_str() {
                "/echo" => Place::Echo,
                name => {
                    self.last_number += 1;
                    let room = self.rooms.entry(name.to_owned()).or_default();
                    room.members.push(key);
                    Place::Room {
                        name: name.to_owned(),
                        number: self.last_number,
                    }
                }
            };
        }
        while let Some(frame) = Frame::read(bytes, at).map_err(io::Error::other)? {
            at = frame.end;
            let payload = &mut bytes[frame.start..frame.end];
            wire::mask(payload, frame.mask.unwrap_or_default());
            match (frame.opcode, &client.place) {
                (TEXT | BINARY, Place::Room { name, number }) => {
                    let Some(room) = self.rooms.get_mut(name) else {
                        continue;
                    };
                    if room.run.is_empty() {
                        self.spoken.push(name.clone());
                    }
                    let prefix = format!("Client {number}: ");
                    wire::append_header(
                        &mut room.run,
                        frame.opcode,
                        prefix.len() + payload.len(),
                        0,
                    );
                    room.run.extend_from_slice(prefix.as_bytes());
                    room.run.extend_from_slice(payload);
                }
                (TEXT | BINARY, _) => wire::append_plain(output, frame.opcode, payload),
                (PING, _) => wire::append_plain(output, PONG, payload),
                (PONG, _) => {}
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        send(&self.epoll, key, client, output, false)?;
        Ok(at)
    }

    /// Sends what was said in this round to every member of its room.
    #[inline(always)]
    fn send_runs(&mut self) {
        for name in take(&mut self.spoken) {
            let Some(room) = self.rooms.get_mut(&name) else {
                continue;
            };
            let mut gone = Vec::new();
            for &key in &room.members {
                if let Some(client) = self.clients[key].as_mut()
                    && send(&self.epoll, key, client, &room.run, false).is_err()
                {
                    gone.push(key);
                }
            }
            room.run.clear();
            for key in gone {
                self.forget(key);
            }
        }
    }

    fn forget(&mut self, key: usize) {
        let Some(client) = self.clients[key].take() else {
            return;
        };
        if let Place::Room { name, .. } = client.place
            && let Some(room) = self.rooms.get_mut(&name)
        {
            room.members.retain(|&member| member != key);
        }
        self.free.push(key);
    }
}

/// Sends `bytes`, and keeps what the socket does not take until it is writable.
#[inline(always)]
fn send(
    epoll: &OwnedFd,
    key: usize,
    client: &mut Client,
    bytes: &[u8],
    is_watched: bool,
) -> io::Result<()> {
    let mut rest = bytes;
    while client.unsent.is_empty() && !rest.is_empty() {
        match rustix::net::send(
            &client.stream,
            rest,
            SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
        ) {
            Ok(count) => rest = &rest[count..],
            Err(rustix::io::Errno::AGAIN) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let was_waiting = is_watched || !client.unsent.is_empty();
    client.unsent.extend_from_slice(rest);
    let is_waiting = !client.unsent.is_empty();
    if was_waiting != is_waiting {
        let mut flags = EventFlags::IN;
        flags.set(EventFlags::OUT, is_waiting);
        epoll::modify(epoll, &client.stream, EventData::new_u64(key as u64), flags)?;
    }
    Ok(())
}
