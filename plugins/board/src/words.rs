//! What the page and the board say to each other: JSON in text messages. A picture is a binary message by itself.

use serde::{Deserialize, Serialize};

use crate::store::Entry;

/// What a client asks for: an object with one of these.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Asked {
    /// What it is called from now on.
    Name(String),
    /// An entry for all.
    Say(String),
    /// The newest entries with all these words, of names or texts; `before` goes on behind what was found.
    Search { words: String, before: Option<i64> },
    /// The entries before that one.
    Before(i64),
}

/// What a client is told. Lists begin with the newest entry.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Told<'a> {
    /// It is here: the past, and what it may send.
    Welcome {
        entries: &'a [Entry],
        text_bytes: usize,
        picture_bytes: usize,
    },
    /// What it is called.
    You { name: &'a str },
    /// Somebody has written.
    Entry(&'a Entry),
    /// What was searched for.
    Found {
        words: &'a str,
        entries: &'a [Entry],
    },
    /// What was before.
    Past { entries: &'a [Entry] },
    /// What it asked for is not done.
    #[serde(rename = "error")]
    Refused(&'a str),
}
