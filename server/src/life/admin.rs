//! The admin listener over the life of the process: started, replaced at a reload, ended.
//!
//! Main thread.

use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crossbeam_channel::Receiver;

use crate::admin::{AdminListener, Order, Published, Reload, View};
use crate::config::Settings;
use crate::counters::{self, COUNTERS};
use crate::entrance::listeners::{ListenError, bind_one};
use crate::entrance::listening::ListeningSocket;
use crate::entrance::socket_file::Granted;
use crate::logging::tail;

/// Binds what `new` asks for, where that is another address than in `old`; it accepts nothing yet.
///
/// # Errors
/// It cannot be bound.
pub(super) fn bind(
    old: Option<&Settings>,
    new: &Settings,
) -> Result<Option<ListeningSocket>, ListenError> {
    let before = old.and_then(|old| old.admin.listen.as_ref());
    match new.admin.listener() {
        Some(listener) if before != Some(&listener.listen) => bind_one(&listener).map(Some),
        _ => Ok(None),
    }
}

/// The listener, where there is one, and those that a reload has ended.
pub(crate) struct Admin {
    view: Arc<View>,
    pub(super) orders: Receiver<Order>,
    current: Option<AdminListener>,
    /// Those that end as soon as what they are at is answered: perhaps with how the reload went.
    ending: Vec<AdminListener>,
}

impl Admin {
    /// None yet; `orders` come from those that there will be.
    pub(super) fn new(view: Arc<View>, orders: Receiver<Order>) -> Admin {
        Admin {
            view,
            orders,
            current: None,
            ending: Vec::new(),
        }
    }

    /// Lets `settings` say who may connect to the unix socket that there is; taken back where it is not kept.
    ///
    /// # Errors
    /// It cannot be changed, and is as before.
    pub(super) fn grant(&self, settings: &Settings) -> Result<Option<Granted>, ListenError> {
        let (Some(current), Some(wanted)) = (&self.current, settings.admin.listener()) else {
            return Ok(None);
        };
        current.grant(&wanted)
    }

    /// What `settings` say holds from now on; `bound` is the new socket where there is to be one. Gives what
    /// there is to tell of it.
    ///
    /// # Errors
    /// No thread or descriptor is to be had.
    pub(super) fn apply(
        &mut self,
        settings: &Settings,
        bound: Option<ListeningSocket>,
    ) -> io::Result<Vec<String>> {
        let mut told = Vec::new();
        if (bound.is_some() || settings.admin.listen.is_none())
            && let Some(old) = self.current.take()
        {
            old.retire();
            told.push(format!("no admin listener on {} any more", old.place()));
            self.ending.push(old);
        }
        if let Some(bound) = bound {
            let tokens = settings.admin.tokens.clone();
            let new = AdminListener::start(bound, tokens, self.view.clone())?;
            told.push(format!("admin listener on {}", new.place()));
            self.current = Some(new);
        } else if let Some(current) = &self.current {
            current.set_tokens(&settings.admin.tokens);
        }
        // Only who can look at times is worth the price of taking them.
        counters::measure(self.current.is_some());
        tail::keep(self.current.is_some());
        Ok(told)
    }

    /// Changes what is told of what only the main thread knows.
    pub(super) fn publish(&self, change: impl FnOnce(&mut Published)) {
        self.view.publish(change);
    }

    /// Tells how a reload went.
    pub(super) fn note_reload(&self, outcome: &Result<String, String>) {
        let counts = &COUNTERS.main;
        let (is_done, text, count) = match outcome {
            Ok(text) => (true, text, &counts.reloads_done),
            Err(text) => (false, text, &counts.reloads_refused),
        };
        count.add(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let last = Reload {
            at: now.unwrap_or_default().as_secs_f64(),
            is_done,
            outcome: text.clone(),
        };
        self.publish(|published| published.last_reload = Some(last));
    }

    /// Forgets those that have ended, and tells what was left out of the log. Once a second.
    pub(super) fn sweep(&mut self) {
        self.view.report_left_out();
        let is_over = |listener: &mut AdminListener| listener.has_ended();
        for ended in self.ending.extract_if(.., is_over) {
            ended.end();
        }
    }

    /// The stop: waits for what is being answered.
    pub(super) fn end(self) {
        // Who waits for an answer of the main thread hears that none comes.
        drop(self.orders);
        for listener in self.current.into_iter().chain(self.ending) {
            listener.end();
        }
        self.view.report_left_out();
    }
}
