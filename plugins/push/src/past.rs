//! What was said before: clients that come back to what they have missed, and requests that read it.
//!
//! Connection threads; the journals are the server's.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use plugin_api::{Client, Gap, Kind, Message, Outcome, Request, Response, Result, Since};
use serde::Serialize;

use crate::Push;
use crate::options::Read;
use crate::publish::Refusal;
use crate::tokens::Right;
use crate::topics;

/// Closes a WebSocket whose position cannot be served; it is to load its state anew, and come without one.
const GAP: u16 = 4410;

/// Messages, and bytes of them, that one answer holds at most.
const MESSAGES_MAX: u64 = 1000;
const BYTES_MAX: u64 = 512 * 1024;

/// A message as it is kept.
#[derive(Serialize)]
struct Kept {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Where it is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// What is kept of a topic behind some position.
#[derive(Serialize)]
struct Past<'t> {
    topic: &'t str,
    messages: Vec<Kept>,
    /// What to ask with next.
    next: String,
    /// Whether there is more behind that already.
    more: bool,
    /// Why something before the messages is missing.
    gap: Option<&'static str>,
}

/// Whether a request wants what is kept: it says from where on, or that it likes JSON.
pub(crate) fn is_asked_for(request: &Request) -> bool {
    let accept = request.header("accept").unwrap_or_default();
    let is_json = |member: &str| {
        let kind = member.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("application/json")
    };
    accept.split(',').any(is_json)
}

impl Push {
    /// Whether a WebSocket gets its messages in envelopes: it says so by `?envelope=1` or `?envelope=0`, or the options do.
    pub(crate) fn wants_envelope(&self, request: &Request) -> bool {
        if request.kind() != Kind::WebSocket {
            return false;
        }
        match request.query("envelope").as_deref() {
            Some("0" | "false") => false,
            Some(_) => true,
            None => self.options.envelope,
        }
    }

    /// Makes a client a member of its topics, from where on it says: by `Last-Event-ID`, which a browser gives back
    /// when it returns, or else by `?since=`.
    ///
    /// # Errors
    /// The server did not take it.
    pub(crate) fn join(&self, client: &Client, request: &Request, topics: &[Arc<str>]) -> Result {
        let told = told(request);
        for topic in topics {
            let since = match since(told.as_deref()) {
                // As one that does not wait: what is kept comes first.
                _ if told.is_none() && request.kind() == Kind::Poll => Since::Last(u64::MAX),
                // A position is one place in one topic: what was missed of several could not come in its order.
                Since::After { .. } if topics.len() > 1 => Since::After {
                    position: "of several topics",
                    or_last: 0,
                },
                since => since,
            };
            let joined = client.join_from(topic, since)?;
            if let Outcome::Gap(gap) = joined.outcome
                && request.kind() == Kind::WebSocket
                && !self.wants_envelope(request)
            {
                // Any other client is told of it in its own way, by the server.
                client.close(GAP, &format!("gap: {}", name(gap)))?;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Answers what is kept of a topic.
    ///
    /// # Errors
    /// The server did not answer.
    pub(crate) fn past(&self, request: &Request) -> Result<Response> {
        let topics = match self.may_read_past(request) {
            Ok(topics) => topics,
            Err(refusal) => return Ok(refusal.answer(request)),
        };
        let topic = &topics[0];
        let told = told(request);
        let since = match told.as_deref() {
            None => Since::Last(u64::MAX),
            told => since(told),
        };
        let mut messages = Vec::new();
        let kept = self
            .host
            .read_kept(topic, since, MESSAGES_MAX, BYTES_MAX, |id, message| {
                let (text, base64) = match message {
                    Message::Text(text) => (Some(text.to_owned()), None),
                    Message::Binary(bytes) => (None, Some(BASE64_STANDARD.encode(bytes))),
                };
                let id = id.to_string();
                messages.push(Kept { id, text, base64 });
            })?;
        let gap = match kept.outcome {
            Outcome::Gap(gap) => Some(name(gap)),
            _ => None,
        };
        let past = Past {
            topic,
            messages,
            next: kept.next.to_string(),
            more: kept.has_more,
            gap,
        };
        Ok(Response::json(&past)?.header("Cache-Control", "no-store"))
    }

    /// Whether a request may listen, and to what.
    ///
    /// # Errors
    /// See [`Push::may`]; 400 for what is no topic.
    pub(crate) fn may_listen(&self, request: &Request) -> Result<Vec<Arc<str>>, Refusal> {
        let topics = topics::of(request).map_err(|why| Refusal::new(400, why))?;
        if self.options.read == Read::Token {
            self.may(Right::Read, request, &topics)?;
        }
        Ok(topics)
    }

    /// Whether a request may read what is kept, or wait for what comes behind it, and of which topic.
    ///
    /// # Errors
    /// See [`Push::may`]; 400 for what is no topic, or several.
    pub(crate) fn may_read_past(&self, request: &Request) -> Result<Vec<Arc<str>>, Refusal> {
        let topics = self.may_listen(request)?;
        if topics.len() > 1 {
            return Err(Refusal::new(
                400,
                "what is kept is read of one topic at a time",
            ));
        }
        Ok(topics)
    }
}

/// From where on a request wants to hear, as it says it.
fn told(request: &Request) -> Option<Arc<str>> {
    let header = request.header("last-event-id").map(Into::into);
    header.or_else(|| topics::values(request, "since").into_iter().next())
}

/// `now`, `all`, so many of the last, or a position.
fn since(told: Option<&str>) -> Since<'_> {
    match told {
        None | Some("" | "now") => Since::Now,
        Some("all") => Since::Last(u64::MAX),
        Some(told) => match told.parse::<u32>() {
            Ok(count) => Since::Last(count.into()),
            Err(_) => Since::After {
                position: told,
                or_last: 0,
            },
        },
    }
}

fn name(gap: Gap) -> &'static str {
    match gap {
        Gap::TooOld => "too-old",
        Gap::OtherEpoch => "other-epoch",
        Gap::Hole => "hole",
    }
}
