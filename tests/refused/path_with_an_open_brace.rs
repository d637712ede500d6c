use plugin_api::{Config, Host, Plugin, Result};

struct Hall;

impl Plugin for Hall {
    type Session = ();
    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Hall)
    }
}

plugin_api::export!(Hall, path = "/room/{x");

fn main() {}
