//! Why a call about a topic did nothing: a client's or the route's.

use crate::abi::{self, Status};

/// Why a call about a topic did nothing.
///
/// ```
/// use plugin_api::{Client, Result, TopicError};
///
/// fn enter(client: &Client, room: &str) -> Result {
///     match client.join(room) {
///         Err(TopicError::Name) => Ok(drop(client.send("a room's name has 1 to 255 bytes")?)),
///         outcome => Ok(outcome?),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// The name is empty or over 255 bytes.
    #[error("a topic has 1 to 255 bytes")]
    Name,
    /// The server's limit of topics is reached.
    #[error("too many topics")]
    TooMany,
    /// The server refused for another reason: a status of the plugin ABI.
    #[error("the server refused the topic (status {0})")]
    Refused(Status),
}

impl TopicError {
    pub(crate) fn check(status: Status) -> Result<(), TopicError> {
        match status {
            abi::INVALID => Err(TopicError::Name),
            abi::EXHAUSTED => Err(TopicError::TooMany),
            status if status < abi::OK => Err(TopicError::Refused(status)),
            _ => Ok(()),
        }
    }
}
