use std::rc::Rc;

use plugin_api::{Config, Host, Plugin, Result};

struct Hall;

impl Plugin for Hall {
    type Session = Rc<u32>;
    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Hall)
    }
}

plugin_api::export!(Hall, path = "/hall");

fn main() {}
