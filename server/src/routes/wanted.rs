//! The routes that the settings and the libraries in the folder ask for.
//!
//! Main thread; plain data. What cannot be served is told by whose fault it is: the settings', of which a
//! reload takes all or nothing, or a library's, which is passed over.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use matchit::{InsertError, Router};
use serde_json::Value;

use super::table::RouteTable;
use crate::config::{ClientSettings, RouteSettings, Settings};
use crate::engine::Terms;
use crate::journal::Bounds;
use crate::plugin::{Demands, Found, Library};

/// A route as it should be.
pub(super) struct Wanted<'s> {
    pub(super) path: String,
    pub(super) more_paths: Vec<String>,
    pub(super) library: Arc<Library>,
    /// Options of its plugin, as JSON.
    pub(super) config: String,
    pub(super) client: Arc<ClientSettings>,
    pub(super) subprotocols: Option<Vec<String>>,
    pub(super) has_event_stream: bool,
    /// The settings ask for it only now: where it cannot be made, they are wrong.
    pub(super) is_news: bool,
    /// Where it is asked for, in front of what is wrong with it.
    place: String,
    settings: &'s Settings,
    /// Its `[[route]]`; none for a plugin on its own path.
    asked: Option<&'s RouteSettings>,
}

impl Wanted<'_> {
    /// How much is kept of what is said on it.
    pub(super) fn journal(&self) -> Bounds {
        self.asked
            .map_or_else(Bounds::default, |route| route.journal.bounds)
    }

    /// How it is shared with other hosts, if it is.
    pub(super) fn shared(&self) -> Option<Terms> {
        let route = self.asked.filter(|route| route.is_shared)?;
        let terms = self.settings.redis.clone()?;
        Some(Terms {
            when_away: route.when_away.unwrap_or(terms.when_away),
            ..terms
        })
    }

    /// In which file that is; in memory without one.
    pub(super) fn journal_file(&self) -> Option<PathBuf> {
        let file = self.asked?.journal.file.as_ref()?;
        Some(self.settings.folder().join(file))
    }
}

/// Something that cannot be served, as a sentence.
pub(super) struct Unusable {
    pub(super) text: String,
    /// Because of the settings, not of a library.
    pub(super) is_news: bool,
}

/// What holds and is served until a reload.
#[derive(Clone, Copy)]
pub(super) struct Before<'s> {
    pub(super) settings: &'s Settings,
    pub(super) routes: &'s RouteTable,
}

/// What the settings ask of a library's file, and as many libraries as `loads` says.
pub(super) fn demands(settings: &Settings, (loads_max, loads_limit): (usize, String)) -> Demands {
    Demands {
        strict_modes: settings.strict_modes,
        loads_max,
        loads_limit,
    }
}

/// The routes that can be served, and why others cannot: each `[[route]]`, and every plugin that
/// none of them names on its own path. A route whose library has become unusable is wanted as it was
/// `before` a reload.
pub(super) fn wanted<'s>(
    settings: &'s Settings,
    found: &Found,
    before: Option<Before<'_>>,
) -> (Vec<Wanted<'s>>, Vec<Unusable>) {
    let mut plan = Plan {
        settings,
        before,
        wanted: BTreeMap::new(),
        router: Router::new(),
        unusable: Vec::new(),
    };
    for route in &settings.routes {
        plan.add_configured(route, found);
    }
    for library in found.libraries.values() {
        if is_default(settings, &library.name) {
            plan.add_default(library);
        }
    }
    for name in settings.options.plugins() {
        if !found.libraries.contains_key(name) {
            plan.unusable.push(Unusable {
                text: format!("--set {name}: no plugin of that name is loaded"),
                is_news: false,
            });
        }
    }
    (plan.wanted.into_values().collect(), plan.unusable)
}

/// Whether the plugin is served on its own path.
fn is_default(settings: &Settings, plugin: &str) -> bool {
    settings.default_routes && !settings.routes.iter().any(|route| route.plugin == plugin)
}

struct Plan<'s, 'b> {
    settings: &'s Settings,
    before: Option<Before<'b>>,
    /// By path.
    wanted: BTreeMap<String, Wanted<'s>>,
    /// The same paths, to tell which match the same.
    router: Router<()>,
    unusable: Vec<Unusable>,
}

