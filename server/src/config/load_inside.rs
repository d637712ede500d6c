//! Reads `[inside]`: who may push; and secrets that stand in a file of their own, those of `[admin]` too.
//!
//! Main thread only; blocks on the disk.

use std::path::{Path, PathBuf};

use super::forms::{Form, Network, Text};
use super::inside::InsideSettings;
use super::problem::Source;
use super::table::Table;
use crate::http::inside::Tokens;
use crate::limits::settings::{TOKEN_BYTES_LEAST, TOKEN_BYTES_MOST};
use crate::private_file;

/// A secret that a client shows (RFC 6750 section 2.1).
struct Token(String);

impl Form for Token {
    const EXPECTED: &'static str = "no token: write 16 to 512 letters, digits or characters of \
        `-._~+/=`, such as `openssl rand -hex 32` gives";
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Option<Token> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let has_length = (TOKEN_BYTES_LEAST..=TOKEN_BYTES_MOST).contains(&text.len());
        (has_length && text.bytes().all(is_allowed)).then(|| Token(text.to_owned()))
    }
}

pub(super) fn read(mut table: Table<'_>, folder: &Path) -> InsideSettings {
    let networks = table.list::<Network>("networks").unwrap_or_default();
    let tokens = table.list::<Token>("tokens").unwrap_or_default();
    let (tokens_file, file_tokens) = read_tokens_file(&mut table, folder);
    table.finish();
    InsideSettings {
        networks: networks.into_iter().map(|given| given.value.0).collect(),
        tokens: Tokens::new(tokens.iter().map(|given| given.value.0.as_str())),
        tokens_file,
        file_tokens,
    }
}

/// Reads the file of secrets that `tokens_file` names: which it is, and what stands in it.
pub(super) fn read_tokens_file(table: &mut Table<'_>, folder: &Path) -> (Option<PathBuf>, Tokens) {
    let Some(given) = table.given::<Text>("tokens_file") else {
        return (None, Tokens::default());
    };
    let path = folder.join(&given.value.0);
    let tokens = read_file(&path).unwrap_or_else(|why| {
        note(table, &given.source, &path, &why);
        Tokens::default()
    });
    (Some(path), tokens)
}

fn note(table: &Table<'_>, source: &Source, path: &Path, why: &str) {
    let text = format!("{} {why}", path.display());
    table.note_value("tokens_file", source, &text);
}

/// The tokens of a file, one a line; empty lines and those that begin with # are none.
fn read_file(path: &Path) -> Result<Tokens, String> {
    let text = private_file::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(Token(token)) = Token::parse(line) else {
            return Err(format!("has in line {} {}", index + 1, Token::EXPECTED));
        };
        tokens.push(token);
    }
    if tokens.is_empty() {
        return Err("has no token in it: write one a line".to_owned());
    }
    Ok(Tokens::new(tokens.iter().map(String::as_str)))
}
