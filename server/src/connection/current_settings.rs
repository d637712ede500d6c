//! The settings that hold for one client now: those of its route, until a reload brings others.
//!
//! Used by the client's own thread. Whether they still hold costs one look at a number.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use super::deadlines::Times;
use super::rate::Rate;
use crate::config::ClientSettings;
use crate::ids::RouteId;
use crate::routes::table::Sites;

/// One client's settings.
pub(super) struct CurrentSettings {
    sites: Sites,
    route: RouteId,
    version: u32,
    settings: Arc<ClientSettings>,
    /// This client's share of the jitter, from 0 to 1.
    luck: f64,
}

impl CurrentSettings {
    /// Those of a client that has just been let in under `settings`.
    pub(super) fn new(
        sites: Sites,
        route: RouteId,
        settings: Arc<ClientSettings>,
    ) -> CurrentSettings {
        let has_jitter = !settings.lifetime_jitter.is_zero();
        CurrentSettings {
            // Before the first, so that a reload since the handshake is not missed.
            version: sites.version().wrapping_sub(1),
            sites,
            route,
            settings,
            luck: if has_jitter { chance() } else { 0.5 },
        }
    }

    /// Looks whether a reload has brought other settings. True where it has.
    #[inline]
    pub(super) fn renew(&mut self) -> bool {
        let version = self.sites.version();
        version != self.version && self.take_version(version)
    }

    #[cold]
    fn take_version(&mut self, version: u32) -> bool {
        self.version = version;
        // A route that is served no more keeps its settings until its clients have gone.
        match self.sites.current().routes.client_settings(self.route) {
            Some(settings) if !Arc::ptr_eq(settings, &self.settings) => {
                self.settings = settings.clone();
                true
            }
            _ => false,
        }
    }

    pub(super) fn get(&self) -> &ClientSettings {
        &self.settings
    }

    pub(super) fn times(&self) -> Times {
        let settings = &self.settings;
        let jitter = settings.lifetime_jitter.as_secs_f64() * self.luck;
        Times {
            ping_interval: settings.ping_interval,
            pong_timeout: settings.pong_timeout,
            idle_timeout: settings.idle_timeout,
            lifetime: settings
                .lifetime
                .map(|lifetime| lifetime + Duration::from_secs_f64(jitter)),
        }
    }

    /// How many messages, and how many bytes of them, the client may send.
    pub(super) fn rates(&self) -> (Rate, Rate) {
        let settings = &self.settings;
        let rate = |per_second, burst: Option<u64>| Rate {
            per_second,
            burst: burst.unwrap_or_default(),
        };
        (
            rate(settings.messages.per_second, settings.messages_burst()),
            rate(settings.bytes.per_second, settings.bytes_burst()),
        )
    }
}

/// A number from 0 to 1, from the standard library's only source of chance; nobody gains by guessing
/// it. Asks the kernel, so that it is only for who needs it.
fn chance() -> f64 {
    let chance = RandomState::new().hash_one(()) as u32;
    f64::from(chance) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::CurrentSettings;
    use crate::config::ClientSettings;
    use crate::ids::RouteId;
    use crate::routes::table::{Site, Sites};

    /// Cause: mutants survived in which a life was longer than with all of its jitter.
    #[test]
    fn a_life_is_longer_by_a_share_of_the_jitter() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let lifetime = |jitter, luck| {
            let settings = ClientSettings {
                lifetime: Some(minutes(60)),
                lifetime_jitter: jitter,
                ..ClientSettings::default()
            };
            let mut current =
                CurrentSettings::new(Sites::default(), RouteId(0), Arc::new(settings));
            current.luck = luck;
            current.times().lifetime
        };
        for (luck, most) in [(0.0, 60), (0.25, 75), (1.0, 120)] {
            assert_eq!(lifetime(minutes(60), luck), Some(minutes(most)));
            assert_eq!(lifetime(Duration::ZERO, luck), Some(minutes(60)));
        }
    }

    #[test]
    fn where_a_route_is_served_no_more_its_settings_stay() {
        let (sites, settings) = (Sites::default(), Arc::new(ClientSettings::default()));
        let mut current = CurrentSettings::new(sites.clone(), RouteId(0), settings.clone());
        for _ in 0..2 {
            assert!(!current.renew());
            assert!(std::ptr::eq(current.get(), &*settings));
            sites.replace(Site::default());
        }
    }

    /// Cause: a mutant that gave everybody the same share of the jitter survived: all who came together would have been
    /// asked to connect again together.
    #[test]
    fn chance_is_spread_between_nothing_and_all() {
        let chances: Vec<f64> = (0..1000).map(|_| super::chance()).collect();
        assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
        for tenth in 0..10 {
            let share = f64::from(tenth) / 10.0..f64::from(tenth + 1) / 10.0;
            assert!(
                chances.iter().any(|chance| share.contains(chance)),
                "{share:?}"
            );
        }
    }
}
