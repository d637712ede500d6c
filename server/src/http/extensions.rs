//! What is agreed about compression in the opening handshake (RFC 7692 sections 5 and 7.1).
//!
//! Pure functions on bytes. A client offers one or several ways, its best first; the first that can be done is taken. What
//! is unknown, comes twice or has no sense in an offer refuses that offer alone: then the next one counts, or nothing is
//! compressed.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use super::fields::is_token;
use crate::compression::{Agreed, Mode, Window};

const NAME: &str = "permessage-deflate";
const SERVER_FORGETS: &str = "server_no_context_takeover";
const CLIENT_FORGETS: &str = "client_no_context_takeover";
const SERVER_WINDOW: &str = "server_max_window_bits";
const CLIENT_WINDOW: &str = "client_max_window_bits";

/// One offer, as far as it is ours to answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Offer {
    server_forgets: bool,
    client_forgets: bool,
    server_window: Option<u8>,
    /// It may be named in the answer; and the most that the client uses, where it says so.
    client_window: Option<Option<u8>>,
}

/// The value of `Sec-WebSocket-Extensions` in the answer: written where it is needed, since what a thread allocates for
/// a moment stays with it for as long as the client is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    server_forgets: bool,
    client_forgets: bool,
    server_window: Option<u8>,
    client_window: Option<u8>,
}

impl Display for Accepted {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.write_str(NAME)?;
        for (name, is_said) in [
            (SERVER_FORGETS, self.server_forgets),
            (CLIENT_FORGETS, self.client_forgets),
        ] {
            if is_said {
                write!(to, "; {name}")?;
            }
        }
        for (name, bits) in [
            (SERVER_WINDOW, self.server_window),
            (CLIENT_WINDOW, self.client_window),
        ] {
            if let Some(bits) = bits {
                write!(to, "; {name}={bits}")?;
            }
        }
        Ok(())
    }
}

/// What is agreed with a client that has sent these `Sec-WebSocket-Extensions`, and what the answer says of it; none where
/// nothing is compressed.
#[inline(never)]
pub fn negotiate<'a>(
    headers: impl Iterator<Item = &'a [u8]>,
    mode: Mode,
) -> Option<(Agreed, Accepted)> {
    if mode == Mode::Off {
        return None;
    }
    let mut entries = headers.flat_map(|value| Reader { rest: value });
    entries.find_map(|entry| answer(&entry.offer?, mode))
}

fn answer(offer: &Offer, mode: Mode) -> Option<(Agreed, Accepted)> {
    let window = Window::new(offer.server_window.unwrap_or(Window::MOST.bits()))?;
    let is_full = mode == Mode::Full;
    let refers_back = is_full && !offer.server_forgets;
    let peer_refers_back = is_full && !offer.client_forgets;
    let named = offer.client_window.flatten().filter(|_| peer_refers_back);
    // No inflater has a window of 8 bits, and every one of 9 does.
    let peer_window = named.and_then(|bits| Window::new(bits.max(9)));
    let agreed = Agreed {
        window,
        refers_back,
        peer_refers_back: peer_refers_back.then(|| peer_window.unwrap_or(Window::MOST)),
    };
    let accepted = Accepted {
        server_forgets: !refers_back,
        client_forgets: !peer_refers_back,
        server_window: offer.server_window,
        client_window: named,
    };
    Some((agreed, accepted))
}

impl Offer {
    /// Takes a parameter; none where none that is known comes so, or it has come before.
    fn take(&mut self, name: &str, value: Option<&str>) -> Option<()> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let value = value.map(bits);
        match value {
            None if is(SERVER_FORGETS) => take_word(&mut self.server_forgets),
            None if is(CLIENT_FORGETS) => take_word(&mut self.client_forgets),
            Some(bits) if is(SERVER_WINDOW) => take_once(&mut self.server_window, bits?),
            None if is(CLIENT_WINDOW) => take_once(&mut self.client_window, None),
            Some(bits) if is(CLIENT_WINDOW) => take_once(&mut self.client_window, Some(bits?)),
            _ => None,
        }
    }
}

fn take_word(is_said: &mut bool) -> Option<()> {
    (!std::mem::replace(is_said, true)).then_some(())
}

fn take_once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// From 8 to 15, without a zero before it.
fn bits(value: &str) -> Option<u8> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0');
    let bits = value.parse().ok().filter(|bits| (8..=15).contains(bits));
    bits.filter(|_| is_plain)
}

/// One entry of the list.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// None where it is of another extension, or one that cannot be accepted.
    offer: Option<Offer>,
}

/// The entries of one header (RFC 6455 section 9.1). Behind what is no entry nothing is read: who knows what it was to be.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Iterator for Reader<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            self.skip_space();
            if !self.take(b',') {
                break;
            }
        }
        let entry = self.entry();
        if entry.is_none() {
            self.rest = &[];
        }
        entry
    }
}

impl<'a> Reader<'a> {
    fn entry(&mut self) -> Option<Entry> {
        let is_ours = self.token()?.eq_ignore_ascii_case(NAME);
        let mut offer = is_ours.then(Offer::default);
        loop {
            self.skip_space();
            if self.rest.is_empty() || self.rest[0] == b',' {
                return Some(Entry { offer });
            }
            if !self.take(b';') {
                return None;
            }
            self.skip_space();
            let name = self.token()?;
            self.skip_space();
            let value = match self.take(b'=') {
                true => Some(self.value()?),
                false => None,
            };
            // One that cannot be accepted is read to its end all the same: behind it others may follow.
            offer = offer.and_then(|mut offer| {
                offer.take(name, value.as_deref())?;
                Some(offer)
            });
        }
    }

