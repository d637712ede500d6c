//! What is served, and under which settings: one value, made whole, then only read, and swapped whole at a
//! reload.
//!
//! Main thread builds it; acceptors and connection threads look things up in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::StatusCode;
use matchit::Router;
use parking_lot::RwLock;
use percent_encoding::percent_decode_str;

use crate::config::{ClientSettings, ServerLimits, Settings};
use crate::http::provenance::Rules;
use crate::http::refusal::Refusal;
use crate::http::target;
use crate::ids::RouteId;
use crate::plugin::Route;

/// What the path has at the places of the route's path, decoded.
pub type Params = Box<[(Box<str>, Box<str>)]>;

/// A route with the settings that hold on it.
pub struct Mounted {
    /// The route.
    pub route: Arc<Route>,
    /// Further paths beside its own.
    pub more_paths: Vec<String>,
    /// What holds for its clients.
    pub client: Arc<ClientSettings>,
    /// Subprotocols of the plugin that are offered here; none for all.
    pub subprotocols: Option<Vec<String>>,
    /// Whether it takes clients of event streams too.
    pub has_event_stream: bool,
}

impl Mounted {
    /// All its paths, that by which it is named first.
    pub fn paths(&self) -> impl Iterator<Item = Arc<str>> {
        let more = self.more_paths.iter().map(|path| path.as_str().into());
        std::iter::once(self.route.path()).chain(more)
    }
}

/// All routes, by path.
#[derive(Default)]
pub struct RouteTable {
    router: Router<usize>,
    mounted: Vec<Arc<Mounted>>,
}

/// Two routes that would serve the same path, or a path that is none.
#[derive(Debug, thiserror::Error)]
#[error("route {path}: {why}")]
pub struct PathError {
    path: String,
    why: String,
}

impl RouteTable {
    /// A table of these routes.
    ///
    /// # Errors
    /// The first route whose path stands in the way of an earlier one.
    pub fn new(mounted: Vec<Mounted>) -> Result<RouteTable, PathError> {
        let mut router = Router::new();
        for (index, one) in mounted.iter().enumerate() {
            for path in one.paths() {
                router
                    .insert(target::normal(&path), index)
                    .map_err(|error| PathError {
                        path: path.to_string(),
                        why: error.to_string(),
                    })?;
            }
        }
        let mounted = mounted.into_iter().map(Arc::new).collect();
        Ok(RouteTable { router, mounted })
    }

    /// The route that serves `path` or one that is equivalent, and what stands at the places of its own
    /// path.
    ///
    /// # Errors
    /// 404 where there is none, which names the one that is near; 400 where such a place is not UTF-8
    /// when it is decoded.
    pub fn find(&self, path: &str) -> Result<(&Arc<Mounted>, Params), Refusal> {
        let normal = target::normal(path);
        // A proxy that guards a path may read dots otherwise than we do, and a plugin that opens files
        // may climb by them: they are answered with what they may mean, not with that itself.
        let found = match self.router.at(&normal) {
            Ok(found) if !target::has_dot_segments(&normal) => found,
            _ => return Err(self.not_found(&normal)),
        };
        let decode = |(name, value): (&str, &str)| {
            let value = percent_decode_str(value).decode_utf8();
            let not_text = || format!("`{name}` in the path is not UTF-8");
            let value = value.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, not_text()))?;
            Ok((name.into(), value.into()))
        };
        let params = found.params.iter().map(decode).collect::<Result<_, _>>()?;
        Ok((&self.mounted[*found.value], params))
    }

    fn not_found(&self, normal: &str) -> Refusal {
        let tidy = target::tidy(normal);
        let (lower, slash) = (tidy.to_ascii_lowercase(), format!("{tidy}/"));
        let mut near = [tidy, slash, lower].into_iter();
        let near = near.find(|path| path != normal && self.router.at(path).is_ok());
        let why = match near {
            Some(near) => format!("no route here; there is one on {near}"),
            None => "no route here".to_owned(),
        };
        Refusal::new(StatusCode::NOT_FOUND, why)
    }

    /// The route whose own path is exactly `path`, places and all.
    pub fn by_path(&self, path: &str) -> Option<&Arc<Route>> {
        self.iter().find(|route| *route.path() == *path)
    }

    /// All routes in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.mounted.iter().map(|mounted| &mounted.route)
    }

    /// All routes with their settings.
    pub fn mounted(&self) -> impl Iterator<Item = &Arc<Mounted>> {
        self.mounted.iter()
    }

    /// What holds for the clients of a route; none where it is not served any more.
    pub fn client_settings(&self, id: RouteId) -> Option<&Arc<ClientSettings>> {
        let mut mounted = self.mounted.iter();
        let found = mounted.find(|mounted| mounted.route.id() == id)?;
        Some(&found.client)
    }
}

/// Everything that a reload replaces in one step.
#[derive(Default)]
pub struct Site {
    /// Which route serves which path.
    pub routes: RouteTable,
    /// Limits of the whole server.
    pub limits: ServerLimits,
    /// What holds about where requests come from.
    pub rules: Rules,
    /// The path on which the server's own health is answered.
    pub health: Option<Box<str>>,
}

impl Site {
    /// What is served under `settings`.
    pub fn new(routes: RouteTable, settings: &Settings) -> Site {
        Site {
            routes,
            limits: settings.limits.clone(),
            rules: settings.rules(),
            health: settings.health.clone(),
        }
    }
}

/// The site that holds now; shared by acceptors and connection threads, replaced by the main thread.
#[derive(Clone, Default)]
pub struct Sites(Arc<Shared>);

#[derive(Default)]
struct Shared {
    current: RwLock<Arc<Site>>,
    /// Counts replacements, so that who keeps something of the site sees without a lock whether it
    /// still holds.
    version: AtomicU32,
}

impl Sites {
    /// The site that holds now. Waits for nobody: the lock is held for a copy of a pointer.
    pub fn current(&self) -> Arc<Site> {
        self.0.current.read().clone()
    }

    /// The number of the site that holds now.
    pub fn version(&self) -> u32 {
        self.0.version.load(Ordering::Acquire)
    }

    /// From now on `site` holds for who asks. Only the main thread calls it.
    pub fn replace(&self, site: Site) {
        *self.0.current.write() = Arc::new(site);
        self.0.version.fetch_add(1, Ordering::AcqRel);
    }
}
