//! What this host has on the routes that it shares, and what of it the others have not been told. Of the thread
//! `engine-hosts`.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::desk::OwnRoute;
use super::elsewhere::{Far, Listing};
use super::word::{RouteWord, Word, list_to_json};
use crate::limits::{
    HOST_LISTED_MAX, HOST_LISTS_WRITTEN, HOST_LOOK_LEAST, HOST_LOOK_PART, HOSTS_LOOK,
};

/// What is known of the routes of this host.
pub(super) struct Own {
    /// Written to Redis with this connection.
    told: Option<Word>,
    lists: HashMap<Arc<str>, OwnList>,
    machine: String,
}

/// The list of one path.
#[derive(Default)]
struct OwnList {
    /// Of what stands there; none where nothing does.
    hash: Option<u64>,
    number: u64,
    bytes: usize,
    /// When to look again.
    due: Option<Instant>,
}

/// What is to be told.
#[derive(Default)]
pub(super) struct News {
    pub(super) word: Word,
    /// It is not what was told last.
    pub(super) is_new: bool,
    /// Lists that are to be written.
    pub(super) lists: Vec<(Arc<str>, Vec<u8>)>,
    /// Those that stand there and are to stay.
    pub(super) kept: Vec<Arc<str>>,
    /// Those of routes that are shared no more.
    pub(super) ended: Vec<Arc<str>>,
}

impl Own {
    pub(super) fn new(machine: String) -> Own {
        Own {
            told: None,
            lists: HashMap::new(),
            machine,
        }
    }

    /// The routes of which lists stand in Redis.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.lists.keys().map(|path| &**path)
    }

    /// Nothing of it stands in Redis, as far as is known.
    pub(super) fn forget(&mut self) {
        self.told = None;
        self.lists.values_mut().for_each(OwnList::forget);
    }

    /// A list does not stand there.
    pub(super) fn forget_list(&mut self, path: &str) {
        if let Some(list) = self.lists.get_mut(path) {
            list.forget();
        }
    }

    /// Redis has it.
    pub(super) fn note_told(&mut self, word: Word) {
        self.told = Some(word);
    }

    /// Looks at what there is.
    pub(super) fn look(&mut self, routes: &[OwnRoute]) -> News {
        let mut news = News::default();
        let mut paths: BTreeMap<Arc<str>, Vec<&OwnRoute>> = BTreeMap::new();
        for route in routes {
            paths.entry(route.path.clone()).or_default().push(route);
        }
        let ended = self.lists.extract_if(|path, _| !paths.contains_key(path));
        news.ended.extend(ended.map(|(path, _)| path));
        news.word.machine.clone_from(&self.machine);
        for (path, routes) in paths {
            let list = self.lists.entry(path.clone()).or_default();
            match list.look(&routes) {
                Some(json) => news.lists.push((path.clone(), json)),
                None => news.kept.push(path.clone()),
            }
            let counts = routes
                .iter()
                .map(|of| of.here.count.load(Ordering::Relaxed));
            let word = RouteWord {
                clients: counts.sum(),
                list: list.number,
                list_bytes: list.bytes,
            };
            news.word.routes.insert((*path).into(), word);
        }
        news.is_new = self.told.as_ref() != Some(&news.word);
        news
    }
}

impl OwnList {
    fn forget(&mut self) {
        self.hash = None;
        self.due = None;
    }

    /// What is to stand there from now on, where that is something else.
    fn look(&mut self, routes: &[&OwnRoute]) -> Option<Vec<u8>> {
        let start = Instant::now();
        if self.due.is_some_and(|due| start < due) {
            return None;
        }
        let hash = hash(routes);
        let json = (self.hash != Some(hash)).then(|| {
            self.number += 1;
            list_to_json(&Listing {
                number: self.number,
                clients: list(routes),
                ..Listing::default()
            })
        });
        self.hash = Some(hash);
        let written = json.as_ref().map_or(0, Vec::len);
        if json.is_some() {
            self.bytes = written;
        }
        // Neither a crowd nor its list may take more than a small part of what there is.
        let of_bytes = Duration::from_secs_f64(written as f64 / HOST_LISTS_WRITTEN as f64);
        let of_look = (HOST_LOOK_PART * start.elapsed()).min(HOST_LOOK_LEAST);
        let wait = of_bytes.max(of_look);
        // The next look is about that much later, and is not to be missed by a moment.
        self.due = (wait > HOSTS_LOOK).then(|| start + wait);
        json
    }
}

/// Of who is there, and what they are called.
fn hash(routes: &[&OwnRoute]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for route in routes {
        (route.here.each)(&mut |client, outbox| {
            client.hash(&mut hasher);
            outbox.label().hash(&mut hasher);
        });
    }
    hasher.finish()
}

