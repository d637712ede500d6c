//! Reads `[redis]`: the way to other hosts, for the routes that are shared with them.

use super::forms::{Form, Number, Text, Time};
use super::problem::Source;
use super::table::Table;
use crate::engine::{Address, Terms};
use crate::limits::settings as limits;

/// A URL that may hold a password.
struct Url(String);

impl Form for Url {
    const EXPECTED: &'static str =
        r#"no address: write it in quotes, such as "redis://127.0.0.1:6379""#;
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Option<Url> {
        Text::parse(text).map(|Text(text)| Url(text))
    }
}

/// Reads it; none where it does not say where Redis is.
pub(super) fn read(mut table: Table<'_>) -> Option<Terms> {
    let url = table.given::<Url>("url");
    let prefix = table.given::<Text>("prefix");
    let (messages, wait) = (&limits::REDIS_MESSAGES, &limits::REDIS_WAIT);
    let given_messages = table.given_bounded::<Number>("messages", messages);
    let given_wait = table.given_bounded::<Time>("wait", wait);
    let others = [
        ("prefix", prefix.is_some()),
        ("messages", given_messages.is_some()),
        ("wait", given_wait.is_some()),
    ];
    if let (None, Some(place)) = (&url, table.place)
        && let Some((key, _)) = others.into_iter().find(|(_, is_given)| *is_given)
        && !table.contains("url")
    {
        let text = "has no effect without `url`, which says where Redis is";
        table.note_value(key, &Source::Place(place), text);
    }
    let address = url.and_then(|given| match Address::parse(&given.value.0) {
        Ok(address) => Some(address),
        Err(wrong) => {
            let text = format!("what stands here {wrong}");
            table.note_value("url", &given.source, &text);
            None
        }
    });
    table.finish();
    Some(Terms {
        address: address?,
        prefix: prefix.map_or(limits::REDIS_PREFIX.to_owned(), |given| given.value.0),
        messages: given_messages.map_or(messages.default, |given| given.value.0),
        wait: given_wait.map_or(wait.default, |given| given.value.0),
    })
}
