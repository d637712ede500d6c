//! A way to a socket for the few first bytes of a client, by which its thread keeps no fragment of the kernel's memory.
//!
//! `splice` gives the socket the page that a pipe has, where `send` would copy into a fragment of the thread's own (see
//! `outbox::quiet`). It blocks where a socket is full, whatever its flags say, and is therefore only for one that
//! has been sent nothing yet: a page fits into that. Where the kernel itself has no memory for it, `SO_SNDTIMEO` of
//! the listener ends the waiting.
//!
//! For connection threads. One pipe for all, made at the start, so that the number of open files says how many clients there
//! are: who finds it in use leaves the sending to the drain thread.

use std::os::fd::OwnedFd;

use parking_lot::Mutex;
use rustix::io::write;
use rustix::pipe::{PIPE_BUF, PipeFlags, SpliceFlags, pipe_with, splice};
use socket2::Socket;

static PIPE: Mutex<Option<Pipe>> = Mutex::new(None);

/// Empty but while it is used.
struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
}

/// Makes the pipe, where there is none yet and descriptors are to be had.
pub(super) fn prepare() {
    let mut place = PIPE.lock();
    if place.is_none() {
        *place = Pipe::new();
    }
}

/// Sends `bytes`, at most [`PIPE_BUF`] of them, on a socket that has been sent nothing. Gives how many it took; none
/// where another way has to be found, which tells of what is wrong with the socket.
pub(super) fn send_first(socket: &Socket, bytes: &[u8]) -> Option<usize> {
    send_through(&PIPE, socket, bytes)
}

fn send_through(place: &Mutex<Option<Pipe>>, socket: &Socket, bytes: &[u8]) -> Option<usize> {
    if bytes.len() > PIPE_BUF {
        return None;
    }
    let mut place = place.try_lock()?;
    let pipe = match place.take() {
        Some(pipe) => pipe,
        None => Pipe::new()?,
    };
    let sent = pipe.pass(socket, bytes);
    // It stays only when it is empty again.
    *place = match sent == Some(bytes.len()) {
        true => Some(pipe),
        false => {
            drop(pipe);
            Pipe::new()
        }
    };
    sent
}

impl Pipe {
    fn new() -> Option<Pipe> {
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (reader, writer) = pipe_with(flags).ok()?;
        Some(Pipe { reader, writer })
    }

    fn pass(&self, socket: &Socket, bytes: &[u8]) -> Option<usize> {
        // A pipe takes as many at once or none.
        write(&self.writer, bytes).ok()?;
        let flags = SpliceFlags::NONBLOCK;
        splice(&self.reader, None, socket, None, bytes.len(), flags).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    use parking_lot::Mutex;
    use socket2::Socket;

    use super::{PIPE_BUF, send_through};

    #[test]
    fn what_passes_arrives_and_what_does_not_leaves_nothing_behind() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it has one");
        let place = Mutex::new(None);
        for round in 0..3_u8 {
            let mut peer = TcpStream::connect(address).expect("it listens");
            let socket = Socket::from(listener.accept().expect("it has connected").0);
            assert_eq!(send_through(&place, &socket, &[0; PIPE_BUF + 1]), None);
            if round == 1 {
                // Nothing can be sent, and the next one gets nothing of it.
                socket
                    .shutdown(std::net::Shutdown::Write)
                    .expect("a live socket");
                assert_eq!(send_through(&place, &socket, &[9; 5]), None);
                continue;
            }
            let bytes = [round; 300];
            assert_eq!(send_through(&place, &socket, &bytes), Some(300));
            let mut received = [9; 300];
            peer.read_exact(&mut received).expect("it arrives");
            assert_eq!(received, bytes);
        }
    }
}
