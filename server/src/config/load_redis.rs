//! Reads `[redis]`: the way to other hosts, for the routes that are shared with them.
//!
//! Main thread only; blocks on the disk.

use std::path::{Path, PathBuf};

use super::forms::{Form, Number, Text, Time};
use super::problem::Source;
use super::table::{Given, Table};
use crate::engine::{Address, Server, Terms, WhenAway};
use crate::limits::settings as limits;
use crate::tls::OutwardFiles;

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

impl Form for WhenAway {
    const EXPECTED: &'static str = "neither \"wait\" nor \"local\": write one of them, in quotes";

    fn parse(text: &str) -> Option<WhenAway> {
        match text {
            "wait" => Some(WhenAway::Wait),
            "local" => Some(WhenAway::Local),
            _ => None,
        }
    }
}

/// Reads it; none where it does not say where Redis is. `folder` is where relative paths begin.
pub(super) fn read(mut table: Table<'_>, folder: &Path) -> Option<Terms> {
    let has_url = table.contains("url");
    let urls = match table.is_list("url") {
        true => read_list(&mut table),
        false => table.given::<Url>("url").into_iter().collect(),
    };
    let texts = TEXTS.map(|key| (key, table.given::<Text>(key)));
    let (messages, wait) = (&limits::REDIS_MESSAGES, &limits::REDIS_WAIT);
    let given_messages = table.given_bounded::<Number>("messages", messages);
    let given_wait = table.given_bounded::<Time>("wait", wait);
    let when_away = table.given::<WhenAway>("when_away");
    let mut others: Vec<_> = texts
        .iter()
        .map(|(key, given)| (*key, given.is_some()))
        .collect();
    others.push(("messages", given_messages.is_some()));
    others.push(("wait", given_wait.is_some()));
    others.push(("when_away", when_away.is_some()));
    if let (false, Some(place)) = (has_url, table.place)
        && let Some((key, _)) = others.into_iter().find(|(_, is_given)| *is_given)
    {
        let text = "has no effect without `url`, which says where Redis is";
        table.note_value(key, &Source::Place(place), text);
    }
    let servers: Vec<_> = urls.iter().filter_map(|url| parse(&table, url)).collect();
    let [
        prefix,
        sentinel,
        user,
        password_file,
        ca_file,
        certificate_file,
        key_file,
    ] = texts.map(|(_, given)| given);
    let path = |given: &Given<Text>| -> PathBuf { folder.join(&given.value.0) };
    let address = Address {
        sentinel: sentinel.as_ref().map(|given| given.value.0.clone()),
        user: user.as_ref().map(|given| given.value.0.clone()),
        password_file: password_file.as_ref().map(path),
        files: OutwardFiles {
            ca: ca_file.as_ref().map(path),
            pair: certificate_file
                .as_ref()
                .map(path)
                .zip(key_file.as_ref().map(path)),
        },
        servers,
    };
    check_credentials(
        &table,
        &address,
        &urls,
        user.as_ref(),
        password_file.as_ref(),
    );
    check_tls(&table, &address, [ca_file, certificate_file, key_file]);
    table.finish();
    (!address.servers.is_empty()).then(|| Terms {
        address,
        prefix: prefix.map_or(limits::REDIS_PREFIX.to_owned(), |given| given.value.0),
        messages: given_messages.map_or(messages.default, |given| given.value.0),
        wait: given_wait.map_or(wait.default, |given| given.value.0),
        when_away: when_away.map_or(WhenAway::Wait, |given| given.value),
    })
}

/// Keys whose values are any text.
const TEXTS: [&str; 7] = [
    "prefix",
    "sentinel",
    "user",
    "password_file",
    "ca_file",
    "certificate_file",
    "key_file",
];

fn read_list(table: &mut Table<'_>) -> Vec<Given<Url>> {
    if let Some(place) = table.empty_list("url") {
        let text = "names no address: write one at least";
        table.note_value("url", &Source::Place(place), text);
    }
    table.list::<Url>("url").unwrap_or_default()
}

fn parse(table: &Table<'_>, given: &Given<Url>) -> Option<Server> {
    match Server::parse(&given.value.0) {
        Ok(server) => Some(server),
        Err(wrong) => {
            let text = format!("what stands here {wrong}");
            table.note_value("url", &given.source, &text);
            None
        }
    }
}

/// Who comes is said once, and with a password.
fn check_credentials(
    table: &Table<'_>,
    address: &Address,
    urls: &[Given<Url>],
    user: Option<&Given<Text>>,
    password_file: Option<&Given<Text>>,
) {
    if let Some(given) = password_file
        && let Err(wrong) = address.password()
    {
        table.note_value("password_file", &given.source, &wrong);
    }
    if let (Some(given), None, true) = (user, password_file, address.sentinel.is_some()) {
        let text = "has no effect without `password_file`: what the URLs say is for the Sentinels";
        table.note_value("user", &given.source, text);
    }
    if address.sentinel.is_some() {
        return;
    }
    for (url, server) in urls.iter().zip(&address.servers) {
        let wrong = match (server.credentials(), user, password_file) {
            ((_, true), _, Some(_)) => {
                "has a password, and so has `password_file`: take it out here"
            }
            ((true, _), Some(_), _) => "names a user, and so does `user`: take it out here",
            ((true, false), _, None) | ((false, false), Some(_), None) => {
                "names a user without a password: write it into a file, and that as `password_file`"
            }
            _ => continue,
        };
        let text = format!("what stands here {wrong}");
        table.note_value("url", &url.source, &text);
    }
}

fn check_tls(table: &Table<'_>, address: &Address, given: [Option<Given<Text>>; 3]) {
    let [ca, certificate, key] = given;
    let alone = match (&certificate, &key) {
        (Some(given), None) => Some(("certificate_file", given, "has to have its `key_file`")),
        (None, Some(given)) => Some(("key_file", given, "has to have its `certificate_file`")),
        _ => None,
    };
    if let Some((name, given, text)) = alone {
        table.note_value(name, &given.source, text);
        return;
    }
    let has_tls = address.servers.iter().any(Server::is_tls);
    let first = ca.as_ref().map(|given| ("ca_file", given));
    let first = first.or(certificate
        .as_ref()
        .map(|given| ("certificate_file", given)));
    let Some((name, first)) = first else {
        return;
    };
    if !has_tls && !address.servers.is_empty() {
        let text = "has no effect, since no address in `url` begins with rediss://";
        table.note_value(name, &first.source, text);
    } else if let Err(wrong) = address.files.check() {
        table.note_value(name, &first.source, &wrong.to_string());
    }
}
