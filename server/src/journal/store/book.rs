//! The open file while it is written: its topics, what is let go of them, and what they have lost.
//!
//! The file's thread.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction, params};

use super::super::Bounds;
use super::database::Database;
use super::error::StoreError;
use super::fetch::{self, Fetched, From, Place};
use super::holes::Holes;
use super::opening::number;
use super::topic::{Topic, read_kept, save, topic_of};
use super::{Line, Written};
use crate::limits::{JOURNAL_ENTRY_BYTES, JOURNAL_FORGOTTEN_MAX, STORE_DELETED, STORE_RESERVED};

/// The file, and what is known of its topics.
pub(super) struct Book {
    database: Database,
    topics: HashMap<Arc<str>, Topic>,
    bounds: Bounds,
    /// Everything up to this offset was written, or is lost.
    written: u64,
    run_begin: u64,
    reserved: u64,
    /// Topics with messages that are let go and yet to be deleted.
    rests: Vec<(i64, u64)>,
}

/// Topics of which something was let go: behind which offset everything is kept.
pub(super) type LetGo = Vec<(Arc<str>, u64)>;

impl Book {
    pub(super) fn new(database: Database, bounds: Bounds, run_begin: u64, reserved: u64) -> Book {
        let rests = read_rests(&database).unwrap_or_default();
        Book {
            database,
            topics: HashMap::new(),
            bounds,
            written: run_begin,
            run_begin,
            reserved,
            rests,
        }
    }

    pub(super) fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    pub(super) fn has_rests(&self) -> bool {
        !self.rests.is_empty()
    }

    /// Offsets up to it may be given out.
    pub(super) fn reserved(&self) -> u64 {
        self.reserved
    }

    /// The log of the file, where it stands in its place.
    pub(super) fn own_log(&self) -> Option<PathBuf> {
        self.database.own_log()
    }

    /// Whether the file that was opened still stands in its place.
    pub(super) fn is_in_place(&self) -> bool {
        self.database.is_in_place()
    }

    /// Writes a batch, the holes before it too, as one. Blocks on the disk; where `is_durable`, until the disk has it.
    ///
    /// # Errors
    /// Nothing of it is in the file.
    pub(super) fn write<M: Line>(
        &mut self,
        lines: &[Written<M>],
        holes: &Holes,
        is_durable: bool,
    ) -> Result<LetGo, StoreError> {
        let mut changed = HashMap::new();
        let result = self.try_write(lines, holes, is_durable, &mut changed);
        let last = lines.last().map_or(0, |line| line.offset);
        self.written = self.written.max(last);
        match result {
            Ok(let_go) => {
                self.topics.extend(changed);
                if holes.all() > 0 {
                    let topics = self.topics.values_mut();
                    topics.for_each(|topic| topic.hole = topic.hole.max(holes.all()));
                }
                Ok(let_go)
            }
            Err(error) => {
                // What was found out about new topics is not in the file.
                self.topics.retain(|name, _| !changed.contains_key(name));
                Err(error)
            }
        }
    }

    fn try_write<M: Line>(
        &mut self,
        lines: &[Written<M>],
        holes: &Holes,
        is_durable: bool,
        changed: &mut HashMap<Arc<str>, Topic>,
    ) -> Result<LetGo, StoreError> {
        self.database.set_synchronous(is_durable)?;
        let transaction = self.database.begin()?;
        for (name, offset) in holes.topics() {
            let topic = topic_of(&transaction, &self.topics, changed, name)?;
            topic.hole = topic.hole.max(offset);
            topic.last = topic.last.max(offset);
        }
        insert(&transaction, &self.topics, changed, lines)?;
        let mut let_go = Vec::new();
        for (name, topic) in changed.iter_mut() {
            if trim(&transaction, topic, &self.bounds)? {
                let_go.push((name.clone(), topic.from));
            }
            topic.hole = topic.hole.max(holes.all());
            save(&transaction, topic)?;
        }
        if holes.all() > 0 {
            lose_all(&transaction, holes.all())?;
        }
        let most = STORE_DELETED.max(2 * lines.len());
        let rests = delete_rests(&transaction, &self.rests, most)?;
        let last = lines.last().map_or(0, |line| line.offset);
        let reserved = match last + STORE_RESERVED / 2 > self.reserved {
            true => last + STORE_RESERVED,
            false => self.reserved,
        };
        if reserved != self.reserved {
            let sql = "UPDATE counting SET reserved = ?1";
            transaction.execute(sql, [reserved as i64])?;
        }
        transaction.commit()?;
        self.reserved = reserved;
        self.rests = rests;
        let trimmed = let_go.iter().filter_map(|(name, _)| changed.get(name));
        self.rests
            .extend(trimmed.map(|topic| (topic.id, topic.from)));
        Ok(let_go)
    }

