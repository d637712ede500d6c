use plugin_api::{Config, Host, Plugin, Result};

struct Hall;

impl Plugin for Hall {
    type Session = ();
    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Hall)
    }
}

struct Room;

impl Plugin for Room {
    type Session = ();
    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Room)
    }
}

mod hall {
    plugin_api::export!(super::Hall, path = "/hall");
}

mod room {
    plugin_api::export!(super::Room, path = "/room");
}

fn main() {}
