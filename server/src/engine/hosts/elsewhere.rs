//! What is known of the other hosts. The thread `engine-hosts` tells it, any thread asks: locked for a look, nobody waits for
//! Redis.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::RwLock;

use crate::ids::{ClientId, HostNumber};
use crate::limits::{HOSTS_AGE, HOSTS_GONE, HOSTS_GONE_MAX};

/// What is known of the hosts of one Redis, beside this one.
#[derive(Default)]
pub struct Elsewhere(RwLock<Arc<Known>>);

/// The same, as it was read at one time.
#[derive(Default)]
pub struct Known {
    /// None where it never was.
    read_at: Option<Instant>,
    hosts: Vec<OtherHost>,
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

impl Elsewhere {
    /// What is known now; nothing where that is too old to be true.
    pub fn now(&self) -> Option<Arc<Known>> {
        let known = self.0.read();
        let read_at = known.read_at?;
        (read_at.elapsed() < HOSTS_AGE).then(|| known.clone())
    }

    /// Clients that other hosts have on the route of this path.
    pub fn count(&self, path: &str) -> u64 {
        self.now().map_or(0, |known| {
            known.of(path).map(|(_, route)| route.clients).sum()
        })
    }

    /// Whether a host was there and has gone, so that nothing reaches it any more.
    pub fn has_gone(&self, host: HostNumber) -> bool {
        self.now().is_some_and(|known| {
            let since = known.gone.get(&host);
            since.is_some_and(|since| since.elapsed() >= HOSTS_GONE)
        })
    }

    /// These hosts are there, and no others.
    pub(super) fn set(&self, hosts: Vec<OtherHost>) {
        let now = Instant::now();
        let before = self.0.read().clone();
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
        *self.0.write() = Arc::new(Known {
            read_at: Some(now),
            hosts,
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

    use super::{Elsewhere, Known, OtherHost, OtherRoute};
    use crate::ids::HostNumber;
    use crate::limits::{HOSTS_AGE, HOSTS_GONE};

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
        let known = elsewhere.0.read().clone();
        let before = |at: Instant| at.checked_sub(time).expect("the machine runs for longer");
        *elsewhere.0.write() = Arc::new(Known {
            read_at: known.read_at.map(before),
            hosts: known.hosts.clone(),
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
        elsewhere.set(vec![host(1, 3), host(2, 4)]);
        assert_eq!((elsewhere.count("/a"), elsewhere.count("/b")), (7, 0));
        age(&elsewhere, HOSTS_AGE);
        assert_eq!(elsewhere.count("/a"), 0, "nobody knows any more");
        assert!(!elsewhere.has_gone(HostNumber(1)));
    }

    #[test]
    fn a_host_has_gone_when_it_was_there_and_stays_away() {
        let elsewhere = Elsewhere::default();
        elsewhere.set(vec![host(1, 3), host(2, 4)]);
        elsewhere.set(vec![host(2, 4)]);
        assert_eq!(elsewhere.count("/a"), 4, "at once");
        assert!(!elsewhere.has_gone(HostNumber(1)), "it may come back");
        age(&elsewhere, HOSTS_GONE);
        assert!(elsewhere.has_gone(HostNumber(1)));
        assert!(!elsewhere.has_gone(HostNumber(2)));
        assert!(!elsewhere.has_gone(HostNumber(3)), "it was never seen");
        elsewhere.set(vec![host(1, 3)]);
        assert!(!elsewhere.has_gone(HostNumber(1)), "it is back");
    }
}
