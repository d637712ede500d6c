//! What a plugin leaves to its successor: in a format that has a number, as JSON for those who want none of their own.

use std::ops::Deref;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Result;

/// What a predecessor saved, and in which format: bytes, in [`resume`](crate::Plugin::resume) and
/// [`on_resume`](crate::Plugin::on_resume).
///
/// ```
/// use plugin_api::{Result, Saved, load};
///
/// // Format 1 had a number alone, format 2 has a name before it.
/// fn read(saved: Saved) -> Result<(String, u64)> {
///     match saved.format() {
///         1 => Ok((String::new(), load(saved)?)),
///         _ => load(saved),
///     }
/// }
/// assert_eq!(read(Saved::new(1, b"7")).unwrap(), (String::new(), 7));
/// assert_eq!(read(Saved::new(2, br#"["ann", 7]"#)).unwrap(), ("ann".to_owned(), 7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved<'a> {
    format: u32,
    bytes: &'a [u8],
}

impl<'a> Saved<'a> {
    /// Bytes in a format, for tests of what reads them.
    pub fn new(format: u32, bytes: &'a [u8]) -> Saved<'a> {
        Saved { format, bytes }
    }

    /// Number of the format: this plugin's own `state_format`, or one of its `reads_state_formats`.
    pub fn format(&self) -> u32 {
        self.format
    }
}

impl Deref for Saved<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl AsRef<[u8]> for Saved<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

/// Bytes of `value` for [`save_state`](crate::Plugin::save_state) or
/// [`save_session`](crate::Plugin::save_session).
///
/// ```
/// let saved = plugin_api::save(&("ann", 7))?;
/// assert_eq!(saved.as_deref(), Some(&br#"["ann",7]"#[..]));
/// # Ok::<(), plugin_api::Error>(())
/// ```
///
/// # Errors
/// JSON cannot say it, such as a map whose keys are no text.
pub fn save(value: &impl Serialize) -> Result<Option<Vec<u8>>> {
    Ok(Some(serde_json::to_vec(value)?))
}

/// What [`save`] was given, in [`resume`](crate::Plugin::resume) or
/// [`on_resume`](crate::Plugin::on_resume).
///
/// ```
/// let (name, number): (String, u64) = plugin_api::load(br#"["ann",7]"#)?;
/// assert_eq!((name.as_str(), number), ("ann", 7));
/// # Ok::<(), plugin_api::Error>(())
/// ```
///
/// # Errors
/// The bytes are of another type, or none of JSON's.
pub fn load<T: DeserializeOwned>(saved: impl AsRef<[u8]>) -> Result<T> {
    Ok(serde_json::from_slice(saved.as_ref())?)
}