    /// Lets nothing be kept of a topic; its row tells up to where something was said.
    ///
    /// # Errors
    /// It is as before.
    pub(super) fn forget(&mut self, name: &Arc<str>) -> Result<(), StoreError> {
        self.database.set_synchronous(false)?;
        let transaction = self.database.begin()?;
        let mut changed = HashMap::new();
        let topic = topic_of(&transaction, &self.topics, &mut changed, name)?;
        topic.let_go_all();
        save(&transaction, topic)?;
        let rest = (topic.id, topic.from);
        transaction.commit()?;
        self.topics.remove(name);
        self.rests.push(rest);
        Ok(())
    }

    /// The same of all topics but those that were spoken on last, so many as there may be.
    ///
    /// # Errors
    /// All is as before.
    pub(super) fn forget_beyond(&mut self) -> Result<LetGo, StoreError> {
        self.database.set_synchronous(false)?;
        let transaction = self.database.begin()?;
        let mut kept = read_kept(&transaction)?;
        kept.sort_unstable_by_key(|(_, topic)| topic.last);
        kept.truncate(kept.len().saturating_sub(self.bounds.topics));
        for (_, topic) in &mut kept {
            topic.let_go_all();
            save(&transaction, topic)?;
        }
        transaction.commit()?;
        let mut let_go = LetGo::new();
        for (name, topic) in kept {
            self.topics.remove(&name);
            self.rests.push((topic.id, topic.from));
            let_go.push((name, topic.from));
        }
        Ok(let_go)
    }

    /// Lets go what was said before `oldest`, in milliseconds since 1970, and forgets rows of topics of which
    /// nothing is kept where there are too many. Blocks on the disk.
    ///
    /// # Errors
    /// All is as before.
    pub(super) fn tidy(&mut self, oldest: u64) -> Result<LetGo, StoreError> {
        self.database.set_synchronous(false)?;
        let transaction = self.database.begin()?;
        let mut let_go = Vec::new();
        let mut rests = Vec::new();
        for (name, mut topic) in read_kept(&transaction)? {
            if trim_old(&transaction, &mut topic, oldest)? {
                save(&transaction, &topic)?;
                let_go.push((name, topic.from));
                rests.push((topic.id, topic.from));
            }
        }
        forget_rows(&transaction)?;
        transaction.commit()?;
        for (name, _) in &let_go {
            self.topics.remove(name);
        }
        self.rests.extend(rests);
        self.database.give_back_pages()?;
        Ok(let_go)
    }

    /// Deletes some of what was let go. Blocks on the disk.
    ///
    /// # Errors
    /// It is there as before.
    pub(super) fn delete_some(&mut self) -> Result<(), StoreError> {
        self.database.set_synchronous(false)?;
        let transaction = self.database.begin()?;
        let rests = delete_rests(&transaction, &self.rests, STORE_DELETED)?;
        transaction.commit()?;
        self.rests = rests;
        Ok(())
    }

    /// Reads a piece of a topic. Blocks on the disk.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(super) fn fetch<M: Line>(
        &self,
        name: &str,
        from: From,
        most: (usize, usize),
    ) -> Result<Fetched<M>, StoreError> {
        let connection = self.database.connection();
        let topic = match self.topics.get(name) {
            Some(topic) => Some((topic.id, topic.from)),
            None => connection
                .query_row(
                    "SELECT id, kept_from FROM topics WHERE name = ?1",
                    [name],
                    |row| Ok((row.get(0)?, number(row, 1)?)),
                )
                .optional()?,
        };
        let Some((id, from_offset)) = topic else {
            return Ok(Fetched::LetGo);
        };
        let place = Place {
            id,
            from: from_offset,
            written: self.written,
            run_begin: self.run_begin,
        };
        fetch::fetch(connection, &place, from, most)
    }

    /// Says that the run has ended in order with the offset `last`; the disk has all of it then. Blocks on it.
    ///
    /// # Errors
    /// The next run will not know.
    pub(super) fn end(mut self, last: u64) -> Result<(), StoreError> {
        self.database.set_synchronous(true)?;
        let transaction = self.database.begin()?;
        transaction.execute(
            "UPDATE counting SET clean = ?1, given = NULL",
            [last as i64],
        )?;
        transaction.commit()?;
        self.database.close();
        Ok(())
    }
}

