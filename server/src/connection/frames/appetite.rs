//! How large a buffer a client's traffic needs: small while it is silent, so that an idle client costs
//! little memory, and larger while it sends much, so that it costs few reads.

use crate::limits::{
    READ_BUFFER_BYTES_LEAST, READ_BUFFER_BYTES_MOST, READ_BUFFER_STEP, READS_BEFORE_SHRINKING,
};

/// A buffer's size, now and wanted.
#[derive(Debug)]
pub(super) struct Appetite {
    bytes: usize,
    wanted: usize,
    /// Reads in a row that a much smaller buffer would have been enough for.
    small_reads: u32,
}

impl Default for Appetite {
    fn default() -> Appetite {
        Appetite {
            bytes: READ_BUFFER_BYTES_LEAST,
            wanted: READ_BUFFER_BYTES_LEAST,
            small_reads: 0,
        }
    }
}

impl Appetite {
    /// A read has put `count` bytes into a buffer with `room`.
    pub(super) fn note(&mut self, count: usize, room: usize) {
        if count == room {
            self.wanted = (self.bytes * READ_BUFFER_STEP).min(READ_BUFFER_BYTES_MOST);
            self.small_reads = 0;
        } else if self.bytes > READ_BUFFER_BYTES_LEAST {
            let is_small = count * 2 * READ_BUFFER_STEP < self.bytes;
            self.small_reads = if is_small { self.small_reads + 1 } else { 0 };
            if self.small_reads == READS_BEFORE_SHRINKING {
                self.wanted = (self.bytes / READ_BUFFER_STEP)
                    .clamp(READ_BUFFER_BYTES_LEAST, READ_BUFFER_BYTES_MOST);
                self.small_reads = 0;
            }
        }
    }

    /// tungstenite has made the buffer larger for one message: another one is due behind that.
    pub(super) fn has_grown_to(&mut self, bytes: usize) {
        self.bytes = self.bytes.max(bytes);
    }

    /// Whether the buffer is the largest that a client gets.
    pub(super) fn is_largest(&self) -> bool {
        self.bytes >= READ_BUFFER_BYTES_MOST
    }

    /// The client is silent.
    pub(super) fn rest(&mut self) {
        self.wanted = READ_BUFFER_BYTES_LEAST;
    }

    /// Whether another size is wanted.
    pub(super) fn has_changed(&self) -> bool {
        self.wanted != self.bytes
    }

    /// The size that is wanted, which the buffer has from now on.
    pub(super) fn take(&mut self) -> usize {
        self.bytes = self.wanted;
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Appetite;
    use crate::limits::{
        READ_BUFFER_BYTES_LEAST, READ_BUFFER_BYTES_MOST, READ_BUFFER_STEP, READS_BEFORE_SHRINKING,
    };

    #[test]
    fn it_grows_with_full_reads_and_shrinks_with_small_ones() {
        let mut appetite = Appetite::default();
        for _ in 0..10 {
            appetite.note(appetite.bytes, appetite.bytes);
            appetite.take();
        }
        assert_eq!(appetite.bytes, READ_BUFFER_BYTES_MOST);
        for _ in 0..10_000 {
            appetite.note(70, appetite.bytes);
            appetite.take();
        }
        assert_eq!(appetite.bytes, READ_BUFFER_BYTES_LEAST);
    }

    /// Cause: mutants survived that gave half a buffer back to who fills nearly all of that half.
    #[test]
    fn it_keeps_what_reads_still_fill_a_good_part_of() {
        let step = READ_BUFFER_BYTES_MOST / READ_BUFFER_STEP;
        for (count, is_kept) in [(step, true), (step / 2, true), (step / 2 - 1, false)] {
            let mut appetite = Appetite {
                bytes: READ_BUFFER_BYTES_MOST,
                wanted: READ_BUFFER_BYTES_MOST,
                small_reads: 0,
            };
            for read in 1..=READS_BEFORE_SHRINKING {
                assert!(!appetite.has_changed(), "{count} bytes, read {read}");
                appetite.note(count, appetite.bytes);
            }
            assert_eq!(!appetite.has_changed(), is_kept, "{count} bytes");
            if !is_kept {
                assert_eq!(appetite.take(), step);
            }
        }
    }

    /// One larger read in between, and what came before it counts no more.
    #[test]
    fn only_small_reads_in_a_row_make_it_smaller() {
        let mut appetite = Appetite {
            bytes: READ_BUFFER_BYTES_MOST,
            wanted: READ_BUFFER_BYTES_MOST,
            small_reads: 0,
        };
        for read in 1..10 * READS_BEFORE_SHRINKING {
            let is_large = read % (READS_BEFORE_SHRINKING - 1) == 0;
            let count = if is_large { appetite.bytes / 2 } else { 1 };
            appetite.note(count, appetite.bytes);
            assert!(!appetite.has_changed(), "read {read}");
        }
    }

    /// Cause: a mutant survived in which nobody learnt that tungstenite had made a buffer larger.
    #[test]
    fn what_grew_for_one_message_is_to_be_what_it_was() {
        let mut appetite = Appetite::default();
        appetite.has_grown_to(10 * READ_BUFFER_BYTES_MOST);
        assert!(appetite.has_changed() && appetite.is_largest());
        assert_eq!(appetite.take(), READ_BUFFER_BYTES_LEAST);
    }

    #[test]
    fn silence_makes_it_small_at_once() {
        let mut appetite = Appetite::default();
        appetite.note(100, 100);
        assert!(appetite.has_changed());
        appetite.take();
        appetite.rest();
        assert!(appetite.has_changed());
        assert_eq!(appetite.take(), READ_BUFFER_BYTES_LEAST);
    }
}
