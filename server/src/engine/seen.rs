//! What every host has said last in a stream, so that nobody hears twice what was sent twice. Of the thread `engine-in`.
//!
//! A host numbers what it says and puts it in in that order. Where it does not know whether something has arrived, it sends
//! it again, and all behind it: so a number that is not above the last one is there already.

use std::collections::HashMap;

use crate::ids::ByNumber;
use crate::limits::STREAM_HOSTS_MAX;

#[derive(Default)]
pub(super) struct Seen {
    /// By run of a server: the last number, and when it came, counted in entries.
    hosts: HashMap<u64, (u64, u64), ByNumber>,
    entries: u64,
}

impl Seen {
    /// Takes note of an entry; false where it was there already.
    pub(super) fn is_new(&mut self, host: u64, number: u64) -> bool {
        self.entries += 1;
        let entries = self.entries;
        let (last, at) = self.hosts.entry(host).or_insert((0, entries));
        if number <= *last {
            return false;
        }
        (*last, *at) = (number, entries);
        if self.hosts.len() > STREAM_HOSTS_MAX {
            let oldest = self.hosts.iter().min_by_key(|(_, (_, at))| *at);
            if let Some(oldest) = oldest.map(|(host, _)| *host) {
                self.hosts.remove(&oldest);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;
    use crate::limits::STREAM_HOSTS_MAX;

    #[test]
    fn what_was_sent_twice_is_heard_once_whatever_stands_between() {
        let mut seen = Seen::default();
        let came = [
            (1, 1),
            (2, 1),
            (1, 2),
            (1, 1),
            (1, 2),
            (1, 3),
            (2, 1),
            (2, 2),
        ];
        let new = came.map(|(host, number)| seen.is_new(host, number));
        assert_eq!(new, [true, true, true, false, false, true, false, true]);
    }

    #[test]
    fn of_too_many_hosts_the_one_goes_that_was_silent_the_longest() {
        let mut seen = Seen::default();
        for host in 0..STREAM_HOSTS_MAX as u64 {
            assert!(seen.is_new(host, 1));
        }
        assert!(seen.is_new(0, 2));
        assert!(seen.is_new(u64::MAX, 1));
        assert!(!seen.is_new(0, 2), "it has spoken since");
        assert!(seen.is_new(1, 1), "nothing is known of it any more");
        assert_eq!(seen.hosts.len(), STREAM_HOSTS_MAX);
    }
}
