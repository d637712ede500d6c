//! Bytes as no well-behaved client would send them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::transport::Transport;
use crate::{DEADLINE, Server, by_tls, wait_until};

/// Asks how many bytes of a socket are not acknowledged (linux/sockios.h).
const SIOCOUTQ: rustix::ioctl::Opcode = 0x5411;

/// Opcodes of RFC 6455 section 11.8.
pub const CONTINUATION: u8 = 0;
/// See [`CONTINUATION`].
pub const TEXT: u8 = 1;
/// See [`CONTINUATION`].
pub const BINARY: u8 = 2;
/// See [`CONTINUATION`].
pub const CLOSE: u8 = 8;
/// See [`CONTINUATION`].
pub const PING: u8 = 9;
/// See [`CONTINUATION`].
pub const PONG: u8 = 10;

/// A request head that opens a WebSocket on `path`, with further header lines.
pub fn handshake(path: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "GET {path} HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
}

/// A whole masked frame.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(0x80 | opcode, 0x80, payload.len());
    let mask = [0x12, 0x34, 0x56, 0x78];
    frame.extend(mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// A whole frame without a mask, which a client must not send.
pub fn unmasked_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(0x80 | opcode, 0, payload.len());
    frame.extend(payload);
    frame
}

fn header(first: u8, mask_bit: u8, length: usize) -> Vec<u8> {
    let mut header = vec![first];
    if length < 126 {
        header.push(mask_bit | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        header.push(mask_bit | 126);
        header.extend(length.to_be_bytes());
    } else {
        header.push(mask_bit | 127);
        header.extend((length as u64).to_be_bytes());
    }
    header
}

/// A connection to the server, by TCP alone but where all of this run is by TLS; every read fails the test after
/// [`DEADLINE`].
pub struct Raw(pub Transport);

impl Raw {
    /// Connects.
    #[track_caller]
    pub fn connect(server: &Server) -> Raw {
        let address = by_tls::address(server);
        let stream = TcpStream::connect(address).expect("the server listens");
        Raw::prepared(by_tls::over(stream))
    }

    /// Connects to another of its addresses, without TLS in any run.
    #[track_caller]
    pub fn connect_to(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect(address).expect("the server listens");
        Raw::prepared(stream.into())
    }

    /// One that is connected, with our deadlines.
    #[track_caller]
    pub(crate) fn prepared(stream: Transport) -> Raw {
        stream.set_nodelay(true).expect("a live socket");
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a valid timeout");
        stream
            .set_write_timeout(Some(DEADLINE))
            .expect("a valid timeout");
        Raw(stream)
    }

    /// Connects and opens a WebSocket on `path`.
    #[track_caller]
    pub fn upgrade(server: &Server, path: &str) -> Raw {
        let mut raw = Raw::connect(server);
        raw.write(handshake(path, &[]));
        let head = raw.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        raw
    }

    /// Its own port, by which the server knows it.
    pub fn port(&self) -> u16 {
        self.0.local_addr().expect("a connected socket").port()
    }

    /// Sends bytes.
    #[track_caller]
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0
            .write_all(bytes.as_ref())
            .expect("the connection stands");
    }

    /// Waits until the server's kernel has acknowledged every byte that was sent.
    #[track_caller]
    #[allow(unsafe_code)]
    pub fn wait_until_acknowledged(&self) {
        wait_until("all is acknowledged", || {
            // SAFETY: SIOCOUTQ writes one int and nothing else.
            let unacknowledged = unsafe {
                let ask = rustix::ioctl::Getter::<SIOCOUTQ, std::ffi::c_int>::new();
                rustix::ioctl::ioctl(&self.0, ask)
            };
            unacknowledged.expect("a TCP socket") == 0
        });
    }

    /// Ends the connection with a reset, whatever it holds.
    pub fn reset(self) {
        let linger = rustix::net::sockopt::set_socket_linger(&self.0, Some(Duration::ZERO));
        linger.expect("a live socket");
    }

    /// Reads up to and with the empty line.
    #[track_caller]
    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.bytes(1));
        }
        String::from_utf8(head).expect("a head is ASCII")
    }

    /// Reads exactly so many bytes.
    #[track_caller]
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("the server sends");
        bytes
    }

    /// Reads one whole frame: its opcode and payload.
    #[track_caller]
    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        let header = self.bytes(2);
        assert_eq!(header[0] & 0xf0, 0x80, "final, without extension bits");
        let length = match header[1] {
            126 => u16::from_be_bytes(self.bytes(2).try_into().expect("two")).into(),
            127 => u64::from_be_bytes(self.bytes(8).try_into().expect("eight")) as usize,
            short => usize::from(short),
        };
        (header[0] & 0x0f, self.bytes(length))
    }

    /// Reads a frame that has to be a Close frame: its code and reason.
    #[track_caller]
    pub fn close_frame(&mut self) -> (u16, String) {
        let (opcode, payload) = self.frame();
        assert_eq!(opcode, CLOSE, "{payload:?}");
        let reason = String::from_utf8(payload[2..].to_vec()).expect("a reason is UTF-8");
        (u16::from_be_bytes([payload[0], payload[1]]), reason)
    }

    /// Reads until the server closes in good order.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0
            .read_to_end(&mut rest)
            .expect("the server closes without a reset");
        rest
    }

    /// Reads until the connection ends, in whatever way: how many bytes came.
    #[track_caller]
    pub fn until_it_ends(&mut self) -> usize {
        let mut count = 0;
        let mut bytes = vec![0; 64 * 1024];
        loop {
            match self.0.read(&mut bytes) {
                Ok(0) => return count,
                Ok(read) => count += read,
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
                    ) =>
                {
                    return count;
                }
                Err(error) => panic!("it does not end: {error}"),
            }
        }
    }

    /// Sends a request on a connection of its own and reads the whole answer: status, head, body.
    #[track_caller]
    pub fn answer(server: &Server, request: impl AsRef<[u8]>) -> (u16, String, String) {
        let mut raw = Raw::connect(server);
        raw.write(&request);
        if request.as_ref().starts_with(b"HEAD ") {
            let head = raw.head();
            (status_of(&head), head, String::new())
        } else {
            raw.response()
        }
    }

    /// Reads an answer as long as its head says that it is, to anything but HEAD: status, head, body.
    #[track_caller]
    pub fn response(&mut self) -> (u16, String, String) {
        let head = self.head();
        let length = head.split("Content-Length: ").nth(1).map(|rest| {
            let digits = rest.split("\r\n").next().expect("a line");
            digits.parse().expect("a length is a number")
        });
        let body = self.bytes(length.unwrap_or(0));
        let body = String::from_utf8(body).expect("a text body");
        (status_of(&head), head, body)
    }

    /// Waits until the server closes the connection in good order, and asserts that it sends
    /// nothing before that.
    #[track_caller]
    pub fn assert_closed(&mut self) {
        assert_eq!(
            self.rest(),
            b"",
            "the server closes, and nothing comes before that"
        );
    }

    /// Asserts that the server still serves the connection: a further request on it is answered 404.
    #[track_caller]
    pub fn assert_kept(&mut self) {
        self.write("GET /is-it-kept HTTP/1.1\r\nHost: h\r\n\r\n");
        let (status, head, _) = self.response();
        assert_eq!(status, 404, "{head}");
    }

    /// Says that nothing more will be sent.
    pub fn end_writing(&self) {
        self.0.end_writing().expect("a live socket");
    }
}

/// What `/probe` says of the request of one who has asked it so, past what it says of those who leave.
#[track_caller]
pub fn answer_of_probe(raw: &mut Raw) -> String {
    loop {
        let (_, payload) = raw.frame();
        let text = String::from_utf8_lossy(&payload).into_owned();
        if text.starts_with("method=") {
            return text;
        }
    }
}

/// The status of an answer's head.
#[track_caller]
fn status_of(head: &str) -> u16 {
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.expect("a status line")
}
