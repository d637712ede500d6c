//! What requests call topics, and how many listen to each.
//!
//! Connection threads; the table is locked for a look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use plugin_api::Request;

/// The topic of the path that names none.
pub(crate) const HOME: &str = "/";

/// Topics that one request may name.
const TOPICS_MAX: usize = 64;

/// Topics that a page shows.
const SHOWN_MAX: usize = 200;

/// Bytes of a topic's name.
const NAME_BYTES_MAX: usize = 255;

/// The topics that a request is about: that of its path and those of `?topic=`, each once, or else
/// [`HOME`].
///
/// # Errors
/// What is wrong with one of them.
pub(crate) fn of(request: &Request) -> Result<Vec<Arc<str>>, String> {
    let mut topics: Vec<Arc<str>> = Vec::new();
    let in_path = request.param("topic").map(Into::into);
    let in_query = values(request, "topic");
    for topic in in_path.into_iter().chain(in_query) {
        check(&topic)?;
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    if topics.len() > TOPICS_MAX {
        return Err(format!("more than {TOPICS_MAX} topics"));
    }
    if topics.is_empty() {
        topics.push(HOME.into());
    }
    Ok(topics)
}

/// The values of one name in the query, decoded.
pub(crate) fn values(request: &Request, name: &str) -> Vec<Arc<str>> {
    let pairs = form_urlencoded::parse(request.query_string().unwrap_or_default().as_bytes());
    let values = pairs.filter(|(key, _)| key == name);
    values.map(|(_, value)| (*value).into()).collect()
}

/// Says what is wrong with the name of a topic.
pub(crate) fn check(topic: &str) -> Result<(), String> {
    if topic.is_empty() || topic.len() > NAME_BYTES_MAX {
        return Err(format!("a topic has 1 to {NAME_BYTES_MAX} bytes"));
    }
    if topic.chars().any(char::is_control) {
        return Err("a topic has no control characters".to_owned());
    }
    if topic.starts_with('/') && topic != HOME {
        return Err(
            "a topic does not begin with `/`, and `/` is that of the path itself".to_owned(),
        );
    }
    Ok(())
}

/// How many listen to each topic that somebody listens to.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<HashMap<Arc<str>, u64>>);

impl Listeners {
    pub(crate) fn add(&self, topics: &[Arc<str>]) {
        let mut counts = self.lock();
        for topic in topics {
            *counts.entry(topic.clone()).or_default() += 1;
        }
    }

    pub(crate) fn remove(&self, topics: &[Arc<str>]) {
        let mut counts = self.lock();
        for topic in topics {
            if let Some(count) = counts.get_mut(topic) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(topic);
                }
            }
        }
    }

    /// All of them by name, at most [`SHOWN_MAX`].
    pub(crate) fn all(&self) -> Vec<(String, u64)> {
        let counts = self.lock();
        let mut all: Vec<_> = counts
            .iter()
            .map(|(topic, count)| (topic.to_string(), *count))
            .collect();
        drop(counts);
        all.sort_unstable();
        all.truncate(SHOWN_MAX);
        all
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, u64>> {
        // Each change leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