impl<'s> Plan<'s, '_> {
    /// A `[[route]]` with the library of its plugin.
    fn add_configured(&mut self, route: &'s RouteSettings, found: &Found) {
        let usable = library_of(route, found);
        let old = self.before.and_then(|before| before.asked(route));
        let library = match usable {
            Ok(library) => Some(library),
            Err(why) => {
                let served = old
                    .and(self.before)
                    .and_then(|before| before.library(route));
                let goes_on = served.as_ref().map_or("", |_| "; the one at work goes on");
                let place = self.settings.place(route);
                self.unusable.push(Unusable {
                    text: format!("{place}: route {}: {why}{goes_on}", route.path),
                    is_news: old.is_none(),
                });
                served
            }
        };
        let Some(library) = library else { return };
        // Their paths have been found to be different when the settings were read.
        for path in std::iter::once(&route.path).chain(&route.more_paths) {
            self.router.insert(path.as_str(), ()).ok();
        }
        let wanted = Wanted {
            path: route.path.clone(),
            more_paths: route.more_paths.clone(),
            has_event_stream: route.event_stream.unwrap_or(library.has_event_stream),
            library,
            config: Value::Object(route.options.clone()).to_string(),
            client: route.client.clone(),
            subprotocols: route.subprotocols.clone(),
            is_news: old.is_none_or(|old| old.options != route.options),
            place: self.settings.place(route),
            settings: self.settings,
            asked: Some(route),
        };
        self.wanted.insert(route.path.clone(), wanted);
    }

    /// A plugin on its own path.
    fn add_default(&mut self, library: &Arc<Library>) {
        let is_news = !self.was_default(library);
        let place = library.file_name();
        let Some(paths) = self.take_default_paths(library, &place) else {
            return;
        };
        let Some((path, more_paths)) = paths.split_first() else {
            return;
        };
        let wanted = Wanted {
            path: path.clone(),
            more_paths: more_paths.to_vec(),
            has_event_stream: library.has_event_stream,
            library: library.clone(),
            config: self.settings.options.json(&library.name),
            client: self.settings.client.clone(),
            subprotocols: None,
            is_news,
            place,
            settings: self.settings,
            asked: None,
        };
        self.wanted.insert(path.clone(), wanted);
    }

    fn was_default(&self, library: &Library) -> bool {
        self.before
            .is_some_and(|before| is_default(before.settings, &library.name))
    }

    /// The paths of its own that a plugin is served on. One that a `[[route]]` serves is left to that, as long
    /// as it is not the plugin's first. None where it cannot be served, which is noted.
    fn take_default_paths(&mut self, library: &Library, place: &str) -> Option<Vec<String>> {
        let mut router = self.router.clone();
        let mut paths = Vec::with_capacity(library.default_paths.len());
        for path in &library.default_paths {
            let Err(error) = router.insert(path.as_str(), ()) else {
                paths.push(path.clone());
                continue;
            };
            let (text, other) = self.conflict(path, &error);
            if other.is_some() && !paths.is_empty() {
                continue;
            }
            // Of two libraries, or of a path that was there before, the settings know nothing new.
            let is_old = |route: &RouteSettings| {
                self.before
                    .is_some_and(|before| before.asked(route).is_some())
            };
            let is_news = !self.was_default(library) || other.is_some_and(|other| !is_old(other));
            let text = format!("{place}: {text}");
            self.unusable.push(Unusable { text, is_news });
            return None;
        }
        self.router = router;
        Some(paths)
    }

    /// Why a plugin cannot be served on its own path, and the `[[route]]` that is in its way.
    fn conflict(&self, path: &str, error: &InsertError) -> (String, Option<&'s RouteSettings>) {
        let InsertError::Conflict { with } = error else {
            let text = format!("its own path {path} is none: {error}; give it one by a [[route]]");
            return (text, None);
        };
        let mut wanted = self.wanted.values();
        let other = wanted.find(|wanted| wanted.path == *with || wanted.more_paths.contains(with));
        let whose = other.map_or("another route", |other| &other.place);
        let text = format!(
            "serves {path}, which {whose} serves already: remove one of the two, or give one another \
             path by a [[route]]"
        );
        (text, other.and_then(|other| other.asked))
    }
}

/// The library that serves a `[[route]]`, or why there is none.
fn library_of(route: &RouteSettings, found: &Found) -> Result<Arc<Library>, String> {
    let name = &route.plugin;
    let Some(library) = found.libraries.get(name) else {
        let names: Vec<&str> = found.libraries.keys().map(String::as_str).collect();
        return Err(format!(
            "no plugin `{name}` is loaded: put its library into the plugins folder, or name one of \
             those that are: {}",
            names.join(", ")
        ));
    };
    let mut offered = route.subprotocols.iter().flatten();
    if let Some(unknown) = offered.find(|name| !library.subprotocols.contains(name)) {
        return Err(format!(
            "plugin `{name}` does not speak subprotocol `{unknown}`: it speaks {}",
            match library.subprotocols.as_slice() {
                [] => "none".to_owned(),
                names => names.join(", "),
            }
        ));
    }
    Ok(library.clone())
}

impl<'b> Before<'b> {
    /// The same route in the settings before: same path, same plugin, same subprotocols.
    fn asked(self, route: &RouteSettings) -> Option<&'b RouteSettings> {
        self.settings.routes.iter().find(|old| {
            old.path == route.path
                && old.more_paths == route.more_paths
                && old.plugin == route.plugin
                && old.subprotocols == route.subprotocols
        })
    }

    /// The library at work on a route.
    fn library(self, route: &RouteSettings) -> Option<Arc<Library>> {
        let library = self.routes.by_path(&route.path)?.library();
        (library.name == route.plugin).then_some(library)
    }
}

impl Wanted<'_> {
    /// What a plugin says of its options, with the place of the one that it names.
    pub(super) fn refused(&self, error: &dyn std::fmt::Display) -> String {
        let error = error.to_string();
        let place = match self.asked {
            Some(route) => self.settings.option_place(route, &error),
            None => self.settings.set_option_place(&self.library.name, &error),
        };
        let place = place.as_ref().unwrap_or(&self.place);
        format!("{place}: route {}: {error}", self.path)
    }
}
