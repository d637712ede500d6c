//! Which settings a reload would change, by their names in the file.

use super::keys::{CLIENT_KEYS, Effect, SERVER_KEYS};
use super::settings::{RouteSettings, Settings};

/// Names of settings that differ, such as `client.ping_interval` and `route /chat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// They take effect at a reload.
    pub reloadable: Vec<String>,
    /// They need a restart.
    pub restart: Vec<String>,
}

impl Changes {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.reloadable.is_empty() && self.restart.is_empty()
    }

    fn add(&mut self, effect: Effect, name: String) {
        match effect {
            Effect::Reload => self.reloadable.push(name),
            Effect::Restart => self.restart.push(name),
        }
    }
}

impl Settings {
    /// What differs between these and `new`, in the order of the table of all settings. A route is
    /// named where it was added, taken away, or differs in what is its own; where it only stands
    /// elsewhere in the file it does not differ.
    pub fn changes(&self, new: &Settings) -> Changes {
        let mut changes = Changes::default();
        for key in SERVER_KEYS.iter().filter(|key| (key.differs)(self, new)) {
            changes.add(key.effect, key.full_name());
        }
        let (old_client, new_client) = (&self.client, &new.client);
        for key in CLIENT_KEYS {
            if (key.differs)(old_client, new_client) {
                changes.add(key.effect, key.full_name());
            }
        }
        let (old, wanted) = (&self.listeners, &new.listeners);
        let gone = old.iter().filter(|one| !wanted.contains(one));
        let come = wanted.iter().filter(|one| !old.contains(one));
        for listener in gone.chain(come) {
            let name = format!("listener {}", listener.listen);
            if !changes.reloadable.contains(&name) {
                changes.add(Effect::Reload, name);
            }
        }
        let find = |routes: &'_ [RouteSettings], path: &str| {
            routes.iter().find(|route| route.path == path).cloned()
        };
        for old in &self.routes {
            let same = find(&new.routes, &old.path);
            if let Some(route) = &same
                && route.plugin == old.plugin
            {
                if route.is_shared != old.is_shared {
                    changes.add(Effect::Restart, format!("route {}: shared", old.path));
                } else if route.is_shared && route.when_away != old.when_away {
                    changes.add(Effect::Restart, format!("route {}: when_away", old.path));
                }
            }
            let is_same = same.is_some_and(|route| !self.differs_by_itself(old, new, &route));
            if !is_same {
                changes.add(Effect::Reload, format!("route {}", old.path));
            }
        }
        for route in &new.routes {
            if find(&self.routes, &route.path).is_none() {
                changes.add(Effect::Reload, format!("route {}", route.path));
            }
        }
        changes
    }

    /// Whether two routes of one path differ in more than what they take over from `[client]`.
    fn differs_by_itself(
        &self,
        old: &RouteSettings,
        new: &Settings,
        route: &RouteSettings,
    ) -> bool {
        let differs_in_client = CLIENT_KEYS.iter().any(|key| {
            let is_taken_over = !(key.differs)(&old.client, &self.client)
                && !(key.differs)(&route.client, &new.client);
            (key.differs)(&old.client, &route.client) && !is_taken_over
        });
        old.more_paths != route.more_paths
            || old.plugin != route.plugin
            || old.subprotocols != route.subprotocols
            || old.event_stream != route.event_stream
            || old.journal != route.journal
            || old.options != route.options
            || differs_in_client
    }
}
