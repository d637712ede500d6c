//! Which lines are written: `log.level`, and `log.levels` for single targets.
//!
//! The main thread sets it, whoever logs asks. A target is the path of the code that logs, of the server
//! (`server::hub`) or of a plugin (`plugin::chat`, with the crates that it uses behind it); what is said of
//! one holds for all that stands below it, and the longest one counts.

use std::collections::BTreeMap;

use log::{Level, LevelFilter};
use parking_lot::RwLock;

/// Levels of single targets, by their names.
pub type Levels = BTreeMap<String, LevelFilter>;

struct Set {
    /// Where no target says anything else.
    level: LevelFilter,
    levels: Levels,
}

/// Before anything is set, `log`'s own bound is all there is.
static SET: RwLock<Set> = RwLock::new(Set {
    level: LevelFilter::Trace,
    levels: BTreeMap::new(),
});

/// They hold from now on.
pub(super) fn set(level: LevelFilter, levels: &Levels) {
    let most = levels.values().copied().fold(level, Ord::max);
    *SET.write() = Set {
        level,
        levels: levels.clone(),
    };
    // The least work for what nobody wants, and for what `log` compares by itself.
    log::set_max_level(most);
}

/// Whether a line of `target` is written.
pub(super) fn admit(level: Level, target: &str) -> bool {
    level <= log::max_level() && level <= SET.read().of(target)
}

/// The most that any target of the plugin `name` may log: what its library has to be told.
pub fn of_plugin(name: &str) -> LevelFilter {
    SET.read()
        .most_below(&format!("plugin::{name}"))
        .min(log::max_level())
}

impl Set {
    fn of(&self, target: &str) -> LevelFilter {
        if self.levels.is_empty() {
            return self.level;
        }
        let fitting = self
            .levels
            .iter()
            .filter(|(prefix, _)| is_below(target, prefix));
        let longest = fitting.max_by_key(|(prefix, _)| prefix.len());
        longest.map_or(self.level, |(_, level)| *level)
    }

    fn most_below(&self, target: &str) -> LevelFilter {
        let below = self
            .levels
            .iter()
            .filter(|(name, _)| is_below(name, target))
            .map(|(_, level)| *level);
        below.fold(self.of(target), Ord::max)
    }
}

fn is_below(target: &str, prefix: &str) -> bool {
    let rest = target.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::Set;
    use log::LevelFilter::{Debug, Info, Off, Trace, Warn};

    fn set() -> Set {
        let levels = [
            ("plugin", Warn),
            ("plugin::chat", Off),
            ("plugin::chat::rustls::client", Trace),
            ("server::hub", Debug),
        ];
        let levels = levels.map(|(name, level)| (name.to_owned(), level));
        Set {
            level: Info,
            levels: levels.into(),
        }
    }

    #[test]
    fn the_longest_target_counts_and_ends_at_a_whole_name() {
        let set = set();
        assert_eq!(set.of("server::life"), Info);
        assert_eq!(set.of("server::hub::lane"), Debug);
        assert_eq!(set.of("server::hubbub"), Info);
        assert_eq!(set.of("plugin::echo"), Warn);
        assert_eq!(set.of("plugin::chatter"), Warn);
        assert_eq!(set.of("plugin::chat::rustls"), Off);
        assert_eq!(set.of("plugin::chat::rustls::client::tls13"), Trace);
    }

    #[test]
    fn a_library_is_told_the_most_that_any_of_its_targets_may_log() {
        let set = set();
        assert_eq!(set.most_below("plugin::chat"), Trace);
        assert_eq!(set.most_below("plugin::echo"), Warn);
    }
}
