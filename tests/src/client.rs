//! A WebSocket client by the book, as a browser would be.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

use crate::transport::Transport;
use crate::{DEADLINE, Server, by_tls};

/// A connected client, over TCP or whatever else carries bytes; every read fails the test after
/// [`DEADLINE`].
#[derive(Debug)]
pub struct Client<S = Transport> {
    socket: WebSocket<S>,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<String>,
    headers: Vec<(String, String)>,
}

/// The answer to a handshake that was not 101.
#[derive(Debug)]
pub struct Refused {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
}

impl Client {
    /// Connects to a route.
    #[track_caller]
    pub fn connect(server: &Server, path: &str) -> Client {
        Client::connect_with(server, path, &[])
            .unwrap_or_else(|refused| panic!("{path}: {refused:?}"))
    }

    /// Connects with further headers.
    ///
    /// # Errors
    /// The server answers something else than 101.
    #[track_caller]
    pub fn connect_with(
        server: &Server,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Client, Refused> {
        let address = by_tls::address(server);
        let stream = by_tls::over(patient(address));
        Client::over(stream, &format!("ws://{address}{path}"), headers)
    }

    /// Connects to an address, without TLS in any run.
    ///
    /// # Errors
    /// The server answers something else than 101.
    #[track_caller]
    pub fn connect_to(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Client, Refused> {
        let stream = patient(address).into();
        Client::over(stream, &format!("ws://{address}{path}"), headers)
    }

    /// The socket, to do worse with it.
    pub fn stream(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    /// Ends the connection with a reset, as a machine does that lost its power and came back.
    pub fn reset(self) {
        let linger =
            rustix::net::sockopt::set_socket_linger(self.stream(), Some(std::time::Duration::ZERO));
        linger.expect("a live socket");
    }
}

impl<S: Read + Write> Client<S> {
    /// What carries the bytes, to say what no client would.
    pub fn transport(&mut self) -> &mut S {
        self.socket.get_mut()
    }

    /// Opens a WebSocket for `url` on a connection that stands.
    ///
    /// # Errors
    /// The server answers something else than 101.
    #[track_caller]
    pub fn over(stream: S, url: &str, headers: &[(&str, &str)]) -> Result<Client<S>, Refused> {
        let mut request = url.into_client_request().expect("a valid address");
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a valid name");
            let value: HeaderValue = value.parse().expect("a valid value");
            request.headers_mut().append(name, value);
        }
        let (socket, response) = match tungstenite::client::client(request, stream) {
            Ok(connected) => connected,
            Err(HandshakeError::Failure(Error::Http(response))) => {
                let body = response.body().clone().unwrap_or_default();
                let body = String::from_utf8_lossy(&body).into_owned();
                return Err(Refused {
                    status: response.status().as_u16(),
                    body,
                });
            }
            Err(error) => panic!("{url}: {error}"),
        };
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        let mut client = Client {
            socket,
            subprotocol: None,
            headers,
        };
        client.subprotocol = client.header("sec-websocket-protocol").map(str::to_owned);
        Ok(client)
    }

    /// A header of the 101 answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(of, _)| of.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Sends a text message.
    #[track_caller]
    pub fn send(&mut self, text: &str) {
        self.socket
            .send(Message::text(text))
            .expect("the connection stands");
    }

    /// Sends a binary message.
    #[track_caller]
    pub fn send_binary(&mut self, payload: &[u8]) {
        self.socket
            .send(Message::binary(payload.to_vec()))
            .expect("the connection stands");
    }

    /// Sends a text message, whether or not it still can.
    pub fn try_send(&mut self, text: &str) -> bool {
        self.socket.send(Message::text(text)).is_ok()
    }

    /// The next message that is not a ping or pong.
    #[track_caller]
    pub fn receive(&mut self) -> Message {
        loop {
            match self.socket.read() {
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(message) => return message,
                Err(error) => panic!("no message: {error}"),
            }
        }
    }

    /// Waits until so many pings have come, and nothing else; each is answered.
    #[track_caller]
    pub fn pings(&mut self, count: usize) {
        for _ in 0..count {
            match self.socket.read() {
                Ok(Message::Ping(_)) => {}
                other => panic!("no ping: {other:?}"),
            }
        }
    }

    /// The connection ends next, in whatever way, without a message before that.
    #[track_caller]
    pub fn cut(&mut self) {
        match self.socket.read() {
            Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::Protocol(_)) => {}
            Err(Error::Io(error)) if !is_timeout(&error) => {}
            other => panic!("not cut: {other:?}"),
        }
    }

    /// The same, whatever comes before that: what was under way, or what others have said.
    #[track_caller]
    pub fn cut_in_the_end(&mut self) {
        loop {
            match self.socket.read() {
                Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::Protocol(_)) => return,
                Err(Error::Io(error)) if !is_timeout(&error) => return,
                Ok(_) => {}
                other => panic!("not cut: {other:?}"),
            }
        }
    }

    /// The next message, which has to be text.
    #[track_caller]
    pub fn text(&mut self) -> String {
        match self.receive() {
            Message::Text(text) => text.as_str().to_owned(),
            other => panic!("not text: {other:?}"),
        }
    }

    /// The next message, which has to be binary.
    #[track_caller]
    pub fn binary(&mut self) -> Vec<u8> {
        match self.receive() {
            Message::Binary(payload) => payload.to_vec(),
            other => panic!("not binary: {other:?}"),
        }
    }

    /// The server closes next: with which code and reason. Then the connection ends.
    #[track_caller]
    pub fn closed(&mut self) -> (u16, String) {
        let said = match self.receive() {
            Message::Close(Some(frame)) => (frame.code.into(), frame.reason.as_str().to_owned()),
            Message::Close(None) => (1005, String::new()),
            other => panic!("not closed: {other:?}"),
        };
        match self.socket.read() {
            // A server that does not wait for the answer to a Close frame resets what it gets.
            Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_)) => said,
            other => panic!("the connection goes on: {other:?}"),
        }
    }

    /// Skips messages until the server closes.
    #[track_caller]
    pub fn closed_in_the_end(&mut self) -> (u16, String) {
        loop {
            match self.receive() {
                Message::Close(Some(frame)) => {
                    return (frame.code.into(), frame.reason.as_str().to_owned());
                }
                Message::Close(None) => return (1005, String::new()),
                _ => {}
            }
        }
    }

    /// Closes by the book: our Close frame, the server's, the end.
    #[track_caller]
    pub fn close(mut self, code: u16, reason: &str) -> (u16, String) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        };
        self.socket
            .close(Some(frame))
            .expect("the connection stands");
        loop {
            match self.socket.read() {
                Ok(Message::Close(Some(frame))) => {
                    return (frame.code.into(), frame.reason.as_str().to_owned());
                }
                Ok(_) => {}
                Err(error) => panic!("no answer to the Close frame: {error}"),
            }
        }
    }
}

#[track_caller]
fn patient(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("a live socket");
    stream
        .set_read_timeout(Some(DEADLINE))
        .expect("a valid timeout");
    stream
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
