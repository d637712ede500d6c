//! Reads the `[[route]]` tables: paths that can be told from each other, plugins, options.

use std::path::PathBuf;
use std::sync::Arc;

use matchit::{InsertError, Router};
use serde_json::{Map, Value};
use toml::de::{DeArray, DeTable, DeValue};

use super::client::ClientSettings;
use super::forms::{Subprotocol, Text};
use super::journal::JournalSettings;
use super::option_places::OptionPlaces;
use super::options::PluginOptions;
use super::problem::{Place, Source, excerpt};
use super::settings::RouteSettings;
use super::table::{Given, Table};
use crate::engine::WhenAway;
use crate::http::target::normal;

/// Reads every `[[route]]`; one without a valid path or plugin is left out, and noted.
pub(super) fn read(
    tables: Vec<Table<'_>>,
    client: &Arc<ClientSettings>,
    options: &PluginOptions,
    has_redis: bool,
) -> Vec<RouteSettings> {
    let mut paths = Paths::default();
    tables
        .into_iter()
        .filter_map(|table| read_one(table, client, options, has_redis, &mut paths))
        .collect()
}

fn read_one(
    mut table: Table<'_>,
    client: &Arc<ClientSettings>,
    set: &PluginOptions,
    has_redis: bool,
    paths: &mut Paths,
) -> Option<RouteSettings> {
    let given_paths = required_paths(&mut table);
    let plugin = required(&mut table, "plugin", "\"chat\"");
    let subprotocols = table.list::<Subprotocol>("subprotocols");
    let event_stream = table.value::<bool>("event_stream");
    let (mut options, mut option_places) = read_options(&mut table);
    let own = ClientSettings::read(&mut table, client);
    let is_shared = read_shared(&mut table, has_redis);
    let when_away = read_when_away(&mut table, is_shared);
    let journal = JournalSettings::read(table.table("journal"), is_shared, &mut paths.files);
    for path in &given_paths {
        if let Err(problem) = paths.add(path) {
            let text = format!("{} {problem}", path.written);
            table.note_value("path", &path.source, &text);
        }
    }
    let place = table.place.unwrap_or(Place { line: 1, column: 1 });
    table.finish();
    let plugin = plugin?.value.0;
    set.apply(&plugin, &mut options, &mut option_places);
    let mut path_texts = given_paths.into_iter().map(|given| given.value.0);
    Some(RouteSettings {
        path: path_texts.next()?,
        more_paths: path_texts.collect(),
        plugin,
        subprotocols: subprotocols
            .map(|names| names.into_iter().map(|given| given.value.0).collect()),
        event_stream,
        is_shared,
        when_away,
        client: if own == **client {
            client.clone()
        } else {
            Arc::new(own)
        },
        journal,
        options,
        option_places,
        place,
    })
}

/// Whether other hosts have the route too.
fn read_shared(table: &mut Table<'_>, has_redis: bool) -> bool {
    let Some(given) = table.given::<bool>("shared") else {
        return false;
    };
    if given.value && !has_redis {
        let text = "other hosts are reached by Redis: say where it is by `url` in [redis]";
        table.note_value("shared", &given.source, text);
    }
    given.value
}

/// What becomes of what is said on a shared route while Redis is away, where that differs from what `[redis]` says.
fn read_when_away(table: &mut Table<'_>, is_shared: bool) -> Option<WhenAway> {
    let given = table.given::<WhenAway>("when_away")?;
    if !is_shared {
        let text = "has no effect without `shared = true`, by which the route reaches other hosts";
        table.note_value("when_away", &given.source, text);
    }
    Some(given.value)
}

/// The paths of a route: one, or a list of them. None where what stands there is none, which is noted.
fn required_paths(table: &mut Table<'_>) -> Vec<Given<Text>> {
    if !table.is_list("path") {
        let path = required(table, "path", "\"/chat\"");
        return path.into_iter().collect();
    }
    if let Some(place) = table.empty_list("path") {
        let text = "the list is empty: name at least one path, such as [\"/chat\"]";
        table.note_value("path", &Source::Place(place), text);
    }
    table.list("path").unwrap_or_default()
}

