//! Publishing by a plain request: who may, what the body is, and the answer.
//!
//! Connection threads, in `on_request`; nothing here waits for a client.

use std::sync::Arc;
use std::time::Instant;

use plugin_api::{JournalError, Keep, Message, Page, Request, Response, Result, json, log};
use serde::Serialize;

use crate::Push;
use crate::tokens::{self, Right};
use crate::topics;

/// Why a request is not served: a status, and a sentence.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) why: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, why: impl Into<String>) -> Refusal {
        Refusal {
            status,
            why: why.into(),
        }
    }

    /// The answer. Tells the log too: whoever runs the server has to find out why a script is refused.
    pub(crate) fn answer(&self, request: &Request) -> Response {
        let (who, method, path) = (request.client_address(), request.method(), request.path());
        log::info!("{who} {method} {path}: {} {}", self.status, self.why);
        let response = Response::text(format!("{}\n", self.why)).status(self.status);
        match self.status {
            401 => response.header("WWW-Authenticate", "Bearer realm=\"push\""),
            429 => response.header("Retry-After", "1"),
            _ => response,
        }
    }
}

/// What became of a message on one topic.
#[derive(Serialize)]
struct Published<'t> {
    topic: &'t str,
    /// From here on a client may ask for what comes behind it.
    position: Option<String>,
    /// Clients that listened when it was published.
    clients: u64,
}

/// The answer about several topics.
#[derive(Serialize)]
struct AllPublished<'t> {
    topics: Vec<Published<'t>>,
}

impl Push {
    /// Publishes the body of a request to its topics.
    ///
    /// # Errors
    /// The server did not take it.
    pub(crate) fn publish(&self, request: &Request) -> Result<Response> {
        match self.admit(request) {
            Ok((topics, message)) => self.publish_to(request, &topics, message),
            Err(refusal) => Ok(refusal.answer(request)),
        }
    }

    fn admit<'r>(&self, request: &'r Request) -> Result<(Vec<Arc<str>>, Message<'r>), Refusal> {
        let topics = topics::of(request).map_err(|why| Refusal::new(400, why))?;
        if request.page() == Some(Page::Other) {
            // A browser sends its user's place on the network along, whatever page it shows.
            let why = "a page of another origin does not publish";
            return Err(Refusal::new(403, why));
        }
        let token = self.may(Right::Write, request, &topics)?;
        let who = format!("{} {}", request.client_address(), token.unwrap_or_default());
        if !self.rates.take(who, topics.len(), Instant::now()) {
            let why = format!(
                "more than {} messages a second",
                self.options.publish_per_second
            );
            return Err(Refusal::new(429, why));
        }
        Ok((topics, body(request)?))
    }

    /// Whether the client of `request` has a right on all of `topics`: as an insider, or by a token, which
    /// is given back.
    ///
    /// # Errors
    /// 401 without a token that counts, 403 with one that does not cover a topic.
    pub(crate) fn may(
        &self,
        right: Right,
        request: &Request,
        topics: &[Arc<str>],
    ) -> Result<Option<Arc<str>>, Refusal> {
        let token = tokens::shown(request);
        let rights = match (&self.tokens, &token) {
            (Some(tokens), Some(token)) => tokens.rights(token),
            _ => None,
        };
        if request.is_inside() {
            // What it shows only says whose rate counts.
            return Ok(token.filter(|_| rights.is_some()));
        }
        let what = match right {
            Right::Read => "read",
            Right::Write => "write",
        };
        let Some(rights) = rights else {
            let why = match (&self.tokens, token) {
                (None, _) => format!("only insiders {what} here"),
                (Some(_), None) => {
                    format!("to {what} here needs a token: Authorization: Bearer TOKEN")
                }
                (Some(_), Some(_)) => "the token is not known here".to_owned(),
            };
            let status = if self.tokens.is_some() { 401 } else { 403 };
            return Err(Refusal::new(status, why));
        };
        match rights.lacks(right, topics) {
            None => Ok(token),
            Some(topic) => {
                let why = format!("the token may not {what} topic {topic}");
                Err(Refusal::new(403, why))
            }
        }
    }

    fn publish_to(
        &self,
        request: &Request,
        topics: &[Arc<str>],
        message: Message<'_>,
    ) -> Result<Response> {
        let keep = Keep {
            // The server holds the answer back until the disk has it.
            durable: !topics::values(request, "durable").is_empty(),
            ..Keep::default()
        };
        let mut published = Vec::with_capacity(topics.len());
        for topic in topics {
            let kept = match self.host.publish_and_tell(topic, message, keep) {
                Err(JournalError::NotInAFile) => {
                    let why = "nothing is durable here: give the route a `file` in [route.journal]";
                    return Ok(Refusal::new(501, why).answer(request));
                }
                kept => kept?,
            };
            published.push(Published {
                topic,
                position: kept.position.map(|position| position.to_string()),
                clients: kept.members,
            });
        }
        let text = match published.len() {
            1 => json(&published[0])?,
            _ => json(&AllPublished { topics: published })?,
        };
        Ok(Response::new(200)
            .header("Content-Type", "application/json")
            .header("Cache-Control", "no-store")
            .body(format!("{text}\n")))
    }
}

/// The body as the message that it is.
fn body<'r>(request: &'r Request) -> Result<Message<'r>, Refusal> {
    let bytes = request.body();
    if !is_text(request.header("content-type").unwrap_or_default()) {
        return Ok(Message::Binary(bytes));
    }
    std::str::from_utf8(bytes).map(Message::Text).map_err(|_| {
        let why =
            "the body is not UTF-8: send it as it is by Content-Type: application/octet-stream";
        Refusal::new(400, why)
    })
}

/// Types whose bodies are sent as text: text, JSON, and what `curl -d` says that it sends.
fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    match essence.split_once('/') {
        Some(("text", _)) => true,
        Some(("application", kind)) => {
            matches!(kind, "json" | "x-www-form-urlencoded") || kind.ends_with("+json")
        }
        _ => false,
    }
}
