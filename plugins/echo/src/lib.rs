//! Sends every message back unchanged.
#![forbid(unsafe_code)]
use plugin_api::{Client, Config, Host, Message, Plugin, Result};
struct Echo;
impl Plugin for Echo {
    type Session = ();
    fn create(_host: Host, _config: Config) -> Result<Self> {
        Ok(Echo)
    }
    fn on_message(&self, client: &Client, _session: &mut (), message: Message) -> Result {
        client.send(message)?;
        Ok(())
    }
}
plugin_api::export!(Echo, path = "/echo");
#[cfg(test)]
mod tests;
