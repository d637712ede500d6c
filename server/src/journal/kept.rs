//! What is kept of one topic: its last messages, in the order they were said. Plain memory of the hub's thread.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Bounds;
use crate::ids::ClientId;
use crate::limits::JOURNAL_ENTRY_BYTES;

/// One message that is kept.
pub struct Entry<M> {
    /// Its number on the route; those of one topic only grow.
    pub offset: u64,
    /// When it was said, in milliseconds since 1970.
    pub at: u64,
    /// Who was not to hear it.
    pub except: Option<ClientId>,
    /// What was said; shared with whoever writes it down.
    pub message: Arc<M>,
    /// It is not in the file, where there is one.
    pub(super) is_lost: bool,
    /// What it counts for, in bytes.
    pub(super) bytes: u64,
}

impl<M> Clone for Entry<M> {
    fn clone(&self) -> Entry<M> {
        Entry {
            message: self.message.clone(),
            ..*self
        }
    }
}

impl<M> Entry<M> {
    /// `bytes` is the message's size.
    pub fn new(
        offset: u64,
        at: u64,
        except: Option<ClientId>,
        message: Arc<M>,
        bytes: usize,
    ) -> Entry<M> {
        Entry {
            offset,
            at,
            except,
            message,
            is_lost: false,
            bytes: (bytes + JOURNAL_ENTRY_BYTES) as u64,
        }
    }
}

/// The last messages of one topic.
pub(super) struct Kept<M> {
    /// The topic; shared with the file's thread.
    pub(super) name: Arc<str>,
    entries: VecDeque<Entry<M>>,
    bytes: u64,
    /// Every message of the topic behind this offset is here.
    floor: u64,
    /// Every message of the topic behind this offset is kept: here, or in the file, but for the hole.
    from: u64,
    /// The last message that is neither here nor in the file, and was to be.
    hole: u64,
    /// Its place among what was given out, where there is a file.
    pub(super) slot: u32,
    /// What it is known as there.
    pub(super) hash: u64,
    /// When it was last said something on it, as a count of such moments.
    pub(super) used: u64,
}

impl<M> Kept<M> {
    /// Nothing is kept; everything behind `from` will be, and up to `hole` something may be missing.
    pub(super) fn new(name: Arc<str>, from: u64, hole: u64) -> Kept<M> {
        Kept {
            name,
            entries: VecDeque::new(),
            bytes: 0,
            floor: from,
            from,
            hole,
            slot: 0,
            hash: 0,
            used: 0,
        }
    }

    /// The same, of a topic in a file of which what is behind `floor` will be pushed.
    pub(super) fn in_file(mut self, floor: u64) -> Kept<M> {
        self.floor = floor.max(self.from);
        self
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing of it is kept anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.from >= self.floor
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    pub(super) fn from(&self) -> u64 {
        self.from
    }

    pub(super) fn hole(&self) -> u64 {
        self.hole
    }

    /// Offset of the last message that is kept, or below which none will be.
    pub(super) fn last(&self) -> u64 {
        let last = self.entries.back().map_or(self.floor, |entry| entry.offset);
        last.max(self.hole)
    }

    /// Offset of the oldest message that is here.
    pub(super) fn front(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.offset)
    }

    /// Takes a message behind all others.
    pub(super) fn push(&mut self, entry: Entry<M>) {
        debug_assert!(self.floor < entry.offset, "offsets only grow");
        self.bytes += entry.bytes;
        self.entries.push_back(entry);
    }

    /// The message that was pushed last is not in the file.
    pub(super) fn lose_last(&mut self) {
        if let Some(last) = self.entries.back_mut() {
            last.is_lost = true;
        }
    }

    /// Messages between two offsets, both included, are not in the file.
    pub(super) fn lose(&mut self, first: u64, last: u64) {
        if first <= self.floor {
            self.hole = self.hole.max(last.min(self.floor));
        }
        for entry in &mut self.entries {
            entry.is_lost |= (first..=last).contains(&entry.offset);
        }
    }

    /// Lets go what is past the bounds at `now`, the oldest first.
    pub(super) fn trim(&mut self, bounds: &Bounds, now: u64) {
        let oldest = bounds.age.map_or(0, |age| {
            now.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
        });
        while let Some(first) = self.entries.front() {
            let is_within = self.entries.len() as u64 <= bounds.messages
                && self.bytes <= bounds.bytes
                && first.at >= oldest;
            if is_within {
                return;
            }
            self.drop_first();
            self.from = self.from.max(self.floor);
        }
        self.entries.shrink_to(0);
    }

