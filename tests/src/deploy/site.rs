//! The server as the deployment configures it.

use super::text::Text;
use crate::{Server, Setup};

/// A server with the deployment's configuration.
#[track_caller]
pub fn server() -> Server {
    server_with(&[])
}

/// A server with the deployment's configuration and further arguments.
#[track_caller]
pub fn server_with(arguments: &[&str]) -> Server {
    start(arguments, "")
}

/// A server with the deployment's configuration and what is added to it.
#[track_caller]
pub fn server_and(addition: &str) -> Server {
    start(&[], addition)
}

#[track_caller]
fn start(arguments: &[&str], addition: &str) -> Server {
    let text = Text::of("detent.toml").put("/opt/detent/plugins", "plugins");
    let text = text.put("127.0.0.1:25253", "127.0.0.1:0");
    let text = text.put("127.0.0.1:25250", "127.0.0.1:0");
    let listening_on = |address: &str| {
        let text = text.clone().put("127.0.0.1:25252", address);
        text.as_str().to_owned() + addition
    };
    let server = Setup::new()
        .plugins(&["echo", "chat", "push"])
        .configuration(&listening_on("127.0.0.1:0"))
        .plugins_as_configured()
        .listens_as_configured()
        .arguments(arguments)
        .start();
    // Where it is found again after a restart.
    server.configure(&listening_on(&server.address().to_string()));
    server
}
