use plugin_api::{Config, Host, Plugin, Result};

struct Hall;

impl Plugin for Hall {
    type Session = ();
    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Hall)
    }
}

mod hall {
    plugin_api::export!(super::Hall, path = "/hall");
}

mod room {
    plugin_api::export!(super::Hall, path = "/room");
}

fn main() {}
