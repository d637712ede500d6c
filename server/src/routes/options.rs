//! Changed options of routes that stay: handed to the plugin, or to a new instance of it, all or none.

use std::sync::Arc;

use super::wanted::Wanted;
use crate::plugin::{HandOver, HandOverError, Replaced, Route};

/// Changes that can be committed or given up. Dropping them gives them up.
pub(super) struct OptionChanges<'a> {
    /// Routes whose plugin has taken the new options over, with the old ones.
    taken: Vec<(&'a Arc<Route>, Arc<str>)>,
    /// Routes whose plugin is made anew for them.
    hand_overs: Vec<(&'a Arc<Route>, HandOver<'a>)>,
}

impl<'a> OptionChanges<'a> {
    /// Hands changed options over, as far as that can be taken back.
    ///
    /// # Errors
    /// The first route that refuses, or is busy; all others have their old options again.
    pub(super) fn prepare(
        kept: &'a [(Arc<Route>, &'a Wanted<'a>)],
    ) -> Result<OptionChanges<'a>, (Arc<Route>, &'a Wanted<'a>, HandOverError)> {
        let mut changes = OptionChanges {
            taken: Vec::new(),
            hand_overs: Vec::new(),
        };
        for (route, wanted) in kept {
            changes
                .prepare_one(route, wanted)
                .map_err(|error| (route.clone(), *wanted, error))?;
        }
        Ok(changes)
    }

    fn prepare_one(
        &mut self,
        route: &'a Arc<Route>,
        wanted: &Wanted<'_>,
    ) -> Result<(), HandOverError> {
        let old = route.config();
        if *old == *wanted.config {
            return Ok(());
        }
        let is_same_code = Arc::ptr_eq(&route.library(), &wanted.library);
        if is_same_code
            && route
                .reconfigure(&wanted.config)
                .map_err(HandOverError::Call)?
        {
            self.taken.push((route, old));
            return Ok(());
        }
        let hand_over = HandOver::prepare(route, wanted.library.clone(), &wanted.config)?;
        self.hand_overs.push((route, hand_over));
        Ok(())
    }

    /// They hold. Gives the routes' paths and what is left to do.
    pub(super) fn commit(mut self) -> Vec<(Arc<str>, Option<Replaced>)> {
        let taken = std::mem::take(&mut self.taken);
        let mut done: Vec<_> = taken
            .into_iter()
            .map(|(route, _)| (route.path(), None))
            .collect();
        for (route, hand_over) in self.hand_overs.drain(..) {
            done.push((route.path(), Some(hand_over.commit())));
        }
        done
    }
}

impl Drop for OptionChanges<'_> {
    fn drop(&mut self) {
        for (route, old) in self.taken.drain(..) {
            if let Err(error) = route.reconfigure(&old) {
                let path = route.path();
                log::error!("reload: route {path}: cannot go back to its old options: {error}");
            }
        }
    }
}
