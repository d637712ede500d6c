//! Places where a test makes the server itself panic, to see what that costs. Builds without debug
//! assertions, such as releases, have none.
//!
//! `DETENT_FAULT=NAME:N` in the environment makes the `N`th pass of the point `NAME` panic, whichever
//! thread it is, and no other pass; several are parted by commas.

/// Panics where the environment asks for it.
#[inline(always)]
pub fn fault_point(name: &str) {
    #[cfg(debug_assertions)]
    planned::pass(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// Waits here while the file exists that `DETENT_STALL=NAME:FILE` in the environment names: what a test takes for a
/// disk that stands still, or a hub that does not keep up. Blocks; looks again a hundred times a second.
#[inline(always)]
pub fn stall_point(name: &str) {
    #[cfg(debug_assertions)]
    planned::stall(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

#[cfg(debug_assertions)]
mod planned {
    use std::path::Path;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;
    use std::time::Duration;

    struct Fault {
        name: String,
        /// Passes that are left, the one that panics included.
        left: AtomicU64,
    }

    static FAULTS: LazyLock<Vec<Fault>> = LazyLock::new(|| {
        let asked = std::env::var("DETENT_FAULT").unwrap_or_default();
        let faults = asked.split(',').filter_map(|fault| {
            let (name, pass) = fault.split_once(':')?;
            Some(Fault {
                name: name.to_owned(),
                left: AtomicU64::new(pass.parse().ok()?),
            })
        });
        faults.collect()
    });

    static STALL: LazyLock<Option<(String, String)>> = LazyLock::new(|| {
        let asked = std::env::var("DETENT_STALL").ok()?;
        let (name, file) = asked.split_once(':')?;
        Some((name.to_owned(), file.to_owned()))
    });

    pub(super) fn stall(name: &str) {
        if let Some((stalled, file)) = &*STALL
            && stalled == name
        {
            while Path::new(file).exists() {
                thread::park_timeout(Duration::from_millis(10));
            }
        }
    }

    pub(super) fn pass(name: &str) {
        for fault in FAULTS.iter().filter(|fault| fault.name == name) {
            // Below zero it begins anew from 2^64, and never comes back.
            assert!(
                fault.left.fetch_sub(1, Ordering::Relaxed) != 1,
                "the fault point {name}, as a test wants it"
            );
        }
    }
}
