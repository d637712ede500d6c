//! The message board: what one client says, all read. A browser that opens the path gets the page.
#![forbid(unsafe_code)]
mod name;
mod past;

use plugin_api::{Cause, Client, Config, Host, Keep, Message, Plugin, Request, Response, Result};
use plugin_api::{Saved, Since, Upgrade, load, log, save};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use name::Name;

/// The board and its options: who speaks does not hear it; newcomers get so many of the last lines.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Chat {
    exclude_sender: bool,
    past: u32,
    #[serde(skip)]
    last_id: AtomicU64,
}

impl Plugin for Chat {
    type Session = Name;

    fn create(host: Host, config: Config) -> Result<Self> {
        let board: Chat = config.parse()?;
        if board.past > 0 {
            board.last_id.store(past::last_id(&host)?, Relaxed);
        }
        Ok(board)
    }

    fn on_upgrade(&self, request: &Request) -> Result<Upgrade> {
        Ok(match past::wants_envelope(request) {
            true => Upgrade::accept().envelope(),
            false => Upgrade::accept(),
        })
    }

    fn on_open(&self, client: &Client, request: &Request) -> Result<Name> {
        let name = Name::of(client, self.last_id.fetch_add(1, Relaxed) + 1);
        let address = request.client_address();
        log::info!("Client {name} has connected from {address}");
        if self.past > 0 {
            past::read(client, request, self.past.into())?;
        }
        Ok(name)
    }

    fn on_message(&self, client: &Client, name: &mut Name, message: Message) -> Result {
        log::info!("Client {name} says: {message}");
        let line = format!("Client {name}: {message}");
        let except = self.exclude_sender.then_some(client.id());
        if self.past > 0 {
            let keep = Keep {
                except,
                ..Keep::default()
            };
            client.host().publish_kept(past::BOARD, line, keep)?;
        } else {
            client.host().broadcast_except(line, except)?;
        }
        Ok(())
    }

    fn on_close(&self, _client: &Client, name: Name, cause: &Cause) -> Result {
        log::info!("Client {name} has left ({cause})");
        Ok(())
    }

    // When the library is replaced, its successor counts on, and every client keeps its number.

    fn save_state(&self) -> Result<Option<Vec<u8>>> {
        save(&self.last_id)
    }

    fn resume(host: Host, config: Config, state: Saved<'_>) -> Result<Self> {
        let board = Self::create(host, config)?;
        board.last_id.store(load(state)?, Relaxed);
        Ok(board)
    }

    fn save_session(&self, _client: &Client, name: &Name) -> Result<Option<Vec<u8>>> {
        save(&name.id)
    }

    fn on_resume(&self, client: &Client, request: &Request, id: Option<Saved<'_>>) -> Result<Name> {
        if self.past > 0 {
            // Nothing happens where it reads the board already.
            client.join_from(past::BOARD, Since::Now)?;
        }
        match id {
            Some(id) => Ok(Name::of(client, load(id)?)),
            None => self.on_open(client, request),
        }
    }

    fn on_request(&self, request: &Request) -> Result<Response> {
        Ok(Response::page(request, include_str!("board.html")))
    }
}

plugin_api::export!(Chat, path = "/chat", options = Chat, state_format = 1);

#[cfg(test)]
mod tests;
