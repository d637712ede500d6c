use std::cell::Cell;

use plugin_api::{Config, Host, Plugin, Result};

struct Hall {
    _count: Cell<u32>,
}

impl Plugin for Hall {
    type Session = ();
    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Hall { _count: Cell::new(0) })
    }
}

plugin_api::export!(Hall, path = "/hall");

fn main() {}
