//! What the page says, and what is done for it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plugin_api::{Client, Message, Result};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The answer to an event. Done in the order of the fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Answer {
    /// Told again with each later event of this client.
    pub(crate) state: Option<Value>,
    #[serde(deserialize_with = "one_or_many")]
    join: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    leave: Vec<String>,
    /// To the client itself.
    #[serde(deserialize_with = "one_or_many")]
    send: Vec<Text>,
    /// To all members of a topic, or without one to all clients of the route.
    #[serde(deserialize_with = "one_or_many")]
    publish: Vec<Publish>,
    close: Option<Close>,
}

/// A text, or bytes.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Bytes(Bytes),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    base64: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    topic: Option<String>,
    text: Option<String>,
    base64: Option<String>,
    /// The client itself does not hear it.
    #[serde(default)]
    except: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    #[serde(default = "normal")]
    code: u16,
    #[serde(default)]
    reason: String,
}

fn normal() -> u16 {
    1000
}

impl Answer {
    /// Does what it says for `client`, up to the first that cannot be done.
    pub(crate) fn carry_out(&self, client: &Client) -> Result {
        for topic in &self.join {
            client.join(topic)?;
        }
        for topic in &self.leave {
            client.leave(topic)?;
        }
        for text in &self.send {
            match text {
                Text::Text(text) => client.send(text.as_str())?,
                Text::Bytes(bytes) => client.send(STANDARD.decode(&bytes.base64)?.as_slice())?,
            };
        }
        let host = client.host();
        for publish in &self.publish {
            let bytes;
            let message = match (&publish.text, &publish.base64) {
                (Some(text), None) => Message::Text(text),
                (None, Some(base64)) => {
                    bytes = STANDARD.decode(base64)?;
                    Message::Binary(&bytes)
                }
                _ => {
                    return Err(
                        "the page's answer publishes neither `text` nor `base64`, or both".into(),
                    );
                }
            };
            let except = publish.except.then(|| client.id());
            match &publish.topic {
                Some(topic) => host.publish_except(topic, message, except)?,
                None => host.broadcast_except(message, except)?,
            }
        }
        if let Some(Close { code, reason }) = &self.close {
            client.close(*code, reason)?;
        }
        Ok(())
    }
}

/// One, or a list of them.
fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany<T> {
        Many(Vec<T>),
        One(T),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(many) => many,
        OneOrMany::One(one) => vec![one],
    })
}
