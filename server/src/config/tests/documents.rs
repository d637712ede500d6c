//! The example file and server/README.md say what the code does, and leave out nothing; README.md is short.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use toml::Table;

use super::super::client::ClientSettings;
use super::super::document::Document;
use super::super::table;
use super::{load, valid};
use crate::config::{
    Args, CLIENT_KEYS, JOURNAL_KEYS, LISTENER_KEYS, ROUTE_KEYS, SERVER_KEYS, Settings, TLS_KEYS,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn example() -> String {
    fs::read_to_string(root().join("scripts/detent.toml")).expect("the example is there")
}

/// The example with everything that is commented out put in: prose has a space behind its `#`.
fn whole_example() -> String {
    let lines = example();
    let uncommented = lines.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => line,
    });
    uncommented.map(|line| format!("{line}\n")).collect()
}

/// Every key with the name of its table.
fn keys() -> Vec<String> {
    let server = SERVER_KEYS.iter().map(super::super::Key::full_name);
    let client = CLIENT_KEYS.iter().map(super::super::Key::full_name);
    let route = ROUTE_KEYS.iter().map(|key| format!("route.{key}"));
    let journal = JOURNAL_KEYS
        .iter()
        .map(|key| format!("route.journal.{key}"));
    let listener = LISTENER_KEYS.iter().map(|key| format!("listener.{key}"));
    let tls = TLS_KEYS.iter().map(|key| format!("listener.tls.{key}"));
    server
        .chain(client)
        .chain(listener)
        .chain(tls)
        .chain(route)
        .chain(journal)
        .collect()
}

/// It is what a person reads in ten minutes; everything else stands beside what it is about.
#[test]
fn the_readme_has_fewer_than_250_lines() {
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    let lines = readme.lines().count();
    assert!(lines < 250, "README.md has {lines} lines");
}

#[test]
fn the_example_equals_the_defaults() {
    let example = load(&example(), &[]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(example, valid(""));
}

#[test]
fn the_example_names_every_key_and_is_valid_with_all_of_them() {
    let text = whole_example();
    // The bursts make sense only beside a rate.
    let rated = text.replace("_per_second = 0", "_per_second = 5");
    // The files are not there, with what makes sense beside them only, and the group need not be.
    let of_files = [
        "tokens_file",
        "password_file",
        "user",
        "ca_file",
        "certificate_file",
        "key_file",
    ];
    let here = of_files.iter().fold(rated, |text, key| {
        text.replace(&format!("\n{key} ="), &format!("\n#{key} ="))
    });
    valid(&here.replace("\"www-data\"", "\"root\""));
    let table: Table = text.parse().expect("it is TOML");
    for name in keys() {
        let (section, key) = name.rsplit_once('.').unwrap_or(("", &name));
        let holder = match section {
            "" => Some(&table),
            // What one of them shows need not make sense for another.
            "route" | "listener" => {
                let tables = table[section].as_array().into_iter().flatten();
                let mut tables = tables.filter_map(|one| one.as_table());
                tables.find(|one| one.contains_key(key))
            }
            "listener.tls" => {
                let listeners = table["listener"].as_array().into_iter().flatten();
                let mut of_tls = listeners.filter_map(|one| one.get("tls")?.as_table());
                of_tls.find(|one| one.contains_key(key))
            }
            "route.journal" => table["route"][0]["journal"].as_table(),
            section => table[section].as_table(),
        };
        let is_there = holder.is_some_and(|holder| holder.contains_key(key));
        assert!(is_there, "scripts/detent.toml does not show {name}");
    }
}

#[test]
fn the_table_of_all_settings_is_what_is_read() {
    let args = Args::try_parse_from(["server"]).expect("no option is required");
    let document = Document::new("", &args);
    let mut client = table::Table::new(&document, "client", None);
    ClientSettings::read(&mut client, &ClientSettings::default());
    let mut read = client.known().to_vec();
    let mut listed: Vec<_> = CLIENT_KEYS.iter().map(|key| key.name).collect();
    read.sort_unstable();
    listed.sort_unstable();
    assert_eq!(read, listed);
    // Whatever else is read is in the table too: an unknown key tells what is known beside it.
    for section in [
        "", "log.", "proxy.", "inside.", "admin.", "redis.", "limits.",
    ] {
        let problem = super::problems(&format!("{section}zzzzzzzzzzzzzzzz = 1"));
        let (_, known) = problem
            .split_once("known here are ")
            .expect("it lists them");
        let mut known: Vec<_> = known.split(", ").collect();
        let of = section.trim_end_matches('.');
        let listed = SERVER_KEYS.iter().filter(|key| key.section == of);
        let mut listed: Vec<_> = listed.map(|key| key.name).collect();
        if section.is_empty() {
            listed.extend([
                "log", "proxy", "inside", "admin", "redis", "limits", "client", "listener", "route",
            ]);
        }
        known.sort_unstable();
        listed.sort_unstable();
        assert_eq!(known, listed);
    }
}

#[test]
fn the_options_of_the_table_are_those_of_the_command_line() {
    let command = Args::command();
    let options: Vec<_> = command
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(|long| format!("--{long}")))
        .collect();
    let server = SERVER_KEYS.iter().filter_map(|key| key.flag);
    let flags: Vec<_> = server
        .chain(CLIENT_KEYS.iter().filter_map(|key| key.flag))
        .collect();
    for flag in &flags {
        assert!(options.iter().any(|option| option == flag), "{flag}");
    }
    for option in options {
        let is_no_setting = [
            "--config",
            "--check",
            "--set",
            "--watch",
            "--help",
            "--version",
        ];
        let is_known = flags.contains(&option.as_str()) || is_no_setting.contains(&option.as_str());
        assert!(is_known, "{option} sets nothing");
    }
}

