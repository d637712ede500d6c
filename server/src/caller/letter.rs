//! What comes to `server listen`: an event of an event stream, or an envelope of a WebSocket; and where one is to go on.
//!
//! Plain values. What is said goes to standard output as it is, a message a line.

use std::io::{self, Write};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::place::Place;

/// From where on to listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Since {
    /// As the command line says it; none for from now on.
    pub(super) told: Option<String>,
    /// Behind what was printed last, once the server has said where that is.
    pub(super) id: Option<String>,
}

impl Since {
    /// Path and query to ask for; `more` is one further word of the query.
    pub(super) fn target(&self, place: &Place, more: Option<&str>) -> String {
        let since = self.id.as_deref().or(self.told.as_deref()).map(|since| {
            let since = utf8_percent_encode(since, NON_ALPHANUMERIC);
            format!("since={since}")
        });
        let mut target = place.target.clone();
        for word in since.as_deref().into_iter().chain(more) {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(word);
        }
        target
    }

    /// Takes note of a position, as far as a header may have it.
    fn note(&mut self, id: &[u8]) {
        if let Ok(id) = std::str::from_utf8(id)
            && id.bytes().all(|byte| byte.is_ascii_graphic())
        {
            self.id = Some(id.to_owned());
        }
    }
}

/// An event as far as it has come.
#[derive(Default)]
pub(super) struct Event {
    name: Vec<u8>,
    data: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
}

impl Event {
    /// Takes one line, which is not empty.
    pub(super) fn take(&mut self, line: &[u8], retry: &mut Duration) {
        let colon = line.iter().position(|&byte| byte == b':');
        let (field, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = value.to_vec(),
            b"id" => self.id = Some(value.to_vec()),
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

    /// Prints a message, and what has come as bytes as these; from then on it goes on behind it.
    pub(super) fn print(self, since: &mut Since) -> io::Result<()> {
        match (self.name.as_slice(), self.data) {
            (b"" | b"message", Some(data)) => print(&data)?,
            (b"binary", Some(data)) => print(&BASE64_STANDARD.decode(data).unwrap_or_default())?,
            (b"gap", Some(why)) => tell_gap(&String::from_utf8_lossy(&why))?,
            _ => {}
        }
        if let Some(id) = self.id {
            since.note(&id);
        }
        Ok(())
    }
}

/// A message with its position, or where one begins.
#[derive(Deserialize)]
struct Envelope {
    id: Option<String>,
    data: Option<String>,
    base64: Option<String>,
    gap: Option<String>,
}

/// Prints what is in an envelope, as above; what is none as it is.
pub(super) fn print_envelope(text: &str, since: &mut Since) -> io::Result<()> {
    let Ok(envelope) = serde_json::from_str::<Envelope>(text) else {
        return print(text.as_bytes());
    };
    match (envelope.data, envelope.base64, envelope.gap) {
        (Some(data), _, _) => print(data.as_bytes())?,
        (_, Some(base64), _) => print(&BASE64_STANDARD.decode(base64).unwrap_or_default())?,
        (_, _, Some(why)) => tell_gap(&why)?,
        _ => {}
    }
    if let Some(id) = envelope.id {
        since.note(id.as_bytes());
    }
    Ok(())
}

fn tell_gap(why: &str) -> io::Result<()> {
    writeln!(
        io::stderr(),
        "gap: something was said that cannot be had any more ({why})"
    )
}

/// Prints a message.
pub(super) fn print(message: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(message)?;
    output.write_all(b"\n")?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::{Place, Since};

    #[test]
    fn from_where_on_stands_in_the_query_whatever_is_in_it() {
        for (url, since, more, expected) in [
            ("http://h/push", None, None, "/push"),
            ("http://h/push", Some("all"), None, "/push?since=all"),
            (
                "http://h/push?topic=a",
                Some("a b&c\r\n"),
                Some("envelope=1"),
                "/push?topic=a&since=a%20b%26c%0D%0A&envelope=1",
            ),
        ] {
            let place = Place::parse(url).expect("a URL");
            let since = Since {
                told: since.map(str::to_owned),
                id: None,
            };
            assert_eq!(since.target(&place, more), expected);
        }
    }

    #[test]
    fn what_no_header_can_hold_is_no_place() {
        let mut since = Since::default();
        since.note(b"good-1");
        for id in [&b"a\0b"[..], b"a b", "\u{fc}".as_bytes(), b"\xff"] {
            since.note(id);
        }
        assert_eq!(since.id.as_deref(), Some("good-1"));
    }
}
