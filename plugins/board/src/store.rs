//! The entries in SQLite. Each call blocks on the disk, on the thread of the client that asks.
//!
//! One connection writes, behind a lock; reading has connections of its own, which see what was written last and wait for no
//! writer (SQLite's write-ahead log). Only in memory there is one for both.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plugin_api::Result;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use serde::Serialize;

use crate::picture::Picture;

/// How long a write waits for another process that has the file.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// Reading connections that are kept for the next.
const SPARE_READERS_MAX: usize = 8;
/// Words of one search.
const WORDS_MAX: usize = 16;

/// What is in `Store`: entries, and an index of their words which triggers keep.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        picture_type TEXT,
        picture BLOB
    );
    CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
        name, text, content = 'entries', content_rowid = 'id'
    );
    CREATE TRIGGER IF NOT EXISTS entry_written AFTER INSERT ON entries BEGIN
        INSERT INTO words (rowid, name, text) VALUES (new.id, new.name, new.text);
    END;
    CREATE TRIGGER IF NOT EXISTS entry_gone AFTER DELETE ON entries BEGIN
        INSERT INTO words (words, rowid, name, text) VALUES ('delete', old.id, old.name, old.text);
    END;
";

/// What an answer has of each entry.
const COLUMNS: &str = "entries.id, entries.at, entries.name, entries.text, entries.picture_type";

/// An entry, as clients and the export have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// From 1, never used twice.
    pub(crate) id: i64,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) name: String,
    /// Empty where it is a picture.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
    /// Its media type; the picture itself is to be had by its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) picture: Option<String>,
}

/// What somebody says.
#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    Text(&'a str),
    Picture(Picture, &'a [u8]),
}

/// An entry that has no number yet.
pub(crate) struct Draft<'a> {
    pub(crate) at: i64,
    pub(crate) name: &'a str,
    pub(crate) content: Content<'a>,
}

/// The board's database.
pub(crate) struct Store {
    /// None for in memory.
    file: Option<PathBuf>,
    entries_max: u32,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl Store {
    /// Opens it, or makes it; in memory without a file.
    pub(crate) fn open(file: Option<PathBuf>, entries_max: u32) -> Result<Store> {
        let writer = match &file {
            Some(path) => {
                Connection::open(path).map_err(|error| format!("{}: {error}", path.display()))?
            }
            None => Connection::open_in_memory()?,
        };
        writer.busy_timeout(BUSY_WAIT)?;
        writer.pragma_update(None, "journal_mode", "wal")?;
        // What all have read is on the disk.
        writer.pragma_update(None, "synchronous", "full")?;
        writer.execute_batch(SCHEMA)?;
        Ok(Store {
            file,
            entries_max,
            writer: Mutex::new(writer),
            readers: Mutex::default(),
        })
    }

    /// Writes an entry, and calls `then` before the next is written. Blocks behind others that write.
    pub(crate) fn write(&self, draft: &Draft<'_>, then: impl FnOnce(&Entry) -> Result) -> Result {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction()?;
        let (text, kind, picture) = match draft.content {
            Content::Text(text) => (text, None, None),
            Content::Picture(kind, bytes) => ("", Some(kind.media_type()), Some(bytes)),
        };
        transaction
            .prepare("INSERT INTO entries (at, name, text, picture_type, picture) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![draft.at, draft.name, text, kind, picture])?;
        let id = transaction.last_insert_rowid();
        transaction
            .prepare("DELETE FROM entries WHERE id <= ?")?
            .execute([id - i64::from(self.entries_max)])?;
        transaction.commit()?;
        then(&Entry {
            id,
            at: draft.at,
            name: draft.name.to_owned(),
            text: text.to_owned(),
            picture: kind.map(str::to_owned),
        })
    }

    /// The last entries, the newest first.
    pub(crate) fn last(&self, count: u32) -> Result<Vec<Entry>> {
        self.before(i64::MAX, count)
    }

    /// The entries before that one, the newest first.
    pub(crate) fn before(&self, id: i64, count: u32) -> Result<Vec<Entry>> {
        let query = format!("SELECT {COLUMNS} FROM entries WHERE id < ? ORDER BY id DESC LIMIT ?");
        self.read(|reader| collect(reader, &query, params![id, count]))
    }

    /// The last of the entries behind that one, the newest first.
    pub(crate) fn behind(&self, id: i64, count: u32) -> Result<Vec<Entry>> {
        let query = format!("SELECT {COLUMNS} FROM entries WHERE id > ? ORDER BY id DESC LIMIT ?");
        self.read(|reader| collect(reader, &query, params![id, count]))
    }

    /// The newest entries that have all these words, or words that begin so.
    pub(crate) fn search(
        &self,
        words: &str,
        before: Option<i64>,
        count: u32,
    ) -> Result<Vec<Entry>> {
        let query = format!(
            "SELECT {COLUMNS} FROM words JOIN entries ON entries.id = words.rowid
             WHERE words MATCH ? AND words.rowid < ? ORDER BY words.rowid DESC LIMIT ?"
        );
        let Some(pattern) = pattern(words) else {
            return Ok(Vec::new());
        };
        let before = before.unwrap_or(i64::MAX);
        self.read(|reader| collect(reader, &query, params![pattern, before, count]))
    }

    /// A picture.
    pub(crate) fn picture(&self, id: i64) -> Result<Option<(Picture, Vec<u8>)>> {
        let query =
            "SELECT picture_type, picture FROM entries WHERE id = ? AND picture IS NOT NULL";
        let found: Option<(String, Vec<u8>)> = self.read(|reader| {
            let mut statement = reader.prepare(query)?;
            let row = statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)));
            Ok(row.optional()?)
        })?;
        let kind = |media_type: &str| Picture::of_media_type(media_type);
        Ok(found.and_then(|(media_type, bytes)| Some((kind(&media_type)?, bytes))))
    }

    /// Writes all entries as JSON, a line each, the oldest first; gives the bytes.
    pub(crate) fn export(&self, file: &File) -> Result<u64> {
        let query = format!("SELECT {COLUMNS} FROM entries ORDER BY id");
        self.read(|reader| {
            let mut out = BufWriter::new(file);
            let mut statement = reader.prepare(&query)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                serde_json::to_writer(&mut out, &entry(row)?)?;
                out.write_all(b"\n")?;
            }
            out.flush()?;
            Ok(file.metadata()?.len())
        })
    }

    /// Reads by a connection that nobody else uses meanwhile.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let Some(file) = &self.file else {
            return read(&lock(&self.writer));
        };
        let spare = lock(&self.readers).pop();
        let reader = spare.map_or_else(
            || {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(file, flags)
            },
            Ok,
        )?;
        let outcome = read(&reader);
        let mut readers = lock(&self.readers);
        if readers.len() < SPARE_READERS_MAX {
            readers.push(reader);
        }
        outcome
    }
}

/// What a callback that panicked has left is what SQLite makes of it: a transaction that is rolled back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn collect(
    reader: &Connection,
    query: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<Entry>> {
    let mut statement = reader.prepare(query)?;
    let rows = statement.query_map(parameters, entry)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get(0)?,
        at: row.get(1)?,
        name: row.get(2)?,
        text: row.get(3)?,
        picture: row.get(4)?,
    })
}

/// Each word in quotes, so that none of them is an order to the index; none where there is no word.
fn pattern(words: &str) -> Option<String> {
    let quoted = words
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(|word| format!("\"{word}\"*"));
    let pattern = quoted.collect::<Vec<_>>().join(" ");
    (!pattern.is_empty()).then_some(pattern)
}
