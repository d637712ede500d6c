//! A route's configuration.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The options that were set for a route, given to `create`.
///
/// Options that nobody asks for are refused: a plugin that never looks at its configuration has none,
/// and an option set for it stops the route with an error that names it. Put
/// `#[serde(deny_unknown_fields)]` on your own struct to get the same for a misspelt one.
#[derive(Debug)]
pub struct Config {
    table: Result<Map<String, Value>, String>,
    read: Arc<AtomicBool>,
}

impl Config {
    pub(crate) fn from_json(json: &[u8]) -> Config {
        let table = serde_json::from_slice(json).map_err(|error| error.to_string());
        Config {
            table,
            read: Arc::default(),
        }
    }

    /// Reads it into a struct of your own.
    ///
    /// # Errors
    /// An option is missing, of another type, or (with `deny_unknown_fields`) unknown.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.read.store(true, Ordering::Relaxed);
        let table = self.table.clone().map_err(ConfigError)?;
        T::deserialize(Value::Object(table)).map_err(|error| ConfigError(error.to_string()))
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.read.store(true, Ordering::Relaxed);
        self.table.as_ref().is_ok_and(Map::is_empty)
    }

    /// What tells, after `create`, whether options were set that it did not ask for.
    pub(crate) fn unread(&self) -> Unread {
        let option = match &self.table {
            Ok(table) => table
                .keys()
                .next()
                .map(|key| format!("unknown field `{key}`")),
            Err(error) => Some(error.clone()),
        };
        Unread {
            option,
            read: self.read.clone(),
        }
    }
}

/// Remembers what `create` should have asked for.
pub(crate) struct Unread {
    option: Option<String>,
    read: Arc<AtomicBool>,
}

impl Unread {
    /// # Errors
    /// There were options, and nobody asked for them.
    pub(crate) fn check(self) -> Result<(), ConfigError> {
        match self.option {
            Some(option) if !self.read.load(Ordering::Relaxed) => {
                Err(ConfigError(format!("{option}, this plugin has no options")))
            }
            _ => Ok(()),
        }
    }
}

/// What is wrong with the configuration, for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Options {
        exclude_sender: bool,
    }

    fn config(json: &str) -> Config {
        Config::from_json(json.as_bytes())
    }

    fn error_of(json: &str) -> String {
        config(json).parse::<Options>().unwrap_err().to_string()
    }

    #[test]
    fn nothing_set_gives_the_defaults() {
        assert!(config("{}").is_empty());
        assert_eq!(config("{}").parse::<Options>().unwrap(), Options::default());
    }

    #[test]
    fn errors_name_the_option_and_no_place_in_a_text_that_nobody_wrote() {
        assert_eq!(
            error_of(r#"{"exlude_sender":true}"#),
            "unknown field `exlude_sender`, expected `exclude_sender`"
        );
        assert_eq!(
            error_of(r#"{"exclude_sender":"yes"}"#),
            "invalid type: string \"yes\", expected a boolean"
        );
    }

    #[test]
    fn what_is_no_table_is_an_error() {
        assert!(config("[]").parse::<Options>().is_err());
        assert!(config("").parse::<Options>().is_err());
    }

    #[test]
    fn an_option_that_nobody_asks_for_is_an_error() {
        let ignored = config(r#"{"colour":1}"#);
        let error = ignored.unread().check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown field `colour`, this plugin has no options"
        );
        let asked_for = config(r#"{"exclude_sender":true}"#);
        let unread = asked_for.unread();
        asked_for.parse::<Options>().unwrap();
        assert!(unread.check().is_ok());
        assert!(config("{}").unread().check().is_ok());
    }
}
