//! What a file says when it is opened: from where on is counted, and what of earlier runs is missing.
//!
//! The file's thread.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::super::position::{Epoch, OFFSET_END};
use super::database::Database;
use super::error::StoreError;
use super::given::{self, Given, Left};
use super::{Line, Opened, OpenedLine, OpenedTopic, Writer};
use crate::limits::{JOURNAL_ENTRY_BYTES, JOURNAL_TAIL_BYTES, STORE_RESERVED};

/// The row of `counting`.
struct Counting {
    epoch: Epoch,
    reserved: u64,
    clean: Option<u64>,
    given: Option<String>,
    inode: u64,
    hole: u64,
    rest: u64,
}

/// From where on is counted.
struct Begin {
    epoch: Epoch,
    last: u64,
    /// Of topics without a row.
    hole: u64,
    rest: u64,
}

/// Opens the file at `path` and takes from it what the hub has to know. Blocks on the disk.
///
/// # Errors
/// See [`StoreError`]; nothing was begun.
pub(super) fn open<M: Line>(
    path: &Path,
    writer: Writer<M>,
) -> Result<(Database, Opened<M>, Option<String>), StoreError> {
    let mut database = Database::open(path)?;
    let inode = database.inode();
    let transaction = database.begin()?;
    let before = read_counting(&transaction)?;
    let mut topics = read_topics(&transaction)?;
    let begin = match &before {
        None => Begin {
            epoch: Epoch::random(),
            last: 0,
            hole: 0,
            rest: 0,
        },
        Some(before) => go_on(before, inode, &mut topics),
    };
    let reserved = begin.last + STORE_RESERVED;
    if reserved >= OFFSET_END {
        return Err(StoreError::Damaged("its numbers are used up".to_owned()));
    }
    let (given, name) = Given::create().unzip();
    transaction.execute(
        "INSERT OR REPLACE INTO counting VALUES (1, ?1, ?2, NULL, ?3, ?4, ?5, ?6)",
        params![
            begin.epoch.number() as i64,
            reserved as i64,
            name,
            inode as i64,
            begin.hole as i64,
            begin.rest as i64
        ],
    )?;
    for topic in &topics {
        transaction.execute(
            "UPDATE topics SET last = ?2, hole = ?3 WHERE name = ?1",
            params![&*topic.name, topic.last as i64, topic.hole as i64],
        )?;
    }
    let (lines, lines_from) = read_tail(&transaction, &topics)?;
    if let Err(error) = transaction.commit() {
        if let Some(mut given) = given {
            given.remove();
        }
        return Err(error.into());
    }
    if let Some(name) = before.and_then(|before| before.given) {
        given::remove(&name);
    }
    let opened = Opened {
        writer,
        epoch: begin.epoch,
        last: begin.last,
        reserved,
        hole: begin.hole,
        rest: begin.rest,
        topics,
        lines,
        lines_from,
        given,
    };
    Ok((database, opened, name))
}

/// From where on is counted after an earlier run; notes what topics have lost.
fn go_on(before: &Counting, inode: u64, topics: &mut [OpenedTopic]) -> Begin {
    let stored = topics.iter().map(|topic| topic.last).max().unwrap_or(0);
    let left = before.given.as_deref().and_then(given::read);
    let mut begin = Begin {
        epoch: before.epoch,
        last: stored.max(before.rest).max(before.hole),
        hole: before.hole,
        rest: before.rest,
    };
    if before.inode != inode {
        // The file that was counted in may still be, and have given more positions in its epoch.
        begin.epoch = Epoch::random();
        begin.last = before.reserved;
    } else if let Some(clean) = before.clean {
        begin.last = clean.max(begin.last);
    } else if let Some(left) = left {
        mark_holes(&left, topics, &mut begin);
    } else {
        begin.last = before.reserved;
        begin.hole = before.reserved;
        topics.iter_mut().for_each(|topic| topic.lose(begin.last));
    }
    begin
}

