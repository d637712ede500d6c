//! The last lines of the log, for whoever looks at the server through something else than the log.
//!
//! The thread `log` puts them in where somebody may look, threads of the admin listener read them. Bounded in lines
//! and in bytes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::limits::{LOG_TAIL_BYTES, LOG_TAIL_LINES};

static IS_KEPT: AtomicBool = AtomicBool::new(false);

static TAIL: Mutex<Tail> = Mutex::new(Tail {
    lines: VecDeque::new(),
    bytes: 0,
});

struct Tail {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
}

/// Whether lines are kept from now on; those that were are dropped where they are not.
pub fn keep(is_kept: bool) {
    IS_KEPT.store(is_kept, Ordering::Relaxed);
    if !is_kept {
        let mut tail = TAIL.lock();
        tail.lines = VecDeque::new();
        tail.bytes = 0;
    }
}

/// A line that is written, with its end.
pub(super) fn push(line: &[u8]) {
    if IS_KEPT.load(Ordering::Relaxed) {
        TAIL.lock().push(line);
    }
}

/// The last lines, the newest at the end.
pub fn text() -> String {
    let tail = TAIL.lock();
    let all: Vec<u8> = tail
        .lines
        .iter()
        .flat_map(|line| line.iter().copied())
        .collect();
    String::from_utf8_lossy(&all).into_owned()
}

impl Tail {
    fn push(&mut self, line: &[u8]) {
        self.bytes += line.len();
        self.lines.push_back(line.into());
        while self.lines.len() > LOG_TAIL_LINES || self.bytes > LOG_TAIL_BYTES {
            let first = self.lines.pop_front();
            self.bytes -= first.map_or(self.bytes, |line| line.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;
    use crate::limits::{LOG_TAIL_BYTES, LOG_TAIL_LINES};
    use std::collections::VecDeque;

    #[test]
    fn neither_many_lines_nor_long_ones_are_kept() {
        let mut tail = Tail {
            lines: VecDeque::new(),
            bytes: 0,
        };
        (0..2 * LOG_TAIL_LINES).for_each(|_| tail.push(b"line\n"));
        assert_eq!(
            (tail.lines.len(), tail.bytes),
            (LOG_TAIL_LINES, 5 * LOG_TAIL_LINES)
        );
        let long = vec![b'x'; LOG_TAIL_BYTES / 3];
        (0..10).for_each(|_| tail.push(&long));
        assert_eq!((tail.lines.len(), tail.bytes), (3, 3 * long.len()));
        tail.push(&vec![b'x'; 2 * LOG_TAIL_BYTES]);
        assert_eq!((tail.lines.len(), tail.bytes), (0, 0));
    }
}
