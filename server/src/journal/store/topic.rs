//! What the file knows of a topic, and its row.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Transaction, params};

use super::super::Bounds;
use super::error::StoreError;
use super::opening::number;
use crate::limits::STORE_SLACK_DIVISOR;

/// What is known of a topic; written back at the end of each batch that changes it.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) id: i64,
    pub(super) last: u64,
    pub(super) from: u64,
    pub(super) hole: u64,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) has_rest: bool,
}

impl Topic {
    pub(super) fn is_over(&self, bounds: &Bounds, with_slack: bool) -> bool {
        let most = |most: u64| match with_slack {
            true => most.saturating_add(most / STORE_SLACK_DIVISOR),
            false => most,
        };
        self.messages > most(bounds.messages) || self.bytes > most(bounds.bytes)
    }

    pub(super) fn let_go(&mut self, offset: u64, bytes: u64) {
        self.from = offset;
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.has_rest = true;
    }

    pub(super) fn let_go_all(&mut self) {
        self.from = self.last;
        self.messages = 0;
        self.bytes = 0;
        self.has_rest = true;
    }
}

/// The topic of a name, which is made where there is none, among those that are changed.
pub(super) fn topic_of<'c>(
    transaction: &Transaction<'_>,
    known: &HashMap<Arc<str>, Topic>,
    changed: &'c mut HashMap<Arc<str>, Topic>,
    name: &Arc<str>,
) -> Result<&'c mut Topic, StoreError> {
    if !changed.contains_key(name) {
        let topic = match known.get(name) {
            Some(topic) => topic.clone(),
            None => load(transaction, name)?,
        };
        changed.insert(name.clone(), topic);
    }
    changed
        .get_mut(name)
        .ok_or_else(|| StoreError::Damaged("a topic is missing".to_owned()))
}

fn load(transaction: &Transaction<'_>, name: &str) -> Result<Topic, StoreError> {
    transaction.execute(
        "INSERT INTO topics (name, last, kept_from, hole, messages, bytes, has_rest)
         VALUES (?1, 0, 0, 0, 0, 0, 0) ON CONFLICT (name) DO NOTHING",
        [name],
    )?;
    let topic = transaction.query_row(
        "SELECT id, last, kept_from, hole, messages, bytes, has_rest FROM topics WHERE name = ?1",
        [name],
        read_topic,
    )?;
    Ok(topic)
}

fn read_topic(row: &rusqlite::Row<'_>) -> rusqlite::Result<Topic> {
    Ok(Topic {
        id: row.get(0)?,
        last: number(row, 1)?,
        from: number(row, 2)?,
        hole: number(row, 3)?,
        messages: number(row, 4)?,
        bytes: number(row, 5)?,
        has_rest: row.get(6)?,
    })
}

/// Writes it back.
pub(super) fn save(transaction: &Transaction<'_>, topic: &Topic) -> Result<(), StoreError> {
    transaction.execute(
        "UPDATE topics SET last = ?2, kept_from = ?3, hole = ?4, messages = ?5, bytes = ?6, has_rest = ?7
         WHERE id = ?1",
        params![
            topic.id,
            topic.last as i64,
            topic.from as i64,
            topic.hole as i64,
            topic.messages as i64,
            topic.bytes as i64,
            topic.has_rest
        ],
    )?;
    Ok(())
}

/// Those of which something is kept.
pub(super) fn read_kept(
    transaction: &Transaction<'_>,
) -> Result<Vec<(Arc<str>, Topic)>, StoreError> {
    let mut statement = transaction.prepare(
        "SELECT id, last, kept_from, hole, messages, bytes, has_rest, name FROM topics
         WHERE kept_from < last",
    )?;
    let rows = statement.query_map([], |row| {
        let name: String = row.get(7)?;
        Ok((name.into(), read_topic(row)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
