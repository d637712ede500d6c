//! Blocks for 10 ms with each message, as a database does, then sends it back.
#![forbid(unsafe_code)]
use plugin_api::{Client, Config, Host, Message, Plugin, Result};
use std::{thread, time::Duration};

struct Slow;

impl Plugin for Slow {
    type Session = ();

    fn create(_host: Host, _config: Config) -> Result<Self> {
        Ok(Slow)
    }

    fn on_message(&self, client: &Client, _session: &mut (), message: Message) -> Result {
        thread::sleep(Duration::from_millis(10));
        client.send(message)?;
        Ok(())
    }
}

plugin_api::export!(Slow, path = "/slow");
