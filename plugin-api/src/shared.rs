//! What the routes of one plugin share: one value behind all of them.
//!
//! A library's statics last as long as the server runs; this one ends with the last route that holds it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::Result;

/// One value for all routes of a plugin, such as a pool of connections to a database: made by the first route that asks
/// for it, dropped with the last one.
///
/// A library that replaces another brings statics of its own: while it takes over, both values are there, and what the
/// old one knows goes to the new one by [`save_state`](crate::Plugin::save_state) of each route.
///
/// ```
/// use plugin_api::{Config, Host, Plugin, Result, Shared};
/// use std::sync::{Arc, Mutex};
///
/// /// Who has won on any of the routes.
/// static WINNERS: Shared<Mutex<Vec<String>>> = Shared::new();
///
/// struct Game {
///     winners: Arc<Mutex<Vec<String>>>,
/// }
///
/// impl Plugin for Game {
///     type Session = ();
///
///     fn create(_host: Host, _config: Config) -> Result<Self> {
///         let winners = WINNERS.get_or_make(|| Ok(Mutex::default()))?;
///         Ok(Game { winners })
///     }
/// }
/// # let one = WINNERS.get_or_make(|| Ok(Mutex::default())).unwrap();
/// # let other = WINNERS.get_or_make(|| panic!("it is there")).unwrap();
/// # assert!(Arc::ptr_eq(&one, &other));
/// # drop((one, other));
/// # assert!(WINNERS.get_or_make(|| Err("it was dropped".into())).is_err());
/// ```
#[derive(Debug)]
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    /// A place for it, for a `static`.
    #[must_use]
    pub const fn new() -> Shared<T> {
        Shared(Mutex::new(Weak::new()))
    }

    /// The value that is there, or the one that `make` gives. Other routes that ask meanwhile wait for it.
    ///
    /// # Errors
    /// Those of `make`; the next who asks tries again.
    pub fn get_or_make(&self, make: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        // Where `make` has panicked, what is there is what was there before.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = kept.upgrade() {
            return Ok(value);
        }
        let value = Arc::new(make()?);
        *kept = Arc::downgrade(&value);
        Ok(value)
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Shared<T> {
        Shared::new()
    }
}
