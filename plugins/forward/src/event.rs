//! What the page is told, as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plugin_api::{Cause, Message, Request};
use serde_json::{Map, Value, json};

use crate::options::EventKind;

/// Something that has happened to a client; its number first, then what the page has said to be told again.
pub(crate) enum Event<'a> {
    Admit(Origin),
    Open(u64, Origin),
    Message(u64, Value, Message<'a>),
    Close(u64, Value, &'a Cause),
}

/// Where a client comes from.
pub(crate) struct Origin(Map<String, Value>);

impl Origin {
    pub(crate) fn of(request: &Request) -> Origin {
        let cookies = request.cookies();
        // Of several of one name the first counts, as everywhere.
        let mut named = Map::new();
        for (name, value) in cookies {
            named.entry(name).or_insert_with(|| value.into());
        }
        let query: Map<String, Value> = request
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
            .collect();
        let mut origin = Map::new();
        origin.insert("path".to_owned(), request.path().into());
        origin.insert("query".to_owned(), query.into());
        origin.insert("cookies".to_owned(), named.into());
        origin.insert("address".to_owned(), request.client_address().into());
        origin.insert("inside".to_owned(), request.is_inside().into());
        Origin(origin)
    }
}

impl Event<'_> {
    pub(crate) fn kind(&self) -> EventKind {
        match self {
            Event::Admit(_) => EventKind::Admit,
            Event::Open(..) => EventKind::Open,
            Event::Message(..) => EventKind::Message,
            Event::Close(..) => EventKind::Close,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        match self {
            Event::Admit(origin) => with(json!({ "event": "admit" }), origin),
            Event::Open(client, origin) => {
                with(json!({ "event": "open", "client": client }), origin)
            }
            Event::Message(client, state, Message::Text(text)) => {
                json!({ "event": "message", "client": client, "state": state, "text": text })
            }
            Event::Message(client, state, Message::Binary(bytes)) => {
                let base64 = STANDARD.encode(bytes);
                json!({ "event": "message", "client": client, "state": state, "base64": base64 })
            }
            Event::Close(client, state, cause) => json!({
                "event": "close", "client": client, "state": state,
                "code": cause.code(), "reason": cause.reason(),
            }),
        }
    }
}

fn with(mut event: Value, origin: &Origin) -> Value {
    if let Value::Object(event) = &mut event {
        event.extend(origin.0.clone());
    }
    event
}
