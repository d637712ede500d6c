//! A client that waits for one message, and its answer in the form in which the server gives it.
//!
//! Plain values; who says what to whom, and when, is [`super::world`]'s.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::journal::text;
use super::received::Received;
use crate::Response;

/// One that waits, or has been answered.
pub(super) struct Poll {
    /// When it has waited in vain, in the time of the route.
    pub(super) until: Duration,
    /// An answer with the headers that the plugin wants, and no body yet.
    head: Response,
    /// Where it goes on where nothing is said; none where nobody knows.
    silence: Option<Vec<u8>>,
    pub(super) answer: Option<Response>,
}

/// What there is to tell of one topic, or of none.
#[derive(Default)]
pub(super) struct Told<'a> {
    /// None for what is said to everyone, or to one client.
    pub(super) topic: Option<&'a str>,
    pub(super) messages: &'a [(Option<u64>, Received)],
    /// Where who has got all of this goes on; none where the last message says it.
    pub(super) next: Option<u64>,
    pub(super) gap: Option<&'static str>,
    /// The counting that the positions are of.
    pub(super) epoch: u64,
}

#[derive(Serialize)]
struct Body<'a> {
    topic: Option<&'a str>,
    messages: Vec<Message<'a>>,
    next: Option<String>,
    more: bool,
    gap: Option<&'static str>,
}

#[derive(Serialize)]
struct Message<'a> {
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Poll {
    /// `admitted` has the headers that the plugin added.
    pub(super) fn new(until: Duration, admitted: &Response) -> Poll {
        let head = Response::new(200)
            .header("Content-Type", "application/json")
            .header("Cache-Control", "no-store");
        let with_headers = admitted
            .headers()
            .fold(head, |head, (name, value)| head.header(name, value));
        Poll {
            until,
            head: with_headers,
            silence: None,
            answer: None,
        }
    }

    /// Where it goes on where nothing is said of that topic.
    pub(super) fn set_silence(&mut self, told: &Told<'_>) {
        self.silence = Some(told.body());
    }

    /// It is answered so; false where it has an answer already.
    pub(super) fn tell(&mut self, told: &Told<'_>) -> bool {
        let is_first = self.answer.is_none();
        if is_first {
            self.answer = Some(self.head.clone().body(told.body()));
        }
        is_first
    }

    /// The waiting is ended, with what a WebSocket would be closed with.
    pub(super) fn end(&mut self, code: u16, reason: &str) {
        if self.answer.is_some() {
            return;
        }
        let head = self.head.clone();
        self.answer = Some(match (code, self.silence.take()) {
            (1000 | 1001, Some(body)) => head.body(body),
            (1000 | 1001, None) => head.status(204),
            (1008, _) => refused(403, reason),
            (1011, _) => refused(500, reason),
            _ => refused(503, reason),
        });
    }
}

fn refused(status: u16, reason: &str) -> Response {
    Response::text(format!("{reason}\n")).status(status)
}

impl Told<'_> {
    fn body(&self) -> Vec<u8> {
        let id = |position: u64| String::from_utf8_lossy(&text(self.epoch, position)).into_owned();
        let messages = self.messages.iter().map(|(position, said)| {
            let (text, base64) = match said {
                Received::Text(text) => (Some(text.as_str()), None),
                Received::Binary(bytes) => (None, Some(BASE64_STANDARD.encode(bytes))),
            };
            Message {
                id: position.map(id),
                text,
                base64,
            }
        });
        let last = self.messages.last().and_then(|(position, _)| *position);
        let body = Body {
            topic: self.topic,
            messages: messages.collect(),
            next: last.or(self.next).map(id),
            more: false,
            gap: self.gap,
        };
        // Strings and numbers have a form in JSON.
        let mut body = serde_json::to_vec(&body).unwrap_or_default();
        body.push(b'\n');
        body
    }
}