#[test]
fn the_readme_has_a_line_for_every_key_with_its_option_and_default() {
    let readme = fs::read_to_string(root().join("server/README.md")).expect("it is there");
    let table: Table = example().parse().expect("it is TOML");
    let row = |name: &str| {
        let start = format!("| `{name}` |");
        let line = readme.lines().find(|line| line.starts_with(&start));
        line.unwrap_or_else(|| panic!("the table of server/README.md has no line for {name}"))
    };
    for name in keys() {
        let (section, key) = name.rsplit_once('.').unwrap_or(("", &name));
        let line = row(&name);
        let holder = match section {
            "" => Some(&table),
            section => table.get(section).and_then(toml::Value::as_table),
        };
        let Some(default) = holder.and_then(|holder| holder.get(key)) else {
            continue;
        };
        let default = match default {
            toml::Value::String(text) => format!("\"{text}\""),
            toml::Value::Array(values) => {
                let texts: Vec<_> = values.iter().filter_map(toml::Value::as_str).collect();
                if texts.is_empty() {
                    "[]".to_owned()
                } else {
                    format!("\"{}\"", texts.join("\", \""))
                }
            }
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(is) => is.to_string(),
            other => panic!("no setting is {other:?}"),
        };
        assert!(
            line.contains(&format!("`{default}`")) || line.contains(&format!("`[{default}]`")),
            "{name}: server/README.md does not say {default}: {line}"
        );
    }
    let flags = SERVER_KEYS.iter().map(|key| (key.full_name(), key.flag));
    let client_flags = CLIENT_KEYS.iter().map(|key| (key.full_name(), key.flag));
    for (name, flag) in flags.chain(client_flags) {
        if let Some(flag) = flag {
            assert!(
                row(&name).contains(&format!("`{flag}`")),
                "{name} has the option {flag}"
            );
        }
    }
}

#[test]
fn a_file_that_is_named_is_read() {
    let file = root().join("scripts/detent.toml");
    let arguments = [
        "server".into(),
        "--plugins=p".into(),
        "--config".into(),
        file.clone().into_os_string(),
    ];
    let args = Args::try_parse_from(arguments).expect("known options");
    let mut settings = Settings::load(&args).unwrap_or_else(|problems| panic!("{problems}"));
    let expected = valid("");
    assert_eq!(settings.file, file);
    settings.file = expected.file.clone();
    assert_eq!(settings, expected);
}
