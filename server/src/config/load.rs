//! File and command line to settings: at the start, for `--check`, and at each reload.
//!
//! Main thread only; blocks on the disk.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use log::LevelFilter;
use toml::Spanned;
use toml::de::DeTable;

use super::args::Args;
use super::client::{ClientSettings, bytes};
use super::document::Document;
use super::forms::{Form, HealthPath, HostName, Number, Proxy, Size, Text, Time};
use super::options::PluginOptions;
use super::problem::{Place, Problem, Problems, Source};
use super::routes;
use super::settings::{ServerLimits, Settings};
use super::table::{Given, Table};
use super::{load_admin, load_inside, load_listeners, load_redis};
use crate::http::host::Host;
use crate::http::peer::Trusted;
use crate::limits::memory::Limit;
use crate::limits::settings as limits;
use crate::logging::ClientRate;
use crate::logging::{LogFormat, LogSettings};

impl Settings {
    /// Reads the file that the command line names, and puts the command line over it. Can be called
    /// again: the file is read anew.
    ///
    /// # Errors
    /// Every problem of both at once; nothing is to be changed then.
    pub fn load(args: &Args) -> Result<Settings, Problems> {
        let Some(file) = &args.config else {
            return Settings::parse("", Path::new(""), args);
        };
        match read_file(file) {
            Ok(bytes) => Settings::decode(bytes, file, args),
            Err(error) => {
                let text = format!("cannot be read: {error}; give --config a file of settings");
                Err(failed(file, Source::File, text))
            }
        }
    }

    /// As [`Settings::load`], of a file whose bytes are at hand.
    pub(super) fn decode(bytes: Vec<u8>, file: &Path, args: &Args) -> Result<Settings, Problems> {
        match String::from_utf8(bytes) {
            Ok(text) => Settings::parse(&text, file, args),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let before = String::from_utf8_lossy(&error.as_bytes()[..valid]);
                let place = Source::Place(Place::of(&before, valid));
                let text = "is not UTF-8 from here on: save the file in this encoding";
                Err(failed(file, place, text.to_owned()))
            }
        }
    }

    /// As [`Settings::load`], of a file whose text is at hand.
    pub(super) fn parse(text: &str, file: &Path, args: &Args) -> Result<Settings, Problems> {
        let document = Document::new(text, args);
        let (top, errors) = DeTable::parse_recoverable(text);
        if let Some(error) = errors.first() {
            // What follows the first error of syntax may be an echo of it.
            let place = document.place(error.span().map_or(0, |span| span.start));
            let text = format!("this is no TOML: {}", one_line(error.message()));
            document.note(Source::Place(place), text);
        }
        let top = errors.is_empty().then_some(top);
        let settings = read(&document, top, file);
        match document.into_problems() {
            problems if problems.is_empty() => Ok(settings),
            problems => Err(Problems::new(file, problems)),
        }
    }
}

/// The one problem because of which nothing else was looked for.
fn failed(file: &Path, source: Source, text: String) -> Problems {
    Problems::new(file, vec![Problem { source, text }])
}