    /// A token, bare or in quotes.
    fn value(&mut self) -> Option<Cow<'a, str>> {
        self.skip_space();
        if !self.take(b'"') {
            return self.token().map(Cow::Borrowed);
        }
        let mut text = Vec::new();
        loop {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => break,
                b'\\' => {
                    let (&escaped, rest) = self.rest.split_first()?;
                    self.rest = rest;
                    text.push(escaped);
                }
                byte => text.push(byte),
            }
        }
        let text = String::from_utf8(text).ok()?;
        is_token(text.as_bytes()).then_some(Cow::Owned(text))
    }

    fn token(&mut self) -> Option<&'a str> {
        let ends = |byte: &u8| b" \t,;=\"".contains(byte);
        let end = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        is_token(token).then(|| std::str::from_utf8(token).ok())?
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.rest.strip_prefix(&[byte]) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }
}

/// Asserts that whatever is offered, what is answered is an answer to one of the offers, which a client understands.
#[cfg(any(test, fuzzing))]
pub(crate) fn negotiation_holds(data: &[u8]) {
    assert_eq!(negotiate([data].into_iter(), Mode::Off), None);
    for mode in [Mode::Shared, Mode::Full] {
        let Some((agreed, accepted)) = negotiate([data].into_iter(), mode) else {
            continue;
        };
        let text = accepted.to_string();
        let offer = Reader { rest: data }
            .filter_map(|entry| entry.offer)
            .find(|offer| offer.server_window != Some(8))
            .expect("what is answered was offered");
        let mut entries = Reader {
            rest: text.as_bytes(),
        };
        let answered = entries.next().and_then(|entry| entry.offer);
        let answered = answered.expect("the answer has the form of an offer");
        assert_eq!(entries.next(), None, "it is one");
        assert_eq!(answered.server_forgets, !agreed.refers_back);
        assert_eq!(answered.client_forgets, agreed.peer_refers_back.is_none());
        assert_eq!(answered.server_window, offer.server_window, "{text}");
        assert!(answered.server_forgets || !offer.server_forgets);
        assert!(answered.client_window.is_none() || offer.client_window.is_some());
        assert_eq!(agreed.window.bits(), offer.server_window.unwrap_or(15));
        if mode == Mode::Shared {
            assert!(answered.server_forgets && answered.client_forgets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::negotiate;
    use crate::compression::Mode;

    fn answered(mode: Mode, headers: &[&str]) -> Option<String> {
        let headers = headers.iter().map(|header| header.as_bytes());
        negotiate(headers, mode).map(|(_, accepted)| accepted.to_string())
    }

    const SHARED: &str =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn the_first_offer_that_can_be_done_is_taken() {
        let with_12 = format!("{SHARED}; server_max_window_bits=12");
        for (headers, answer) in [
            (&["permessage-deflate"][..], Some(SHARED)),
            (
                &["permessage-deflate; client_max_window_bits"],
                Some(SHARED),
            ),
            (
                &["permessage-deflate; client_max_window_bits=8"],
                Some(SHARED),
            ),
            (
                &["Permessage-Deflate ;Server_No_Context_Takeover"],
                Some(SHARED),
            ),
            (
                &["permessage-deflate; server_max_window_bits=12"],
                Some(&*with_12),
            ),
            (
                &["permessage-deflate; server_max_window_bits = \"1\\2\""],
                Some(&with_12),
            ),
            (&["permessage-deflate; server_max_window_bits=8"], None),
            (
                &["permessage-deflate; server_max_window_bits=8, permessage-deflate"],
                Some(SHARED),
            ),
            (
                &["permessage-deflate; x, permessage-deflate; server_max_window_bits=12"],
                Some(&with_12),
            ),
            (
                &[
                    "x-webkit-deflate-frame",
                    "permessage-deflate; y=1",
                    ",, permessage-deflate ,",
                ],
                Some(SHARED),
            ),
            (&["foo; bar=\"a,;b\", permessage-deflate"], None),
            (&["foo; bar=\"ab\", permessage-deflate"], Some(SHARED)),
            (&["permessage-deflate;"], None),
            (&["permessage-deflate permessage-deflate"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(
                answered(Mode::Shared, headers).as_deref(),
                answer,
                "{headers:?}"
            );
            assert_eq!(answered(Mode::Off, headers), None, "{headers:?}");
        }
    }

    #[test]
    fn a_parameter_that_makes_no_sense_refuses_its_offer() {
        for parameter in [
            "server_no_context_takeover=1",
            "client_no_context_takeover=\"\"",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "server_max_window_bits=+9",
            "server_max_window_bits=",
            "server_max_window_bits=\"12",
            "server_max_window_bits=256",
            "client_max_window_bits=7",
            "client_max_window_bits=x",
            "client_max_window_bits; client_max_window_bits",
            "client_no_context_takeover; Client_No_Context_Takeover",
            "mystery",
        ] {
            let offer = format!("permessage-deflate; {parameter}");
            for mode in [Mode::Shared, Mode::Full] {
                assert_eq!(answered(mode, &[&offer]), None, "{parameter}");
            }
        }
    }

    #[test]
    fn who_has_windows_keeps_them_unless_one_side_is_to_forget() {
        for (offer, answer) in [
            ("", ""),
            ("; client_max_window_bits", ""),
            ("; client_max_window_bits=10", "; client_max_window_bits=10"),
            (
                "; server_no_context_takeover",
                "; server_no_context_takeover",
            ),
            (
                "; client_no_context_takeover; client_max_window_bits=10",
                "; client_no_context_takeover",
            ),
            ("; server_max_window_bits=9", "; server_max_window_bits=9"),
        ] {
            let [offer, answer] = [offer, answer].map(|of| format!("permessage-deflate{of}"));
            assert_eq!(answered(Mode::Full, &[&offer]), Some(answer), "{offer}");
        }
    }
}