/// Of a run that did not end in order, and of which is known what it gave out.
fn mark_holes(left: &Left, topics: &mut [OpenedTopic], begin: &mut Begin) {
    let names = topics.iter().enumerate();
    let names: HashMap<_, _> = names
        .map(|(index, topic)| (given::hash(&topic.name), index))
        .collect();
    for &(name, offset) in &left.topics {
        begin.last = begin.last.max(offset);
        match names.get(&name).map(|&index| &mut topics[index]) {
            Some(topic) if offset > topic.last => topic.lose(offset),
            // Its name is lost with what was said on it.
            None if offset > begin.rest => begin.hole = begin.hole.max(offset),
            _ => {}
        }
    }
    if left.all > 0 {
        begin.last = begin.last.max(left.all);
        begin.hole = begin.hole.max(left.all);
        topics.iter_mut().for_each(|topic| {
            if left.all > topic.last {
                topic.lose(left.all);
            }
        });
    }
}

impl OpenedTopic {
    fn lose(&mut self, offset: u64) {
        self.hole = self.hole.max(offset);
        self.last = self.last.max(offset);
    }
}

pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    Ok(number.max(0) as u64)
}

fn read_counting(transaction: &Transaction<'_>) -> Result<Option<Counting>, StoreError> {
    let row = transaction
        .query_row(
            "SELECT epoch, reserved, clean, given, inode, hole, rest FROM counting",
            [],
            |row| {
                let clean: Option<i64> = row.get(2)?;
                Ok((
                    number(row, 0)?,
                    Counting {
                        epoch: Epoch::random(),
                        reserved: number(row, 1)?,
                        clean: clean.map(|clean| clean.max(0) as u64),
                        given: row.get(3)?,
                        inode: number(row, 4)?,
                        hole: number(row, 5)?,
                        rest: number(row, 6)?,
                    },
                ))
            },
        )
        .optional()?;
    let Some((epoch, counting)) = row else {
        return Ok(None);
    };
    let epoch = Epoch::from_number(epoch)
        .ok_or_else(|| StoreError::Damaged("it has no epoch".to_owned()))?;
    Ok(Some(Counting { epoch, ..counting }))
}

fn read_topics(transaction: &Transaction<'_>) -> Result<Vec<OpenedTopic>, StoreError> {
    let mut statement =
        transaction.prepare("SELECT name, kept_from, last, hole FROM topics ORDER BY last")?;
    let rows = statement.query_map([], |row| {
        let name: String = row.get(0)?;
        Ok(OpenedTopic {
            name: name.into(),
            from: number(row, 1)?,
            last: number(row, 2)?,
            hole: number(row, 3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The last messages of all, the oldest first, as many as are held in memory; and the offset behind which these are all.
fn read_tail<M: Line>(
    transaction: &Transaction<'_>,
    topics: &[OpenedTopic],
) -> Result<(Vec<OpenedLine<M>>, u64), StoreError> {
    let names: HashMap<&str, &OpenedTopic> =
        topics.iter().map(|topic| (&*topic.name, topic)).collect();
    let mut statement = transaction.prepare(
        "SELECT messages.offset, name, at, kind, payload
         FROM messages JOIN topics ON topics.id = messages.topic ORDER BY messages.offset DESC",
    )?;
    let mut rows = statement.query([])?;
    let (mut lines, mut bytes, mut from) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next()? {
        let offset = number(row, 0)?;
        let name: String = row.get(1)?;
        let Some(topic) = names.get(&*name).filter(|topic| offset > topic.from) else {
            continue;
        };
        let payload: Vec<u8> = row.get(4)?;
        bytes += (payload.len() + JOURNAL_ENTRY_BYTES) as u64;
        if bytes > JOURNAL_TAIL_BYTES {
            from = offset;
            break;
        }
        lines.push(OpenedLine {
            topic: topic.name.clone(),
            offset,
            at: number(row, 2)?,
            message: read_line(row.get(3)?, &payload)?,
        });
    }
    lines.reverse();
    Ok((lines, from))
}

/// A message as it was written.
///
/// # Errors
/// It is none.
pub(super) fn read_line<M: Line>(kind: u8, payload: &[u8]) -> Result<Arc<M>, StoreError> {
    let line = M::read(kind, payload).map(Arc::new);
    line.ok_or_else(|| StoreError::Damaged("a message in it is none".to_owned()))
}
