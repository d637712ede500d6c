//! Tests of the settings: values, problems, changes, and the example file and server/README.md.

mod changes;
mod documents;
mod problems;
mod values;

use std::path::Path;

use clap::Parser;

use super::{Args, Settings};

/// Reads `text` as the file `folder/detent.toml` with further arguments; the plugins folder is given.
fn load(text: &str, arguments: &[&str]) -> Result<Settings, String> {
    let arguments = ["server", "--plugins", "p"].iter().chain(arguments);
    parse(
        text,
        &Args::try_parse_from(arguments).expect("known options"),
    )
}

fn parse(text: &str, args: &Args) -> Result<Settings, String> {
    Settings::parse(text, Path::new("folder/detent.toml"), args)
        .map_err(|problems| problems.to_string().replace("folder/", ""))
}

#[track_caller]
fn valid(text: &str) -> Settings {
    load(text, &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

#[track_caller]
fn problems(text: &str) -> String {
    load(text, &[]).expect_err("something is wrong")
}
