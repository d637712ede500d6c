//! One `[route.journal]` of the file to what holds for the journals of its route.

use super::client::{bytes, unless_zero};
use super::forms::{Number, Size, Time};
use super::journal::JournalSettings;
use super::table::Table;
use crate::journal::Bounds;
use crate::limits::settings as limits;

impl JournalSettings {
    /// Reads the table; what it does not say is as the defaults are.
    pub(super) fn read(mut table: Table<'_>) -> JournalSettings {
        let (messages, size) = (&limits::JOURNAL_MESSAGES, &limits::JOURNAL_BYTES);
        let (age, topics) = (&limits::JOURNAL_AGE, &limits::JOURNAL_TOPICS);
        let settings = JournalSettings {
            bounds: Bounds {
                messages: table.bounded::<Number>("messages", messages, messages.default),
                bytes: table.bounded::<Size>("bytes", size, size.default),
                age: unless_zero(table.bounded::<Time>("age", age, age.default)),
                topics: bytes(table.bounded::<Number>("topics_max", topics, topics.default)),
            },
        };
        table.finish();
        settings
    }
}
