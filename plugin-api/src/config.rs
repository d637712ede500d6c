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
///
/// ```
/// use plugin_api::{Config, ConfigError};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Options {
///     seats: u32,
/// }
///
/// fn seats(config: &Config) -> Result<u32, ConfigError> {
///     let Options { seats } = config.parse()?;
///     Ok(seats)
/// }
/// ```
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
        serde_path_to_error::deserialize(Value::Object(table)).map_err(|error| {
            let option = match error.path() {
                path if path.iter().next().is_none() => String::new(),
                path => path.to_string(),
            };
            ConfigError::of_serde(&option, &error.into_inner().to_string())
        })
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.read.store(true, Ordering::Relaxed);
        self.table.as_ref().is_ok_and(Map::is_empty)
    }

    /// What tells, after `create`, whether options were set that it did not ask for.
    pub(crate) fn unread(&self) -> Unread {
        let error = match &self.table {
            Ok(table) => table
                .keys()
                .next()
                .map(|key| ConfigError::new(key, "unknown field, this plugin has no options")),
            Err(error) => Some(ConfigError(error.clone())),
        };
        Unread {
            error,
            read: self.read.clone(),
        }
    }
}

/// Remembers what `create` should have asked for.
pub(crate) struct Unread {
    error: Option<ConfigError>,
    read: Arc<AtomicBool>,
}

impl Unread {
    /// # Errors
    /// There were options, and nobody asked for them.
    pub(crate) fn check(self) -> Result<(), ConfigError> {
        match self.error {
            Some(error) if !self.read.load(Ordering::Relaxed) => Err(error),
            _ => Ok(()),
        }
    }
}

/// What is wrong with the configuration, for the person who wrote it.
///
/// The server shows the line of the option that it names.
///
/// ```
/// use plugin_api::ConfigError;
///
/// let error = ConfigError::new("seats", "one at least");
/// assert_eq!(error.to_string(), "option `seats`: one at least");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// An option whose value the plugin cannot take, though it has the right type. `option` is its
    /// name, that of one inside others `list[2].name`.
    ///
    /// ```
    /// # use plugin_api::ConfigError;
    /// let error = ConfigError::new("count_every_seconds", "0 is too often: leave at least 1");
    /// assert_eq!(error.to_string(), "option `count_every_seconds`: 0 is too often: leave at least 1");
    /// ```
    pub fn new(option: &str, what: impl std::fmt::Display) -> ConfigError {
        ConfigError(format!("option `{option}`: {what}"))
    }

    /// Serde names an unknown option in its text, and what is around it as the place.
    fn of_serde(place: &str, text: &str) -> ConfigError {
        let unknown = text
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split_once('`'));
        match unknown {
            Some((key, rest)) => {
                let around = place.strip_suffix(key).unwrap_or(place);
                let around = around.trim_end_matches('.');
                let dot = if around.is_empty() { "" } else { "." };
                let option = format!("{around}{dot}{key}");
                ConfigError::new(&option, format_args!("unknown field{rest}"))
            }
            None if place.is_empty() => ConfigError(text.to_owned()),
            None => ConfigError::new(place, text),
        }
    }
}

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
            "option `exlude_sender`: unknown field, expected `exclude_sender`"
        );
        assert_eq!(
            error_of(r#"{"exclude_sender":"yes"}"#),
            "option `exclude_sender`: invalid type: string \"yes\", expected a boolean"
        );
    }

    #[test]
    fn an_option_inside_others_is_named_with_its_way() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Lamp {
            #[serde(rename = "pin")]
            _pin: u8,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Lamps {
            #[serde(rename = "lamps")]
            _lamps: Vec<Lamp>,
        }
        let error_of = |json| config(json).parse::<Lamps>().unwrap_err().to_string();
        assert_eq!(
            error_of(r#"{"lamps":[{"pin":1},{"pin":300}]}"#),
            "option `lamps[1].pin`: invalid value: integer `300`, expected u8"
        );
        assert_eq!(
            error_of(r#"{"lamps":[{"pin":1,"pim":2}]}"#),
            "option `lamps[0].pim`: unknown field, expected `pin`"
        );
        assert_eq!(
            error_of(r#"{"lamps":[{}]}"#),
            "option `lamps[0]`: missing field `pin`"
        );
        assert_eq!(error_of("{}"), "missing field `lamps`");
        // The name of the outer one ends like that of the inner one.
        assert_eq!(
            error_of(r#"{"lamps":[{"pin":1,"s":2}]}"#),
            "option `lamps[0].s`: unknown field, expected `pin`"
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
            "option `colour`: unknown field, this plugin has no options"
        );
        let asked_for = config(r#"{"exclude_sender":true}"#);
        let unread = asked_for.unread();
        asked_for.parse::<Options>().unwrap();
        assert!(unread.check().is_ok());
        assert!(config("{}").unread().check().is_ok());
    }
}