/// Reads at most one byte more than a file of settings may have.
fn read_file(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let most = limits::FILE_BYTES_MAX;
    File::open(file)?.take(most + 1).read_to_end(&mut text)?;
    if text.len() as u64 > most {
        let error = format!("it has more than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, error));
    }
    Ok(text)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads everything; what is wrong is noted, and something else stands in its place.
fn read<'d>(
    document: &'d Document<'d>,
    top: Option<Spanned<DeTable<'d>>>,
    file: &Path,
) -> Settings {
    let folder = file.parent().unwrap_or(Path::new(""));
    let args = document.args;
    let is_readable = top.is_some();
    let mut top = Table::new(document, "", top);
    let options = read_set(document);
    let names_plugins = top.contains("plugins") || !is_readable;
    let plugins = read_path(&mut top, "plugins", args.plugins.as_deref(), folder);
    if plugins.is_none() && !names_plugins {
        let text = "the folder with the plugin libraries is missing: give --plugins DIR, or \
                    plugins = \"DIR\" in the file of --config";
        document.note(Source::Flag("--plugins"), text.to_owned());
    }
    let strict = top.value("strict").unwrap_or(false);
    let mut client = top.table("client");
    let client_settings = Arc::new(ClientSettings::read(
        &mut client,
        &ClientSettings::default(),
    ));
    client.finish();
    let redis = load_redis::read(top.table("redis"), folder);
    let routes = routes::read(
        top.tables("route"),
        &client_settings,
        &options,
        redis.is_some(),
    );
    let (listen, listeners) = load_listeners::read(&mut top, folder);
    let all_listeners = [listen.as_slice(), &listeners].concat();
    let loads = &limits::LIBRARY_LOADS;
    let (stop, delay) = (&limits::STOP_TIMEOUT, &limits::STOP_DELAY);
    let settings = Settings {
        file: file.to_owned(),
        plugins: plugins.unwrap_or_default(),
        listen,
        listeners,
        hosts: read_hosts(&mut top),
        is_strict: args.strict || strict,
        strict_modes: top.value("strict_modes").unwrap_or(true),
        library_loads_max: bytes(top.bounded::<Number>("library_loads_max", loads, loads.default)),
        default_routes: top.value("default_routes").unwrap_or(true),
        state_dir: read_path(&mut top, "state_dir", None, folder).or_else(given_state_dir),
        stop_timeout: top.bounded::<Time>("stop_timeout", stop, stop.default),
        stop_delay: top.bounded::<Time>("stop_delay", delay, delay.default),
        health: top.value::<HealthPath>("health").map(|path| path.0),
        log: read_log(top.table("log"), folder),
        trusted_proxies: read_proxies(top.table("proxy")),
        inside: load_inside::read(top.table("inside"), folder),
        admin: load_admin::read(top.table("admin"), folder, &all_listeners),
        limits: read_limits(top.table("limits")),
        client: client_settings,
        redis,
        routes,
        options,
    };
    top.finish();
    settings
}

fn read_set(document: &Document<'_>) -> PluginOptions {
    let mut valid = Vec::new();
    for text in &document.args.set {
        match PluginOptions::parse([text.as_str()]) {
            Ok(_) => valid.push(text.as_str()),
            Err(error) => document.note(Source::Flag("--set"), error.to_string()),
        }
    }
    PluginOptions::parse(valid).unwrap_or_default()
}

/// A path: the command line's from where the server runs, the file's from where the file is.
fn read_path(
    table: &mut Table<'_>,
    key: &'static str,
    flag: Option<&Path>,
    folder: &Path,
) -> Option<PathBuf> {
    let in_file = table.value::<Text>(key);
    let in_file = in_file.map(|Text(path)| folder.join(path));
    flag.map(Path::to_owned).or(in_file)
}

/// What systemd gives a service that has a `StateDirectory=`; the first where it has several.
fn given_state_dir() -> Option<PathBuf> {
    let folders = std::env::var_os("STATE_DIRECTORY")?;
    let first = folders.as_bytes().split(|&byte| byte == b':').next()?;
    (!first.is_empty()).then(|| OsStr::from_bytes(first).into())
}

fn read_hosts(table: &mut Table<'_>) -> Vec<Host> {
    let given = table.list::<HostName>("hosts").unwrap_or_default();
    given.into_iter().map(|given| given.value.0).collect()
}

fn read_log(mut table: Table<'_>, folder: &Path) -> LogSettings {
    let flag = table.document.args.log_file.clone();
    let (rate, burst) = (&limits::LOG_CLIENT_RATE, &limits::LOG_CLIENT_BURST);
    let log = LogSettings {
        level: table.value("level").unwrap_or(LevelFilter::Info),
        file: read_path(&mut table, "file", flag.as_deref(), folder),
        format: table.value("format").unwrap_or(LogFormat::Text),
        levels: table.named("levels", wrong_target),
        client_rate: ClientRate {
            per_second: table.bounded::<Number>("client_rate", rate, rate.default),
            burst: table.bounded::<Number>("client_burst", burst, burst.default),
        },
    };
    table.finish();
    log
}

/// Why nothing can have logged under this target; none where something can.
pub fn wrong_target(name: &str) -> Option<String> {
    let is_name = |part: &str| {
        let mut characters = part.chars();
        !part.is_empty() && characters.all(|one| one.is_ascii_alphanumeric() || "_-".contains(one))
    };
    let (first, rest) = name.split_once("::").unwrap_or((name, "whole"));
    if matches!(first, "server" | "plugin") && rest.split("::").all(is_name) {
        return None;
    }
    Some(
        "no target of this log: write \"server\", \"plugin\", or a path below one of them, such as \
         \"server::hub\" or \"plugin::chat\""
            .to_owned(),
    )
}

fn read_proxies(mut table: Table<'_>) -> Trusted {
    let given = table.list::<Proxy>("trusted");
    table.finish();
    let proxies: Vec<Proxy> = match given {
        Some(given) => given.into_iter().map(|given| given.value).collect(),
        None => {
            let texts = limits::TRUSTED_PROXIES.iter();
            texts.filter_map(|text| Proxy::parse(text)).collect()
        }
    };
    let mut trusted = Trusted::default();
    for proxy in proxies {
        match proxy {
            Proxy::Network(network) => trusted.networks.push(network),
            Proxy::Unix => trusted.has_unix = true,
        }
    }
    trusted
}

fn read_limits(mut table: Table<'_>) -> ServerLimits {
    let number = |given: Option<Given<Number>>| {
        // The range ends far below.
        given.and_then(|given| u32::try_from(given.value.0).ok())
    };
    let per_address = &limits::CONNECTIONS_PER_ADDRESS;
    let (handshakes, headers) = (&limits::HANDSHAKES, &limits::HEADERS);
    let (head, body) = (&limits::HEAD_BYTES, &limits::BODY_BYTES);
    let queue = &limits::ROUTE_QUEUE_BYTES;
    let (handshake, keep_alive) = (&limits::HANDSHAKE_TIMEOUT, &limits::KEEP_ALIVE_TIMEOUT);
    let read = ServerLimits {
        connections: number(table.given_bounded("connections", &limits::CONNECTIONS)),
        memory: table.value::<Limit>("memory").unwrap_or_default(),
        connections_per_address: number(
            table.given_bounded("connections_per_address", per_address),
        )
        .filter(|&connections| connections > 0),
        handshakes: bytes(table.bounded::<Number>("handshakes", handshakes, handshakes.default)),
        head_bytes: table.bytes("head", head, bytes(head.default)),
        headers: bytes(table.bounded::<Number>("headers", headers, headers.default)),
        body_bytes: table.bytes("body", body, bytes(body.default)),
        route_queue_bytes: table.bounded::<Size>("route_queue", queue, queue.default),
        handshake_timeout: table.bounded::<Time>("handshake_timeout", handshake, handshake.default),
        keep_alive_timeout: table.bounded::<Time>(
            "keep_alive_timeout",
            keep_alive,
            keep_alive.default,
        ),
    };
    table.finish();
    read
}