fn required(table: &mut Table<'_>, key: &'static str, example: &str) -> Option<Given<Text>> {
    let is_there = table.contains(key);
    let given = table.given(key);
    if !is_there && let Some(place) = table.place {
        let text = format!("this route has no `{key}`: add one, such as {key} = {example}");
        table.document.note(Source::Place(place), text);
    }
    given
}

/// The paths so far, each with its place.
#[derive(Default)]
struct Paths {
    router: Router<()>,
    taken: Vec<(String, Source)>,
    /// Files of journals.
    files: Vec<PathBuf>,
}

impl Paths {
    /// Takes a path, or says what is wrong with it.
    fn add(&mut self, given: &Given<Text>) -> Result<(), String> {
        let path = given.value.0.as_str();
        if !path.starts_with('/') {
            return Err(format!(
                "does not begin with /: write \"/{}\"",
                excerpt(path)
            ));
        }
        let is_plain = |character: char| character.is_ascii_graphic() && !"?#".contains(character);
        if !path.chars().all(is_plain) {
            return Err(
                "has a character that no path has in a request: leave ? and # away, and write \
                 spaces and letters beyond ASCII percent-encoded"
                    .to_owned(),
            );
        }
        match self.router.insert(normal(path), ()) {
            Ok(()) => {
                self.taken.push((path.to_owned(), given.source.clone()));
                Ok(())
            }
            Err(InsertError::Conflict { .. }) => Err(self.conflict(path)),
            Err(InsertError::InvalidParamSegment) => {
                Err("has two parameters in one segment: put a / between them".to_owned())
            }
            Err(InsertError::InvalidCatchAll) => {
                Err("has {*...} before its end: it takes the whole rest of a path".to_owned())
            }
            Err(_) => Err(
                "has a parameter without a name or a brace without its partner: write {name} or \
                 {*rest}, and {{ for a brace"
                    .to_owned(),
            ),
        }
    }

    fn conflict(&self, path: &str) -> String {
        let collides = |other: &str| {
            let mut both = Router::new();
            both.insert(normal(other), ()).is_ok() && both.insert(normal(path), ()).is_err()
        };
        let other = self.taken.iter().find(|(other, _)| collides(other));
        match other {
            Some((other, Source::Place(place))) => format!(
                "matches the same as \"{other}\" in line {}: remove one of the two",
                place.line
            ),
            _ => "matches the same as another route: remove one of the two".to_owned(),
        }
    }
}

fn read_options(table: &mut Table<'_>) -> (Map<String, Value>, OptionPlaces) {
    let Some(value) = table.take("options") else {
        return (Map::new(), OptionPlaces::default());
    };
    let places = OptionPlaces::read(&value, |offset| table.document.place(offset));
    let place = Source::Place(table.document.place(value.span().start));
    match json(value.get_ref()) {
        Ok(Value::Object(options)) => return (options, places),
        Ok(_) => {
            let text = "no table: write [route.options] and the plugin's options under it";
            table.note_value("options", &place, &format!("this is {text}"));
        }
        Err(problem) => table.note_value("options", &place, &problem),
    }
    (Map::new(), places)
}

/// A value as the plugin gets it; dates are text.
fn json(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(is) => Value::Bool(*is),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(values) => json_array(values)?,
        DeValue::Table(table) => json_object(table)?,
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|_| format!("{number} is too large: a whole number has 64 bits"))?,
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| {
                format!("{number} cannot be handed over as JSON: write a finite number")
            })?,
    })
}

fn json_array(values: &DeArray<'_>) -> Result<Value, String> {
    let values = values.iter().map(|value| json(value.get_ref()));
    values.collect::<Result<_, _>>().map(Value::Array)
}

fn json_object(table: &DeTable<'_>) -> Result<Value, String> {
    let entries = table
        .iter()
        .map(|(key, value)| Ok((key.get_ref().to_string(), json(value.get_ref())?)));
    entries.collect::<Result<_, _>>().map(Value::Object)
}
