//! Where each option of a plugin was given, so that what a plugin says of it points at its line.
//!
//! Plain data; the main thread makes it with the settings and asks it when a plugin refuses them.

use std::collections::BTreeMap;
use std::fmt;

use toml::Spanned;
use toml::de::DeValue;

use super::problem::{Place, Source};

/// Options of one route by their names, such as `lamps[2].pin`, each with its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptionPlaces(BTreeMap<String, Source>);

/// What was found: as [`Source`], but with the option's name where the command line gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionPlace {
    /// A place in the file.
    File(Place),
    /// `--set PLUGIN.KEY`, without the value.
    Set(String),
}

impl OptionPlaces {
    /// Notes a table of options and all that is in it. `place` tells the place of a byte.
    pub(super) fn read(
        value: &Spanned<DeValue<'_>>,
        place: impl Fn(usize) -> Place,
    ) -> OptionPlaces {
        let mut places = OptionPlaces::default();
        places
            .0
            .insert(String::new(), Source::Place(place(value.span().start)));
        places.add("", value.get_ref(), &place);
        places
    }

    fn add(&mut self, name: &str, value: &DeValue<'_>, place: &impl Fn(usize) -> Place) {
        match value {
            DeValue::Table(table) => {
                for (key, value) in table {
                    let dot = if name.is_empty() { "" } else { "." };
                    let name = format!("{name}{dot}{}", key.get_ref());
                    let source = Source::Place(place(key.span().start));
                    self.0.insert(name.clone(), source);
                    self.add(&name, value.get_ref(), place);
                }
            }
            DeValue::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    let name = format!("{name}[{index}]");
                    let source = Source::Place(place(value.span().start));
                    self.0.insert(name.clone(), source);
                    self.add(&name, value.get_ref(), place);
                }
            }
            _ => {}
        }
    }

    /// The command line has given the option `key`, and so all that is in it.
    pub(super) fn set(&mut self, key: &str) {
        let inside = [format!("{key}."), format!("{key}[")];
        self.0
            .retain(|name, _| !inside.iter().any(|start| name.starts_with(start)));
        self.0.insert(key.to_owned(), Source::Flag("--set"));
    }

    /// The place of the option that `error`, a plugin's words, is about; that of the table where it
    /// names none that was given. None where nothing was given.
    pub(super) fn find(&self, plugin: &str, error: &str) -> Option<OptionPlace> {
        let named = ["option `", "unknown field `"].iter().find_map(|before| {
            let rest = error.split(before).skip(1);
            rest.filter_map(|rest| rest.split_once('`'))
                .find_map(|(name, _)| self.nearest(name))
        });
        let (name, source) =
            named.or_else(|| self.0.iter().next().map(|(name, of)| (&**name, of)))?;
        match source {
            Source::Place(place) => Some(OptionPlace::File(*place)),
            Source::File | Source::Flag(_) => Some(OptionPlace::Set(format!("{plugin}.{name}"))),
        }
    }

    /// The option of that name, or the nearest one around it.
    fn nearest<'a>(&'a self, mut name: &'a str) -> Option<(&'a str, &'a Source)> {
        while !name.is_empty() {
            if let Some((known, source)) = self.0.get_key_value(name) {
                return Some((known, source));
            }
            name = &name[..name.rfind(['.', '[']).unwrap_or(0)];
        }
        None
    }
}

impl fmt::Display for OptionPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionPlace::File(Place { line, column }) => write!(f, "{line}:{column}"),
            OptionPlace::Set(option) => write!(f, "--set {option}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OptionPlaces;
    use crate::config::Place;
    use toml::de::{DeTable, DeValue};

    const TEXT: &str = "\
[options]
greeting = \"hello\"
[[options.lamps]]
pin = 3
[[options.lamps]]
pin = 4
name = \"door\"
";

    fn places() -> OptionPlaces {
        let document = DeTable::parse(TEXT).expect("it is TOML");
        let options = &document.get_ref()["options"];
        assert!(matches!(options.get_ref(), DeValue::Table(_)));
        OptionPlaces::read(options, |offset| Place::of(TEXT, offset))
    }

    #[track_caller]
    fn assert_place(error: &str, expected: &str) {
        let place = places().find("lights", error).expect("options were given");
        assert_eq!(place.to_string(), expected, "{error}");
    }

    #[test]
    fn an_option_that_is_named_has_its_place() {
        assert_place("create failed: option `greeting`: too short", "2:1");
        assert_place("option `lamps[1].pin`: there is no pin 4", "6:1");
        assert_place("option `lamps[0]`: missing field `name`", "3:1");
    }

    #[test]
    fn one_that_was_not_given_has_the_place_of_what_is_around_it() {
        assert_place("option `lamps[1].pin.x`: what", "6:1");
        assert_place("option `lamps[7].pin`: what", "3:11");
        assert_place("missing field `name`", "1:1");
        assert_place("option `colour`: missing", "1:1");
        assert_place("no words about options", "1:1");
    }

    #[test]
    fn the_words_of_a_plugin_of_abi_1_0_are_understood() {
        let error = "create failed: unknown field `greeting`, expected `greet`";
        assert_place(error, "2:1");
        assert_place("unknown field `nobody`", "1:1");
    }

    #[test]
    fn what_the_command_line_says_counts_with_all_that_is_in_it() {
        let mut places = places();
        places.set("lamps");
        let find = |error: &str| places.find("lights", error).map(|place| place.to_string());
        let set = Some("--set lights.lamps".to_owned());
        assert_eq!(find("option `lamps[0].pin`: what"), set);
        assert_eq!(find("option `greeting`: what"), Some("2:1".to_owned()));
        assert_eq!(
            OptionPlaces::default().find("lights", "option `a`: b"),
            None
        );
    }
}
