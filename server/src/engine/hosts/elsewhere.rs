//! What is known of the other hosts. The thread `engine-hosts` tells it, any thread asks: locked for a look, nobody waits for
//! Redis.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, RwLock};

use crate::ids::{ClientId, HostNumber};
use crate::limits::{HOSTS_AGE, HOSTS_GONE, HOSTS_GONE_MAX, HOSTS_LOOK};

/// What is known of the hosts of one Redis, beside this one.
#[derive(Default)]
pub struct Elsewhere {
    known: RwLock<Arc<Known>>,
    /// Numbers that were asked for and that no host has, and since when that is known.
    nobodies: Mutex<HashMap<HostNumber, Instant>>,
}

/// The same, as it was read at one time.
#[derive(Default)]
pub struct Known {
    /// None where it never was.
    read_at: Option<Instant>,
    hosts: Vec<OtherHost>,
    /// There are no more than those.
    is_all: bool,
    /// Those that are not there any more, and since when.
    gone: HashMap<HostNumber, Instant>,
}

/// Another host.
#[derive(Clone, Debug)]
pub struct OtherHost {
    /// Its number.
    pub number: HostNumber,
    /// What its machine is called.
    pub machine: Arc<str>,
    /// What it shares, by path.
    pub(super) routes: HashMap<Box<str>, OtherRoute>,
}

/// A route of another host.
#[derive(Clone, Debug, Default)]
pub struct OtherRoute {
    /// Clients that it has there.
    pub clients: u64,
    /// Some of them, one by one.
    pub list: Arc<Listing>,
}

/// A list of clients.
#[derive(Debug, Default)]
pub struct Listing {
    /// Which of its host's it is.
    pub(super) number: u64,
    /// What it takes here.
    pub(super) bytes: usize,
    /// The clients.
    pub clients: Vec<Far>,
}

/// A client of another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Far {
    /// Its number there.
    pub client: ClientId,
    /// What its plugin says that it is called; empty where it says nothing.
    pub label: Box<str>,
    /// Its address as the log of its host has it.
    pub address: Box<str>,
    /// When it came, in seconds since 1970.
    pub since: u64,
}

impl Far {
    /// What it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Far>() + self.label.len() + self.address.len()
    }
}

/// What is known of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A host has it, or may come back; or nothing is known.
    There,
    /// Its host has gone, or it is nobody's: nothing reaches it.
    Gone,
    /// It was never seen.
    Unseen,
}

impl Elsewhere {
    /// What is known now; nothing where that is too old to be true.
    pub fn now(&self) -> Option<Arc<Known>> {
        let known = self.known.read();
        let read_at = known.read_at?;
        (read_at.elapsed() < HOSTS_AGE).then(|| known.clone())
    }

    /// Clients that other hosts have on the route of this path.
    pub fn count(&self, path: &str) -> u64 {
        self.now().map_or(0, |known| {
            known.of(path).map(|(_, route)| route.clients).sum()
        })
    }

    /// How it stands with the host of this number.
    pub(super) fn standing(&self, host: HostNumber) -> Standing {
        let Some(known) = self.now() else {
            return Standing::There;
        };
        if let Some(since) = known.gone.get(&host) {
            return match since.elapsed() >= HOSTS_GONE {
                true => Standing::Gone,
                false => Standing::There,
            };
        }
        let is_there = |of: &OtherHost| of.number == host;
        if !known.is_all || known.hosts.iter().any(is_there) {
            return Standing::There;
        }
        let since = self.nobodies.lock().get(&host).copied();
        match since.is_some_and(|since| since.elapsed() < HOSTS_LOOK) {
            true => Standing::Gone,
            false => Standing::Unseen,
        }
    }

    /// No host has this number, as the list says that was just read.
    pub(super) fn note_nobody(&self, host: HostNumber) {
        let mut nobodies = self.nobodies.lock();
        if nobodies.len() >= HOSTS_GONE_MAX {
            nobodies.clear();
        }
        nobodies.insert(host, Instant::now());
    }

    /// These hosts are there; and no others, where they are all.
    pub(super) fn set(&self, hosts: Vec<OtherHost>, is_all: bool) {
        let now = Instant::now();
        let before = self.known.read().clone();
        let mut gone = before.gone.clone();
        for host in &before.hosts {
            gone.entry(host.number).or_insert(now);
        }
        for host in &hosts {
            gone.remove(&host.number);
        }
        while gone.len() > HOSTS_GONE_MAX
            && let Some(oldest) = gone.iter().min_by_key(|(_, since)| **since)
        {
            let oldest = *oldest.0;
            gone.remove(&oldest);
        }
        *self.known.write() = Arc::new(Known {
            read_at: Some(now),
            hosts,
            is_all,
            gone,
        });
    }
}

