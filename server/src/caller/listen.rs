//! `server listen`: prints what is said, a message a line, and comes back where the connection ends.

use std::io::{self, BufRead, ErrorKind, Write};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tungstenite::Message;

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
    let mut was_there = false;
    loop {
        let end = if place.is_socket {
            by_socket(&place, token.as_deref(), &mut was_there)
        } else {
            by_events(&place, token.as_deref(), &mut was_there)
        };
        match end {
            Ok(End::Over) => return Ok(()),
            Ok(End::Retry(time)) => thread::sleep(time),
            Err(CallError::Unreachable(why)) if was_there => {
                writeln!(io::stderr(), "not reachable: {why}")?;
                thread::sleep(RETRY);
            }
            Err(error) => return Err(error),
        }
    }
}

fn by_socket(place: &Place, token: Option<&str>, was_there: &mut bool) -> Result<End, CallError> {
    let mut socket = socket::open(place, token)?;
    *was_there = true;
    loop {
        let is_printed = match socket.read() {
            Ok(Message::Text(text)) => print(text.as_bytes()),
            Ok(Message::Binary(bytes)) => print(&bytes),
            Ok(_) => Ok(()),
            Err(error) => {
                writeln!(io::stderr(), "{}: {error}", place.authority)?;
                return Ok(End::Retry(RETRY));
            }
        };
        if is_printed.is_err() {
            return over(is_printed);
        }
    }
}

fn by_events(place: &Place, token: Option<&str>, was_there: &mut bool) -> Result<End, CallError> {
    let lines = http::authorization(token) + "Accept: text/event-stream\r\n";
    let answer = http::ask(place, "GET", &lines, &[])?;
    match answer.status {
        200 => *was_there = true,
        204 => return Ok(End::Over),
        // What stands before the server says so while that is away.
        502..=504 if *was_there => return Ok(End::Retry(RETRY)),
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
        let line = line.trim_ascii_end();
        if !line.is_empty() {
            event.take(line, &mut retry);
            continue;
        }
        let is_printed = std::mem::take(&mut event).print();
        if is_printed.is_err() {
            return over(is_printed);
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

/// An event as far as it has come.
#[derive(Default)]
struct Event {
    name: Vec<u8>,
    data: Option<Vec<u8>>,
}

impl Event {
    /// Takes one line, which is not empty.
    fn take(&mut self, line: &[u8], retry: &mut Duration) {
        let colon = line.iter().position(|&byte| byte == b':');
        let (field, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = value.to_vec(),
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            },
            b"retry" => {
                let time = std::str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.parse().ok());
                *retry = time.map_or(*retry, Duration::from_millis);
            }
            _ => {}
        }
    }

    /// Prints a message, and what has come as bytes as these.
    fn print(self) -> io::Result<()> {
        match (self.name.as_slice(), self.data) {
            (b"" | b"message", Some(data)) => print(&data),
            (b"binary", Some(data)) => print(&BASE64_STANDARD.decode(data).unwrap_or_default()),
            _ => Ok(()),
        }
    }
}

fn print(message: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(message)?;
    output.write_all(b"\n")?;
    output.flush()
}
