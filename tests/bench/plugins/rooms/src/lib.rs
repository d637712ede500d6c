//! Chat in many rooms: a client is a member of the topic that its query names, `/rooms?room=7`.
#![forbid(unsafe_code)]
use plugin_api::{Client, Config, Host, Message, Plugin, Request, Result};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

struct Rooms {
    last_id: AtomicU64,
}

/// A client's number and its room.
#[derive(Default)]
struct Seat {
    id: u64,
    room: String,
}

impl Plugin for Rooms {
    type Session = Seat;

    fn create(_host: Host, _config: Config) -> Result<Self> {
        Ok(Rooms {
            last_id: AtomicU64::new(0),
        })
    }

    fn on_open(&self, client: &Client, request: &Request) -> Result<Seat> {
        let query = request.query_string().ok_or("no query: /rooms?room=NAME")?;
        client.join(query)?;
        Ok(Seat {
            id: self.last_id.fetch_add(1, Relaxed) + 1,
            room: query.to_owned(),
        })
    }

    fn on_message(&self, client: &Client, seat: &mut Seat, message: Message) -> Result {
        let line = format!("Client {}: {message}", seat.id);
        client.host().publish(&seat.room, line)?;
        Ok(())
    }
}

plugin_api::export!(Rooms, path = "/rooms");
