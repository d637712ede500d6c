//! What a plugin leaves to its successor, as JSON: for those who do not want a format of their own.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Result;

/// Bytes of `value` for [`save_state`](crate::Plugin::save_state) or
/// [`save_session`](crate::Plugin::save_session).
///
/// # Errors
/// JSON cannot say it, such as a map whose keys are no text.
pub fn save(value: &impl Serialize) -> Result<Option<Vec<u8>>> {
    Ok(Some(serde_json::to_vec(value)?))
}

/// What [`save`] was given, in [`resume`](crate::Plugin::resume) or
/// [`on_resume`](crate::Plugin::on_resume).
///
/// # Errors
/// The bytes are of another type, or none of JSON's.
pub fn load<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    Ok(serde_json::from_slice(bytes)?)
}