impl Known {
    /// All other hosts.
    pub(super) fn hosts(&self) -> &[OtherHost] {
        &self.hosts
    }

    /// Those that share the route of this path.
    pub fn of<'k>(
        &'k self,
        path: &'k str,
    ) -> impl Iterator<Item = (&'k OtherHost, &'k OtherRoute)> {
        let hosts = self.hosts.iter();
        hosts.filter_map(move |host| Some((host, host.routes.get(path)?)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::{Elsewhere, Known, OtherHost, OtherRoute, Standing};
    use crate::ids::HostNumber;
    use crate::limits::{HOSTS_AGE, HOSTS_GONE, HOSTS_GONE_MAX, HOSTS_LOOK};

    fn host(number: u32, clients: u64) -> OtherHost {
        let route = OtherRoute {
            clients,
            ..OtherRoute::default()
        };
        OtherHost {
            number: HostNumber(number),
            machine: "m".into(),
            routes: [("/a".into(), route)].into(),
        }
    }

    /// Lets what is known become so much older.
    fn age(elsewhere: &Elsewhere, time: Duration) {
        let known = elsewhere.known.read().clone();
        let before = |at: Instant| at.checked_sub(time).expect("the machine runs for longer");
        let mut nobodies = elsewhere.nobodies.lock();
        nobodies.values_mut().for_each(|at| *at = before(*at));
        *elsewhere.known.write() = Arc::new(Known {
            read_at: known.read_at.map(before),
            hosts: known.hosts.clone(),
            is_all: known.is_all,
            gone: known
                .gone
                .iter()
                .map(|(of, at)| (*of, before(*at)))
                .collect(),
        });
    }

    #[test]
    fn clients_of_all_other_hosts_count_until_that_is_too_long_ago() {
        let elsewhere = Elsewhere::default();
        assert_eq!(elsewhere.count("/a"), 0);
        elsewhere.set(vec![host(1, 3), host(2, 4)], true);
        assert_eq!((elsewhere.count("/a"), elsewhere.count("/b")), (7, 0));
        age(&elsewhere, HOSTS_AGE);
        assert_eq!(elsewhere.count("/a"), 0, "nobody knows any more");
        assert_eq!(elsewhere.standing(HostNumber(1)), Standing::There);
    }

    #[test]
    fn a_host_has_gone_when_it_was_there_and_stays_away() {
        let elsewhere = Elsewhere::default();
        let standing = |number| elsewhere.standing(HostNumber(number));
        elsewhere.set(vec![host(1, 3), host(2, 4)], true);
        elsewhere.set(vec![host(2, 4)], true);
        assert_eq!(elsewhere.count("/a"), 4, "at once");
        assert_eq!(standing(1), Standing::There, "it may come back");
        age(&elsewhere, HOSTS_GONE);
        assert_eq!(standing(1), Standing::Gone);
        assert_eq!(standing(2), Standing::There);
        elsewhere.set(vec![host(1, 3)], true);
        assert_eq!(standing(1), Standing::There, "it is back");
    }

    #[test]
    fn a_number_that_no_host_has_is_nobodys_until_it_is_asked_for_anew() {
        let elsewhere = Elsewhere::default();
        let standing = |number| elsewhere.standing(HostNumber(number));
        assert_eq!(standing(3), Standing::There, "nothing is known");
        elsewhere.set(vec![host(2, 4)], true);
        assert_eq!(standing(3), Standing::Unseen);
        elsewhere.note_nobody(HostNumber(3));
        assert_eq!(
            (standing(3), standing(4)),
            (Standing::Gone, Standing::Unseen)
        );
        age(&elsewhere, HOSTS_LOOK);
        assert_eq!(standing(3), Standing::Unseen, "it may have come since");
        elsewhere.note_nobody(HostNumber(3));
        elsewhere.set(vec![host(2, 4), host(3, 1)], true);
        assert_eq!(standing(3), Standing::There);
        // Of more than are looked at nobody knows which are there.
        elsewhere.set(vec![host(2, 4)], false);
        assert_eq!(standing(4), Standing::There);
        elsewhere.set(vec![host(2, 4)], true);
        for number in 10..10 + 2 * HOSTS_GONE_MAX as u32 {
            elsewhere.note_nobody(HostNumber(number));
        }
        assert!(elsewhere.nobodies.lock().len() <= HOSTS_GONE_MAX);
    }
}