fn list(routes: &[&OwnRoute]) -> Vec<Far> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    let mut clients = Vec::new();
    for route in routes {
        (route.here.each)(&mut |client, outbox| {
            if clients.len() < HOST_LISTED_MAX {
                clients.push(Far {
                    client,
                    label: outbox.label().as_deref().unwrap_or_default().into(),
                    address: outbox.shown_address().into(),
                    since: now.saturating_sub(outbox.figures().age.as_secs()),
                });
            }
        });
    }
    clients
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::{Own, OwnRoute};
    use crate::engine::hosts::desk::Here;
    use crate::engine::hosts::word::read_list;
    use crate::ids::{ClientId, RouteId};
    use crate::limits::{HOST_LISTED_MAX, HOST_LISTS_WRITTEN, HOSTS_LOOK};
    use crate::outbox::Outbox;
    use crate::outbox::drain::Drain;

    fn outbox(drain: &Drain) -> Arc<Outbox> {
        let (socket, _) = UnixStream::pair().expect("two descriptors");
        let socket = TcpStream::from(OwnedFd::from(socket));
        Outbox::new(socket, ClientId(1), drain.handle())
    }

    /// A route with so many clients, all of which are written to by one outbox.
    fn route(id: u32, path: &str, clients: u64, outbox: &Arc<Outbox>) -> OwnRoute {
        let outbox = outbox.clone();
        OwnRoute {
            id: RouteId(id),
            path: path.into(),
            here: Here {
                count: Arc::new(AtomicU64::new(clients)),
                each: Box::new(move |show| {
                    (1..=clients).for_each(|client| show(ClientId(client), &outbox));
                }),
            },
        }
    }

    #[test]
    fn what_has_changed_is_told_and_what_has_not_is_not() {
        let drain = Drain::start().expect("a thread");
        let outbox = outbox(&drain);
        let routes = [route(1, "/a", 2, &outbox), route(2, "/b", 1, &outbox)];
        let mut own = Own::new("m".to_owned());
        let first = own.look(&routes);
        assert!(first.is_new && first.lists.len() == 2 && first.kept.is_empty());
        own.note_told(first.word.clone());
        // On a busy machine the look itself takes so long that the next one waits.
        let look = |own: &mut Own, routes: &[OwnRoute]| {
            own.lists.values_mut().for_each(|list| list.due = None);
            own.look(routes)
        };
        let second = look(&mut own, &routes);
        assert!(!second.is_new && second.lists.is_empty() && second.kept.len() == 2);
        outbox.set_label("ann".into());
        let third = look(&mut own, &routes[..1]);
        assert!(third.is_new && third.kept.is_empty());
        assert_eq!(
            third.ended.iter().map(|path| &**path).collect::<Vec<_>>(),
            ["/b"]
        );
        let list = read_list(&third.lists[0].1).expect("a list");
        assert_eq!(
            (list.number, list.clients.len(), &*list.clients[0].label),
            (2, 2, "ann")
        );
        assert_eq!(third.word.routes["/a"].list, 2);
        own.forget();
        assert!(own.look(&routes[..1]).is_new, "it is not there any more");
        drain.end();
    }

    /// A path that is served by one route and was by another, whose last clients are leaving.
    #[test]
    fn two_routes_of_one_path_are_one() {
        let drain = Drain::start().expect("a thread");
        let outbox = outbox(&drain);
        let news = Own::new("m".to_owned())
            .look(&[route(1, "/a", 2, &outbox), route(2, "/a", 3, &outbox)]);
        assert_eq!(news.word.routes["/a"].clients, 5);
        assert_eq!(
            read_list(&news.lists[0].1).expect("a list").clients.len(),
            5
        );
        drain.end();
    }

    #[test]
    fn a_crowd_is_counted_listed_in_part_and_looked_at_more_seldom() {
        let drain = Drain::start().expect("a thread");
        let outbox = outbox(&drain);
        outbox.set_label("x".repeat(64).into());
        let crowd = HOST_LISTED_MAX as u64 + 5;
        let routes = [route(1, "/a", crowd, &outbox)];
        let mut own = Own::new("m".to_owned());
        let news = own.look(&routes);
        assert_eq!(news.word.routes["/a"].clients, crowd);
        let json = &news.lists[0].1;
        assert_eq!(
            read_list(json).expect("a list").clients.len(),
            HOST_LISTED_MAX
        );
        assert!(json.len() > HOST_LISTS_WRITTEN);
        let due = own.lists["/a"].due.expect("not in the next second");
        assert!(due.elapsed().is_zero() && due > std::time::Instant::now());
        outbox.set_label("y".into());
        assert!(
            own.look(&routes).lists.is_empty(),
            "its turn comes later than in {HOSTS_LOOK:?}"
        );
        drain.end();
    }
}
