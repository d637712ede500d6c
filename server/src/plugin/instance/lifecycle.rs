//! The calls of a plugin that begin, change and end an instance: `create`, `reconfigure`, `destroy`.
//!
//! Main thread only; each blocks as long as the plugin does.
#![allow(unsafe_code)]

use std::sync::Arc;

use plugin_api::abi::{Bytes, OK, PANICKED, Sink, Status, UNSUPPORTED};

use super::Instance;
use super::faults::Faults;
use crate::logging::push_visible;
use crate::plugin::host::{RouteHost, RouteParts, host_table, sink};
use crate::plugin::library::Library;
use crate::threads::crash;

// SAFETY: the ABI demands of a plugin that callbacks of different clients may run at the same time
// on different threads; the pointer is only handed back to it.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    /// Makes an instance, from what its predecessor saved where it did. It does not work yet: what
    /// it sends is held back. Main thread; blocks as long as the plugin's `create` does.
    ///
    /// # Errors
    /// The text of the plugin's error or panic.
    pub(in crate::plugin) fn create(
        library: Arc<Library>,
        route: RouteParts,
        generation: u32,
        config: &str,
        before: Option<Before<'_>>,
    ) -> Result<Arc<Instance>, String> {
        let Some(create) = library.functions.create else {
            return Err("create is not implemented".to_owned());
        };
        let old_format = before.as_ref().map(|before| before.state_format);
        let host = RouteHost::leak(
            host_table::table(),
            route,
            &library.name,
            config,
            old_format,
        );
        let mut data = std::ptr::null_mut();
        let old_state = before.and_then(|before| before.state).map(Bytes::new);
        let old_state = old_state
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        let title = title(&library, &host.route.path);
        let created = call(title, "create", |error| {
            // SAFETY: a function of the ABI, from a library that stays open, with the arguments
            // that the ABI names; the host is never freed.
            unsafe {
                let config = Bytes::new(config.as_bytes());
                create(host.as_abi(), config, old_state, &raw mut data, error)
            }
        });
        if let Err(error) = created {
            host.outgoing.end();
            host.timers.end();
            return Err(error.text());
        }
        Ok(Arc::new(Instance {
            library,
            host,
            data,
            generation,
            faults: Faults::default(),
            title,
        }))
    }

    /// Hands changed options over. False where the plugin wants to be made anew for them.
    ///
    /// # Errors
    /// The text of the plugin's error or panic.
    pub(in crate::plugin) fn reconfigure(&self, config: &str) -> Result<bool, String> {
        let Some(reconfigure) = self.library.functions.reconfigure else {
            return Ok(false);
        };
        let result = call(self.title, "reconfigure", |error| {
            // SAFETY: as the ABI names them.
            unsafe { reconfigure(self.data, Bytes::new(config.as_bytes()), error) }
        });
        match result {
            Ok(()) => {
                self.host.set_config(config);
                Ok(true)
            }
            Err(NotDone::Unsupported) => Ok(false),
            Err(error) => Err(error.text()),
        }
    }

    /// From here on every host call of it answers that it has gone, and no timer of it fires.
    pub(in crate::plugin) fn retire(&self) {
        self.host.outgoing.end();
    }

    /// Ends the instance, and waits until the thread of its timers runs no callback of it any more. Main thread, once, when
    /// no callback of it runs and none can follow; blocks as long as the plugin's `destroy` does.
    pub(in crate::plugin) fn destroy(&self) {
        self.retire();
        if let Some(end) = self.host.timers.end() {
            end.wait();
        }
        if let Some(destroy) = self.library.functions.destroy {
            let _says_what = crash::calling("destroy", self.title);
            // SAFETY: the caller sees to it that nothing else uses the instance.
            unsafe { destroy(self.data) };
        }
    }
}

/// What an instance takes over.
pub(in crate::plugin) struct Before<'a> {
    /// The format of what its predecessor writes.
    pub(in crate::plugin) state_format: u32,
    /// What that saved of itself.
    pub(in crate::plugin) state: Option<&'a [u8]>,
}

/// Why a call on the main thread did nothing.
pub(in crate::plugin) enum NotDone {
    /// The plugin does not implement it.
    Unsupported,
    /// Its error or panic, in words.
    Fault(String),
}

impl NotDone {
    pub(in crate::plugin) fn text(self) -> String {
        match self {
            NotDone::Unsupported => "it is not implemented".to_owned(),
            NotDone::Fault(text) => text,
        }
    }
}

/// What the line about the end of the process calls an instance; stays for ever, as its host does.
fn title(library: &Library, path: &str) -> &'static str {
    let mut title = String::new();
    let file = library.file.display();
    let text = format!("plugin {} on {path} ({file})", library.name);
    text.chars()
        .for_each(|character| push_visible(&mut title, character));
    title.leak()
}

/// Makes a call of the main thread and puts its outcome into words.
pub(in crate::plugin) fn call(
    title: &str,
    name: &'static str,
    function: impl FnOnce(*const Sink) -> Status,
) -> Result<(), NotDone> {
    let _says_what = crash::calling(name, title);
    match sink::collect(function) {
        (OK, _) => Ok(()),
        (UNSUPPORTED, _) => Err(NotDone::Unsupported),
        (PANICKED, text) => Err(NotDone::Fault(format!("{name} panicked: {text}"))),
        (_, text) => Err(NotDone::Fault(format!("{name} failed: {text}"))),
    }
}
