//! `--set PLUGIN.KEY=VALUE`: options for plugins from the command line.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::option_places::OptionPlaces;

/// A `--set` that cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not of the form PLUGIN.KEY=VALUE, such as chat.exclude_sender=true")]
pub struct OptionError(String);

/// Tables of options, by plugin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginOptions(BTreeMap<String, Map<String, Value>>);

impl PluginOptions {
    /// Takes options as they are written on the command line; the last of the same key counts. A
    /// value is TOML; one that is not is taken as text.
    ///
    /// # Errors
    /// The first that has no plugin, no key or no value.
    pub fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<PluginOptions, OptionError> {
        let mut options = PluginOptions::default();
        for text in texts {
            let error = || OptionError(text.to_owned());
            let (name, value) = text.split_once('=').ok_or_else(error)?;
            let (plugin, key) = name.split_once('.').ok_or_else(error)?;
            if plugin.is_empty() || key.is_empty() {
                return Err(error());
            }
            let table = options.0.entry(plugin.to_owned()).or_default();
            table.insert(key.to_owned(), parse_value(value));
        }
        Ok(options)
    }

    /// The options of one plugin as JSON text; `{}` where there are none.
    pub fn json(&self, plugin: &str) -> String {
        let empty = Map::new();
        Value::Object(self.0.get(plugin).unwrap_or(&empty).clone()).to_string()
    }

    /// Puts the options of `plugin` over those that a route has.
    pub(super) fn apply(
        &self,
        plugin: &str,
        options: &mut Map<String, Value>,
        places: &mut OptionPlaces,
    ) {
        for (key, value) in self.0.get(plugin).into_iter().flatten() {
            options.insert(key.clone(), value.clone());
            places.set(key);
        }
    }

    /// Where the options of `plugin` were given, all of them here.
    pub(super) fn places(&self, plugin: &str) -> OptionPlaces {
        let mut places = OptionPlaces::default();
        let keys = self.0.get(plugin).into_iter().flatten();
        keys.for_each(|(key, _)| places.set(key));
        places
    }

    /// Plugins that have options.
    pub fn plugins(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn parse_value(text: &str) -> Value {
    let text_itself = || Value::String(text.to_owned());
    let Ok(mut table) = toml::from_str::<Map<String, Value>>(&format!("value = {text}")) else {
        return text_itself();
    };
    // More than one key means that the text was more than a value.
    match table.remove("value") {
        Some(value) if table.is_empty() => value,
        _ => text_itself(),
    }
}

#[cfg(test)]
mod tests {
    use super::PluginOptions;

    fn json(texts: &[&str]) -> String {
        PluginOptions::parse(texts.iter().copied())
            .expect("they are valid")
            .json("p")
    }

    #[test]
    fn values_are_toml_or_else_text() {
        assert_eq!(
            json(&["p.a=true", "p.b=5", "p.c=\"5\""]),
            r#"{"a":true,"b":5,"c":"5"}"#
        );
        assert_eq!(
            json(&["p.a=hello world", "p.b="]),
            r#"{"a":"hello world","b":""}"#
        );
        assert_eq!(json(&["p.a=[1, 2]", "p.a=0.5"]), r#"{"a":0.5}"#);
        assert_eq!(json(&["p.a=1\nb = 2"]), r#"{"a":"1\nb = 2"}"#);
        assert_eq!(json(&["q.a=1"]), "{}");
    }

    #[test]
    fn what_names_no_plugin_and_key_is_refused() {
        for text in ["p", "p.a", "=1", ".a=1", "p.=1", "a=p.b"] {
            assert!(PluginOptions::parse([text]).is_err(), "{text}");
        }
    }
}
