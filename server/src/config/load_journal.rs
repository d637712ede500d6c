//! One `[route.journal]` of the file to what holds for the journals of its route.

use std::path::{Path, PathBuf};

use super::client::{bytes, unless_zero};
use super::forms::{Number, Size, Text, Time};
use super::journal::JournalSettings;
use super::table::Table;
use crate::journal::Bounds;
use crate::limits::settings as limits;

impl JournalSettings {
    /// Reads the table; what it does not say is as the defaults are. `files` are those of other routes.
    pub(super) fn read(
        mut table: Table<'_>,
        is_shared: bool,
        files: &mut Vec<PathBuf>,
    ) -> JournalSettings {
        let (messages, size) = (&limits::JOURNAL_MESSAGES, &limits::JOURNAL_BYTES);
        let (age, topics) = (&limits::JOURNAL_AGE, &limits::JOURNAL_TOPICS);
        let settings = JournalSettings {
            bounds: Bounds {
                messages: table.bounded::<Number>("messages", messages, messages.default),
                bytes: table.bounded::<Size>("bytes", size, size.default),
                age: unless_zero(table.bounded::<Time>("age", age, age.default)),
                topics: bytes(table.bounded::<Number>("topics_max", topics, topics.default)),
            },
            file: read_file(&mut table, is_shared, files),
        };
        table.finish();
        settings
    }
}

/// The file, which no other route has: each counts for itself.
fn read_file(table: &mut Table<'_>, is_shared: bool, files: &mut Vec<PathBuf>) -> Option<PathBuf> {
    let given = table.given::<Text>("file")?;
    let file: PathBuf = Path::new(&given.value.0).components().collect();
    let wrong = if file.file_name().is_none() {
        format!("{} names no file", given.written)
    } else if is_shared {
        "what is kept of a shared route is what its stream in Redis holds: leave this away"
            .to_owned()
    } else if files.contains(&file) {
        format!(
            "{} is the file of another route: each has one of its own",
            given.written
        )
    } else {
        files.push(file.clone());
        return Some(file);
    };
    table.note_value("file", &given.source, &wrong);
    None
}