/// Every topic may have lost something up to an offset.
fn lose_all(transaction: &Transaction<'_>, offset: u64) -> Result<(), StoreError> {
    for table in ["topics", "counting"] {
        let sql = format!("UPDATE {table} SET hole = max(hole, ?1)");
        transaction.execute(&sql, [offset as i64])?;
    }
    Ok(())
}

fn insert<M: Line>(
    transaction: &Transaction<'_>,
    known: &HashMap<Arc<str>, Topic>,
    changed: &mut HashMap<Arc<str>, Topic>,
    lines: &[Written<M>],
) -> Result<(), StoreError> {
    let mut statement = transaction.prepare(
        "INSERT INTO messages (offset, topic, at, except_client, kind, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for line in lines {
        let topic = topic_of(transaction, known, changed, &line.topic)?;
        let payload = line.message.payload();
        statement.execute(params![
            line.offset as i64,
            topic.id,
            line.at as i64,
            line.except.map(|client| client.0 as i64),
            line.message.kind(),
            payload
        ])?;
        topic.last = topic.last.max(line.offset);
        topic.messages += 1;
        topic.bytes += size(payload.len());
    }
    Ok(())
}

fn size(payload: usize) -> u64 {
    (payload + JOURNAL_ENTRY_BYTES) as u64
}

/// Lets go what is past the bounds, once it is more than a little; true where something was.
fn trim(
    transaction: &Transaction<'_>,
    topic: &mut Topic,
    bounds: &Bounds,
) -> Result<bool, StoreError> {
    if !topic.is_over(bounds, true) {
        return Ok(false);
    }
    let mut statement = transaction.prepare(
        "SELECT offset, length(payload) FROM messages WHERE topic = ?1 AND offset > ?2 ORDER BY offset",
    )?;
    let mut rows = statement.query(params![topic.id, topic.from as i64])?;
    while topic.is_over(bounds, false)
        && let Some(row) = rows.next()?
    {
        topic.let_go(number(row, 0)?, size(number(row, 1)? as usize));
    }
    Ok(true)
}

/// Lets go what was said before `oldest`; true where something was.
fn trim_old(
    transaction: &Transaction<'_>,
    topic: &mut Topic,
    oldest: u64,
) -> Result<bool, StoreError> {
    let mut statement = transaction.prepare(
        "SELECT offset, length(payload), at FROM messages WHERE topic = ?1 AND offset > ?2 ORDER BY offset",
    )?;
    let mut rows = statement.query(params![topic.id, topic.from as i64])?;
    let mut has_let_go = false;
    while let Some(row) = rows.next()? {
        if number(row, 2)? >= oldest {
            break;
        }
        topic.let_go(number(row, 0)?, size(number(row, 1)? as usize));
        has_let_go = true;
    }
    if topic.messages == 0 && topic.from < topic.last {
        // What it has lost is as old.
        topic.from = topic.last;
        has_let_go = true;
    }
    Ok(has_let_go)
}

fn read_rests(database: &Database) -> Result<Vec<(i64, u64)>, StoreError> {
    let sql = "SELECT id, kept_from FROM topics WHERE has_rest";
    let mut statement = database.connection().prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, number(row, 1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Deletes a share of what was let go; gives what is left of it.
fn delete_rests(
    transaction: &Transaction<'_>,
    rests: &[(i64, u64)],
    mut most: usize,
) -> Result<Vec<(i64, u64)>, StoreError> {
    let mut left = rests.to_vec();
    while most > 0
        && let Some(&(id, from)) = left.last()
    {
        let deleted = transaction.execute(
            "DELETE FROM messages WHERE offset IN (
                 SELECT offset FROM messages WHERE topic = ?1 AND offset <= ?2 LIMIT ?3)",
            params![id, from as i64, most as i64],
        )?;
        if deleted < most {
            let sql = "UPDATE topics SET has_rest = 0 WHERE id = ?1 AND kept_from = ?2";
            transaction.execute(sql, params![id, from as i64])?;
            left.pop();
        }
        most -= deleted;
    }
    Ok(left)
}

/// Forgets topics of which nothing is kept, past a number of them: those that were silent the longest share a row.
fn forget_rows(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let last_of_all: Option<i64> = transaction
        .query_row(
            "SELECT last FROM topics WHERE kept_from >= last AND has_rest = 0
             ORDER BY last DESC LIMIT 1 OFFSET ?1",
            [JOURNAL_FORGOTTEN_MAX as i64],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(last) = last_of_all {
        let rest = "UPDATE counting SET rest = max(rest, ?1)";
        transaction.execute(rest, [last])?;
        let rows = "DELETE FROM topics WHERE kept_from >= last AND has_rest = 0 AND last <= ?1";
        transaction.execute(rows, [last])?;
    }
    Ok(())
}
