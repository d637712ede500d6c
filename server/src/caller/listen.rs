//! `server listen`: prints what is said, a message a line, and comes back where the connection ends.

use std::io::{self, BufRead, ErrorKind, Write};
use std::thread;
use std::time::Duration;

use tungstenite::Message;

use super::letter::{Event, Since, print, print_envelope};
use super::place::Place;
use super::{CallError, http, socket, token};
use crate::config::ListenArgs;

/// How long to wait before it comes back, unless the server says otherwise.
const RETRY: Duration = Duration::from_secs(2);

/// What one connection came to.
enum End {
    /// Come back after so long.
    Retry(Duration),
    /// The server wants nobody to come back, or nobody reads what is printed any more.
    Over,
}

/// Prints what comes until it is ended from outside. Whoever is not there, or refuses, at the first attempt is an
/// error; from then on it is waited for, and only a refusal is one.
///
/// # Errors
/// See [`CallError`].
pub fn listen(args: &ListenArgs) -> Result<(), CallError> {
    let place = Place::parse(&args.url)?;
    let token = token(args.token.as_deref());
    let mut way = Way {
        place,
        token,
        has_envelope: args.since.is_some(),
        since: Since {
            told: args.since.clone(),
            id: None,
        },
        was_there: false,
    };
    loop {
        let end = if way.place.is_socket {
            way.by_socket()
        } else {
            way.by_events()
        };
        match end {
            Ok(End::Over) => return Ok(()),
            Ok(End::Retry(time)) => thread::sleep(time),
            Err(CallError::Unreachable(why)) if way.was_there => {
                writeln!(io::stderr(), "not reachable: {why}")?;
                thread::sleep(RETRY);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Where one listens, as whom, and how far one is.
struct Way {
    place: Place,
    token: Option<String>,
    /// Each message of a WebSocket is to come with its position.
    has_envelope: bool,
    since: Since,
    was_there: bool,
}

impl Way {
    fn by_socket(&mut self) -> Result<End, CallError> {
        let more = self.has_envelope.then_some("envelope=1");
        let place = self.place.with_target(self.since.target(&self.place, more));
        let mut socket = socket::open(&place, self.token.as_deref())?;
        self.was_there = true;
        loop {
            let is_printed = match socket.read() {
                Ok(Message::Text(text)) if self.has_envelope => {
                    print_envelope(&text, &mut self.since)
                }
                Ok(Message::Text(text)) => print(text.as_bytes()),
                Ok(Message::Binary(bytes)) => print(&bytes),
                Ok(_) => Ok(()),
                Err(error) => {
                    writeln!(io::stderr(), "{}: {error}", self.place.authority)?;
                    return Ok(End::Retry(RETRY));
                }
            };
            if is_printed.is_err() {
                return over(is_printed);
            }
        }
    }

    fn by_events(&mut self) -> Result<End, CallError> {
        let mut lines = http::authorization(self.token.as_deref());
        lines += "Accept: text/event-stream\r\n";
        let answer = match &self.since.id {
            // As a browser does.
            Some(id) => {
                lines += &format!("Last-Event-ID: {id}\r\n");
                http::ask(&self.place, "GET", &lines, &[])?
            }
            None => {
                let place = self.place.with_target(self.since.target(&self.place, None));
                http::ask(&place, "GET", &lines, &[])?
            }
        };
        match answer.status {
            200 => self.was_there = true,
            204 => return Ok(End::Over),
            // What stands before the server says so while that is away.
            502..=504 if self.was_there => return Ok(End::Retry(RETRY)),
            _ => return Err(answer.refusal()),
        }
        let mut body = answer.body;
        let mut event = Event::default();
        let mut retry = RETRY;
        loop {
            let mut line = Vec::new();
            if !matches!(body.read_until(b'\n', &mut line), Ok(1..)) {
                return Ok(End::Retry(retry));
            }
            // Nothing else: spaces at the end belong to the message.
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                event.take(line, &mut retry);
                continue;
            }
            let is_printed = std::mem::take(&mut event).print(&mut self.since);
            if is_printed.is_err() {
                return over(is_printed);
            }
        }
    }
}

/// Nobody reads what is printed any more, as behind `head -1`: that is an end, and no error.
fn over(printed: io::Result<()>) -> Result<End, CallError> {
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(End::Over),
    }
}
