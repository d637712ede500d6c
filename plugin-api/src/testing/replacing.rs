//! One value of the plugin takes the place of another: other code, other options, a start anew; and the last one's end.

use std::sync::{Arc, PoisonError};

use super::code::Code;
use super::host::MemoryHost;
use super::host_table;
use super::http::MemoryRequest;
use super::instance::{Instance, Session};
use super::shared::{Shared, lock};

impl Shared {
    /// Another value of the plugin takes over, of this code and with these options: all of it, or nothing.
    ///
    /// # Errors
    /// Why the old one goes on, as the server says it.
    pub(super) fn replace(&self, code: Code, config: &str) -> Result<(), String> {
        let busy = || "a callback has not returned".to_owned();
        let mut gate = self.gate.try_write().map_err(|_| busy())?;
        let (old, new) = (gate.code.state_format, code.state_format);
        if old != new && !code.reads_state_formats.contains(&old) {
            return Err(format!(
                "the new library reads state format {}, the one at work writes {old}: restart the server to replace it",
                code.formats()
            ));
        }
        let seats = lock(&self.seats).clone();
        let mut turns = Vec::new();
        for (client, seat) in &seats {
            let turn = seat.turn.try_lock().map_err(|_| busy())?;
            if turn.is_some() {
                turns.push((*client, seat, turn));
            }
        }
        let state = gate.save_state()?;
        let host = self.new_host(config, Some(old));
        let new = Instance::create(code, host, config, state.as_deref())?;
        let mut moved = Vec::new();
        for (client, seat, turn) in &mut turns {
            match resume(&gate, &new, *client, &seat.request, turn) {
                Ok(session) => moved.push(session),
                Err(why) => {
                    new.host.end();
                    moved
                        .into_iter()
                        .for_each(|session| new.drop_session(session));
                    new.destroy();
                    return Err(why);
                }
            }
        }
        gate.host.end();
        new.host.start();
        let handed_over = moved.len() as u64;
        for ((client, _, turn), session) in turns.iter_mut().zip(moved) {
            if let Some(left) = turn.replace(session) {
                if !left.is_null() && gate.code.functions.drop_session.is_none() {
                    let what = "its session has gone to the new code, and there is no drop_session to free it";
                    self.counts().leak(format!("client {client}: {what}"));
                }
                gate.drop_session(left);
            }
        }
        self.counts().handed_over += handed_over;
        let old = std::mem::replace(&mut *gate, Arc::new(new));
        drop(turns);
        drop(gate);
        old.destroy();
        self.settle();
        Ok(())
    }

    /// The server stops: every client is closed with 1001, then the value ends.
    pub(super) fn stop(&self) {
        self.world.lock().is_over = true;
        let clients: Vec<u64> = lock(&self.seats).keys().copied().collect();
        for client in clients {
            self.on_turn(client, |instance, turn| {
                self.end_by_server(instance, client, turn, 1001, "the server stops");
            });
        }
        self.settle();
        self.instance().destroy();
    }

    /// The server stops and starts again: another value of the same code begins, with these options and nobody here.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn restart(&self, config: &str) -> Result<(), String> {
        self.stop();
        let mut gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        gate.host.end();
        self.world.lock().start_anew();
        let host = self.new_host(config, None);
        let new = Instance::create(gate.code.clone(), host, config, None)?;
        new.host.start();
        *gate = Arc::new(new);
        Ok(())
    }

    fn new_host(&self, config: &str, old_state_format: Option<u32>) -> &'static MemoryHost {
        let path = self.paths.first().map_or("/", String::as_str);
        MemoryHost::leak(
            host_table::table(),
            self.world.clone(),
            path,
            config,
            self.folders.clone(),
            old_state_format,
        )
    }
}

fn resume(
    old: &Instance,
    new: &Instance,
    client: u64,
    request: &MemoryRequest,
    turn: &mut Option<Session>,
) -> Result<Session, String> {
    let Some(session) = turn else {
        return Err(format!("client {client}: it has gone"));
    };
    let saved = old.save_session(client, session)?;
    new.on_open(client, request, Some(saved.as_deref()))
        .map_err(|(refused, _)| format!("client {client}: {}", refused.sentence("on_resume")))
}
