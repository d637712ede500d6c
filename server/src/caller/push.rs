//! `server push`: sends a text, a file, or each line of standard input, and waits until it is taken.

use std::io::{BufRead, Read};
use std::net::TcpStream;
use std::{fs, io};

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

use super::place::Place;
use super::{CallError, http, socket, token};
use crate::config::PushArgs;

/// Sends what the arguments say. By HTTP each message is taken when it is answered; by a WebSocket all are when the
/// server has answered the close.
///
/// # Errors
/// See [`CallError`]; what comes behind a message that is refused is not sent.
pub fn push(args: &PushArgs) -> Result<(), CallError> {
    let mut place = Place::parse(&args.url)?;
    if args.durable {
        place = durable(&place)?;
    }
    let token = token(args.token.as_deref());
    if place.is_socket {
        let mut socket = socket::open(&place, token.as_deref())?;
        let mut has_ended = false;
        each_message(args, |message| {
            has_ended = socket.send(to_message(message)).is_err();
            // Why it has ended, its Close frame says.
            Ok(!has_ended)
        })?;
        return close(&place, &mut socket);
    }
    let lines = http::authorization(token.as_deref());
    each_message(args, |message| {
        let kind = match std::str::from_utf8(&message) {
            Ok(_) => "text/plain; charset=utf-8",
            Err(_) => "application/octet-stream",
        };
        let lines = format!("{lines}Content-Type: {kind}\r\n");
        let answer = http::ask(&place, "POST", &lines, &message)?;
        if (200..300).contains(&answer.status) {
            Ok(true)
        } else {
            Err(answer.refusal())
        }
    })
}

/// The same place, whose answers come when the disk has what was sent.
fn durable(place: &Place) -> Result<Place, CallError> {
    if place.is_socket {
        let why = "--durable needs http://: by a WebSocket nobody is told what the disk has";
        return Err(CallError::Usage(why.to_owned()));
    }
    let target = &place.target;
    let sign = if target.contains('?') { '&' } else { '?' };
    Ok(place.with_target(format!("{target}{sign}durable")))
}

/// Calls `send` with each message, until it is false. Blocks on standard input where that is what is sent.
fn each_message(
    args: &PushArgs,
    mut send: impl FnMut(Vec<u8>) -> Result<bool, CallError>,
) -> Result<(), CallError> {
    if let Some(text) = &args.message {
        return send(text.clone().into_bytes()).map(drop);
    }
    if let Some(file) = &args.file {
        let bytes = if file.as_os_str() == "-" {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        } else {
            fs::read(file)
        };
        let bytes = bytes.map_err(|error| {
            CallError::Usage(format!("{} cannot be read: {error}", file.display()))
        })?;
        return send(bytes).map(drop);
    }
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.ends_with(b"\n") {
            line.pop();
        }
        if !send(line)? {
            return Ok(());
        }
    }
}

/// Text where it is UTF-8.
fn to_message(bytes: Vec<u8>) -> Message {
    match String::from_utf8(bytes) {
        Ok(text) => Message::text(text),
        Err(error) => Message::binary(error.into_bytes()),
    }
}

/// Says goodbye and waits for the answer: what was said before has been taken then.
fn close(place: &Place, socket: &mut WebSocket<TcpStream>) -> Result<(), CallError> {
    // Where the other side was the first, what it said is read below.
    socket.close(None).ok();
    let mut refused = None;
    loop {
        match socket.read() {
            Ok(Message::Close(Some(frame))) if frame.code != CloseCode::Normal => {
                refused = Some(format!(
                    "closed with {} {}",
                    u16::from(frame.code),
                    frame.reason
                ));
            }
            Ok(_) => {}
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                return refused.map_or(Ok(()), |why| Err(CallError::Refused(why)));
            }
            Err(error) => {
                let lost = socket::lost(place, &error);
                return Err(refused.map_or(lost, CallError::Refused));
            }
        }
    }
}
