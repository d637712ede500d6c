//! The same by a WebSocket.

use std::net::TcpStream;

use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::HeaderValue;
use tungstenite::{Error, WebSocket};

use super::CallError;
use super::place::Place;

/// Opens one. Blocks for the handshake.
///
/// # Errors
/// [`CallError::Refused`] with the status, [`CallError::Usage`] for a token that no header can hold,
/// [`CallError::Unreachable`].
pub(super) fn open(place: &Place, token: Option<&str>) -> Result<WebSocket<TcpStream>, CallError> {
    let url = format!("ws://{}{}", place.authority, place.target);
    let wrong = |error: Error| CallError::Usage(format!("{url}: {error}"));
    let mut request = url.as_str().into_client_request().map_err(wrong)?;
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let value = value.map_err(|_| CallError::Usage("that is no token".to_owned()))?;
        request.headers_mut().insert("Authorization", value);
    }
    match tungstenite::client(request, place.connect()?) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(error)) => Err(failed(place, error)),
        // A socket that blocks never says that it would.
        Err(HandshakeError::Interrupted(_)) => Err(lost(place, &"the handshake was interrupted")),
    }
}

fn failed(place: &Place, error: Error) -> CallError {
    let Error::Http(answer) = error else {
        return lost(place, &error);
    };
    let why = answer.body().as_deref().unwrap_or_default();
    let why = String::from_utf8_lossy(why);
    CallError::Refused(format!("{} {}", answer.status().as_u16(), why.trim()))
}

pub(super) fn lost(place: &Place, error: &dyn std::fmt::Display) -> CallError {
    CallError::Unreachable(format!("{}: {error}", place.authority))
}
