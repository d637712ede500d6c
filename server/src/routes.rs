//! Which route serves which path: made whole, then only read, and swapped whole at a reload.
//!
//! Main thread builds it; connection threads look paths up in it.

use std::sync::Arc;

use http::StatusCode;
use matchit::Router;
use parking_lot::RwLock;
use percent_encoding::percent_decode_str;

use crate::http::refusal::Refusal;
use crate::plugin::Route;

/// What the path has at the places of the route's path, decoded.
pub type Params = Box<[(Box<str>, Box<str>)]>;

/// All routes, by path.
#[derive(Default)]
pub struct RouteTable {
    router: Router<usize>,
    routes: Vec<Arc<Route>>,
}

/// The table that holds now; shared by all connection threads, replaced by the main thread.
#[derive(Clone, Default)]
pub struct Routes(Arc<RwLock<Arc<RouteTable>>>);

impl Routes {
    /// The table that holds now. Waits for nobody: the lock is held for a copy of a pointer.
    pub fn current(&self) -> Arc<RouteTable> {
        self.0.read().clone()
    }

    /// From now on `table` holds for who asks. Only the main thread calls it.
    pub fn replace(&self, table: Arc<RouteTable>) {
        *self.0.write() = table;
    }
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
    pub fn new(routes: Vec<Arc<Route>>) -> Result<RouteTable, PathError> {
        let mut router = Router::new();
        for (index, route) in routes.iter().enumerate() {
            let path = route.path();
            router
                .insert(path.as_ref(), index)
                .map_err(|error| PathError {
                    path: path.to_string(),
                    why: error.to_string(),
                })?;
        }
        Ok(RouteTable { router, routes })
    }

    /// The route that serves `path`, and what stands at the places of its own path. None where
    /// there is none.
    ///
    /// # Errors
    /// 400 where such a place is not UTF-8 when it is decoded.
    pub fn find(&self, path: &str) -> Result<Option<(&Arc<Route>, Params)>, Refusal> {
        let Ok(found) = self.router.at(path) else {
            return Ok(None);
        };
        let decode = |(name, value): (&str, &str)| {
            let value = percent_decode_str(value).decode_utf8();
            let not_text = || format!("`{name}` in the path is not UTF-8");
            let value = value.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, not_text()))?;
            Ok((name.into(), value.into()))
        };
        let params = found.params.iter().map(decode).collect::<Result<_, _>>()?;
        Ok(Some((&self.routes[*found.value], params)))
    }

    /// The route whose own path is exactly `path`, places and all.
    pub fn by_path(&self, path: &str) -> Option<&Arc<Route>> {
        self.iter().find(|route| *route.path() == *path)
    }

    /// All routes in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.iter()
    }
}
