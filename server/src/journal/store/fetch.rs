//! Reading a piece of one topic out of the file. The file's thread.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::Line;
use super::error::StoreError;
use super::opening::{number, read_line};
use crate::ids::ClientId;

/// From where on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Behind an offset.
    Offset(u64),
    /// So many of the last messages, but none up to an offset.
    Last {
        /// How many.
        count: u64,
        /// Behind which.
        behind: u64,
    },
}

/// What was read.
pub enum Fetched<M> {
    /// All that is kept behind `begin` up to `through`, the oldest first.
    Lines {
        /// From where on.
        begin: u64,
        /// The messages.
        lines: Vec<FetchedLine<M>>,
        /// Up to where.
        through: u64,
        /// Whether more stands behind that in the file.
        has_more: bool,
    },
    /// Something of it was let go.
    LetGo,
    /// The file cannot be read.
    Unreadable,
}

/// A message that was read.
pub struct FetchedLine<M> {
    /// Its number on the route.
    pub offset: u64,
    /// Who was not to hear it.
    pub except: Option<ClientId>,
    /// What was said.
    pub message: Arc<M>,
}

/// Where the topic stands in the file.
pub(super) struct Place {
    pub(super) id: i64,
    pub(super) from: u64,
    /// Everything up to this offset was written, or is lost.
    pub(super) written: u64,
    /// Offsets up to it are of earlier runs, whose clients are gone.
    pub(super) run_begin: u64,
}

/// Reads a piece. Blocks on the disk.
///
/// # Errors
/// See [`StoreError`].
pub(super) fn fetch<M: Line>(
    connection: &Connection,
    place: &Place,
    from: From,
    (lines_max, bytes_max): (usize, usize),
) -> Result<Fetched<M>, StoreError> {
    let begin = match from {
        From::Offset(offset) if offset < place.from => return Ok(Fetched::LetGo),
        From::Offset(offset) => offset,
        From::Last { count, behind } => before_last(connection, place, count)?.max(behind),
    };
    let mut statement = connection.prepare(
        "SELECT offset, except_client, kind, payload FROM messages
         WHERE topic = ?1 AND offset > ?2 ORDER BY offset",
    )?;
    let mut rows = statement.query(params![place.id, begin as i64])?;
    let (mut lines, mut bytes, mut has_more) = (Vec::new(), 0, false);
    while let Some(row) = rows.next()? {
        let payload: Vec<u8> = row.get(3)?;
        bytes += payload.len();
        if !lines.is_empty() && (bytes > bytes_max || lines.len() >= lines_max) {
            has_more = true;
            break;
        }
        let offset = number(row, 0)?;
        let except: Option<i64> = row.get(1)?;
        lines.push(FetchedLine {
            offset,
            except: except
                .filter(|_| offset > place.run_begin)
                .map(|client| ClientId(client as u64)),
            message: read_line(row.get(2)?, &payload)?,
        });
    }
    let through = match lines.last() {
        Some(last) if has_more => last.offset,
        Some(last) => place.written.max(last.offset),
        None => place.written.max(begin),
    };
    Ok(Fetched::Lines {
        begin,
        lines,
        through,
        has_more,
    })
}

/// Where one stands who is to get the last `count` messages.
fn before_last(connection: &Connection, place: &Place, count: u64) -> Result<u64, StoreError> {
    let Some(skipped) = count.checked_sub(1) else {
        return Ok(place.written);
    };
    let skipped = i64::try_from(skipped).unwrap_or(i64::MAX);
    let offset = connection
        .query_row(
            "SELECT offset FROM messages WHERE topic = ?1 AND offset > ?2
             ORDER BY offset DESC LIMIT 1 OFFSET ?3",
            params![place.id, place.from as i64, skipped],
            |row| number(row, 0),
        )
        .optional()?;
    Ok(offset.map_or(place.from, |offset| offset - 1))
}
