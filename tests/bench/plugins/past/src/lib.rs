//! Chat in rooms that are kept, or not: `/past?room=7&kept` and `/past?room=7`, the same code but for that.
#![forbid(unsafe_code)]
use plugin_api::{Client, Config, Host, Keep, Message, Plugin, Request, Result, Since};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

struct Past {
    last_id: AtomicU64,
}

/// A client's number and its room.
#[derive(Default)]
struct Seat {
    id: u64,
    room: String,
    is_kept: bool,
}

impl Plugin for Past {
    type Session = Seat;

    fn create(_host: Host, _config: Config) -> Result<Self> {
        Ok(Past {
            last_id: AtomicU64::new(0),
        })
    }

    fn on_open(&self, client: &Client, request: &Request) -> Result<Seat> {
        let query = request.query_string().ok_or("no query: /past?room=NAME")?;
        let is_kept = query.ends_with("&kept");
        match is_kept {
            true => drop(client.join_from(query, Since::Now)?),
            false => client.join(query)?,
        }
        Ok(Seat {
            id: self.last_id.fetch_add(1, Relaxed) + 1,
            room: query.to_owned(),
            is_kept,
        })
    }

    fn on_message(&self, client: &Client, seat: &mut Seat, message: Message) -> Result {
        let line = format!("Client {}: {message}", seat.id);
        match seat.is_kept {
            true => client
                .host()
                .publish_kept(&seat.room, line, Keep::default())?,
            false => client.host().publish(&seat.room, line)?,
        }
        Ok(())
    }
}

plugin_api::export!(Past, path = "/past");
