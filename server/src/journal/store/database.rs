//! The SQLite database of a route's journals: opening it, and what it has to look like.
//!
//! The file's thread, and nobody else. The process has it for itself as long as it is open, so that two servers
//! never count in one file. No descriptor of the file but SQLite's own is opened and closed while it is in use:
//! that would give up its locks.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::error::StoreError;

/// `DtJr`: whose file it is (`PRAGMA application_id`).
pub(super) const APPLICATION_ID: i64 = 0x4474_4a72;

/// Which form the tables have (`PRAGMA user_version`).
pub(super) const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE counting (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch INTEGER NOT NULL,
        -- Offsets up to it may have been given out.
        reserved INTEGER NOT NULL,
        -- The last that was, where the server has ended in order.
        clean INTEGER,
        -- Where it stands what was given out last.
        given TEXT,
        -- Of this file: a copy counts anew.
        inode INTEGER NOT NULL,
        -- Up to where topics without a row may have a hole, and were forgotten.
        hole INTEGER NOT NULL,
        rest INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE topics (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        -- Offset of the last message, of the one behind which all are kept, and of the last that was lost.
        last INTEGER NOT NULL,
        kept_from INTEGER NOT NULL,
        hole INTEGER NOT NULL,
        messages INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        -- Whether messages up to kept_from are yet to be deleted.
        has_rest INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE messages (
        offset INTEGER PRIMARY KEY,
        topic INTEGER NOT NULL,
        -- Milliseconds since 1970.
        at INTEGER NOT NULL,
        -- Who was not to hear it, in the run that wrote it.
        except_client INTEGER,
        kind INTEGER NOT NULL,
        payload BLOB NOT NULL
    ) STRICT;
    CREATE INDEX messages_of_topic ON messages (topic, offset);
";

/// An open database.
pub(super) struct Database {
    connection: Connection,
    path: PathBuf,
    /// Device and number of the file that was opened, and of its log.
    identity: (u64, u64),
    log: Option<(u64, u64)>,
    is_synchronous: bool,
}

impl Database {
    /// Opens the file, or makes one that only its owner may read. Blocks on the disk.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(super) fn open(path: &Path) -> Result<Database, StoreError> {
        let path = find_or_make(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(Duration::ZERO)?;
        // What is damaged, or is no more in its place, is not written when it is closed.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // Before the log is touched for the first time, so that its index is memory of our own and no file.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        let mut database = Database {
            identity: identity(&path).ok_or(StoreError::Moved)?,
            connection,
            path,
            log: None,
            is_synchronous: true,
        };
        database.check()?;
        Ok(database)
    }

    fn check(&mut self) -> Result<(), StoreError> {
        let pragma = |name| {
            self.connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
        };
        let (application, version) = (pragma("application_id")?, pragma("user_version")?);
        let says_nothing = (application, version) == (0, 0);
        let is_new = pragma("page_count")? == 0 || (says_nothing && self.is_empty()?);
        if !is_new && application != APPLICATION_ID {
            let what = "a database of another program: name another file";
            return Err(StoreError::Foreign(what.to_owned()));
        }
        if !is_new && version != VERSION {
            let what = format!(
                "a journal of version {version}, and this server writes version {VERSION}: name another file"
            );
            return Err(StoreError::Foreign(what));
        }
        if is_new {
            // Takes effect only before the first table.
            self.connection
                .pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        }
        let mode: String =
            self.connection
                .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            let what = "the file system takes no write-ahead log";
            return Err(StoreError::NotWritable(what.to_owned()));
        }
        for (name, value) in [
            ("synchronous", "FULL"),
            ("journal_size_limit", "4194304"),
            ("cache_size", "-2048"),
        ] {
            self.connection.pragma_update(None, name, value)?;
        }
        if is_new {
            let transaction = self.begin()?;
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
            // So that the file says by itself, without its log, what it is.
            self.write_back()?;
        }
        // It is there from the first transaction on.
        self.begin()?.commit()?;
        self.log = identity(&log_of(&self.path));
        Ok(())
    }

    fn is_empty(&self) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) FROM sqlite_schema";
        let count: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(count == 0)
    }

    /// Writes the log back into the file. Blocks on the disk.
    fn write_back(&self) -> Result<(), StoreError> {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        Ok(self.connection.query_row(checkpoint, [], |_| Ok(()))?)
    }

    /// The log, where it is the one that belongs to the file that was opened.
    pub(super) fn own_log(&self) -> Option<PathBuf> {
        let path = log_of(&self.path);
        let found = identity(&path);
        (found.is_some() && found == self.log).then_some(path)
    }

    /// Everything until its commit is one.
    pub(super) fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        let behavior = TransactionBehavior::Immediate;
        Ok(self.connection.transaction_with_behavior(behavior)?)
    }

    /// For reading.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether a commit waits until the disk has it, with all that was committed before.
    pub(super) fn set_synchronous(&mut self, is_synchronous: bool) -> Result<(), StoreError> {
        if is_synchronous != self.is_synchronous {
            let value = if is_synchronous { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", value)?;
            self.is_synchronous = is_synchronous;
        }
        Ok(())
    }

    /// Whether the file that was opened still stands in its place.
    pub(super) fn is_in_place(&self) -> bool {
        identity(&self.path) == Some(self.identity)
    }

    /// Its number on the disk.
    pub(super) fn inode(&self) -> u64 {
        self.identity.1
    }

    /// Gives pages back to the disk that nothing is in. Blocks.
    pub(super) fn give_back_pages(&self) -> Result<(), StoreError> {
        let pages = "PRAGMA incremental_vacuum(256)";
        let mut statement = self.connection.prepare(pages)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    /// Writes the log back into the file and closes it. Blocks on the disk.
    pub(super) fn close(self) {
        // What cannot be written back stands in the log, and is read from there.
        let no_checkpoint = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        self.connection.set_db_config(no_checkpoint, false).ok();
        self.connection.close().ok();
    }
}

/// The file that a path leads to, which is made where there is none.
fn find_or_make(path: &Path) -> Result<PathBuf, StoreError> {
    let wrong = |error: io::Error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::NotWritable(error.to_string()),
    };
    if fs::symlink_metadata(path).is_err() {
        // What is said may be for few.
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        made.map_err(wrong)?;
    }
    let path = fs::canonicalize(path).map_err(wrong)?;
    if !fs::metadata(&path).map_err(wrong)?.is_file() {
        return Err(StoreError::Foreign("no file".to_owned()));
    }
    Ok(path)
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