    /// Lets go what is up to an offset.
    pub(super) fn let_go(&mut self, from: u64) {
        while self.front().is_some_and(|first| first <= from) {
            self.drop_first();
        }
        self.from = self.from.max(from);
        self.floor = self.floor.max(self.from);
    }

    /// Holds the oldest message no more: it is in the file, or lost.
    pub(super) fn evict_first(&mut self) {
        if self.entries.front().is_some_and(|first| first.is_lost) {
            self.hole = self.hole.max(self.front().unwrap_or(0));
        }
        self.drop_first();
    }

    fn drop_first(&mut self) {
        if let Some(first) = self.entries.pop_front() {
            self.bytes -= first.bytes;
            self.floor = first.offset;
        }
    }

    /// Where one stands who is to get the last `count` messages of those that are here; none where none is, or none is
    /// asked for.
    pub(super) fn before_last(&self, count: u64) -> Option<u64> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let skipped = self.entries.len().saturating_sub(count);
        self.entries.get(skipped).map(|entry| entry.offset - 1)
    }

    /// What is kept behind `offset`, the oldest first.
    pub(super) fn after(&self, offset: u64) -> impl Iterator<Item = &Entry<M>> {
        let at = self.entries.partition_point(|entry| entry.offset <= offset);
        self.entries.range(at..)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Bounds, Entry, Kept};
    use crate::limits::JOURNAL_ENTRY_BYTES;

    fn bounds(messages: u64, bytes: u64, age: Option<u64>) -> Bounds {
        Bounds {
            messages,
            bytes,
            age: age.map(Duration::from_millis),
            ..Bounds::default()
        }
    }

    fn kept(offsets: impl IntoIterator<Item = u64>) -> Kept<u64> {
        let mut kept = Kept::new("topic".into(), 0, 0);
        for offset in offsets {
            kept.push(Entry::new(offset, offset * 10, None, Arc::new(offset), 100));
        }
        kept
    }

    fn offsets(kept: &Kept<u64>, after: u64) -> Vec<u64> {
        kept.after(after).map(|entry| entry.offset).collect()
    }

    #[test]
    fn the_oldest_goes_by_number_bytes_and_age_and_the_floor_tells() {
        let mut by_number = kept([2, 3, 5, 8]);
        by_number.trim(&bounds(2, u64::MAX, None), 80);
        assert_eq!((offsets(&by_number, 0), by_number.floor()), (vec![5, 8], 3));

        let each = (100 + JOURNAL_ENTRY_BYTES) as u64;
        let mut by_bytes = kept([2, 3, 5, 8]);
        by_bytes.trim(&bounds(9, 3 * each, None), 80);
        assert_eq!(
            (offsets(&by_bytes, 0), by_bytes.floor()),
            (vec![3, 5, 8], 2)
        );
        assert_eq!(by_bytes.bytes(), 3 * each);

        let mut by_age = kept([2, 3, 5, 8]);
        by_age.trim(&bounds(9, u64::MAX, Some(50)), 100);
        assert_eq!((offsets(&by_age, 0), by_age.floor()), (vec![5, 8], 3));
    }

    #[test]
    fn what_is_larger_than_all_that_may_be_kept_is_not_kept_and_the_floor_tells() {
        let mut kept = kept([4]);
        kept.trim(&bounds(9, 10, None), 40);
        assert!(kept.is_empty());
        assert_eq!((kept.floor(), kept.last(), kept.bytes()), (4, 4, 0));
    }

    #[test]
    fn after_an_offset_come_those_behind_it_whether_or_not_it_is_one() {
        let kept = kept([2, 3, 5, 8]);
        for (after, expected) in [
            (0, &[2, 3, 5, 8][..]),
            (2, &[3, 5, 8]),
            (4, &[5, 8]),
            (8, &[]),
            (99, &[]),
        ] {
            assert_eq!(offsets(&kept, after), expected, "after {after}");
        }
    }

    #[test]
    fn the_last_few_begin_behind_the_one_before_them() {
        let kept = kept([2, 3, 5, 8]);
        assert_eq!(kept.before_last(0), None);
        assert_eq!(kept.before_last(1), Some(7));
        assert_eq!(kept.before_last(3), Some(2));
        assert_eq!(kept.before_last(u64::MAX), Some(1));
        assert_eq!(self::kept([]).before_last(1), None);
    }
}
