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
