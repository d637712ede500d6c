//! {{name}}: greets who comes, counts what each client says, and tells the others that someone spoke.
#![forbid(unsafe_code)]
use plugin_api::{Client, Config, Host, Message, Plugin, Request, Result};

struct {{Type}} {
    host: Host,
    options: Options,
}

#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    greeting: String,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            greeting: "hello".to_owned(),
        }
    }
}

impl Plugin for {{Type}} {
    type Session = u32; // kept for each client, handed back to its callbacks

    fn create(host: Host, config: Config) -> Result<Self> {
        let options = config.parse()?;
        Ok({{Type}} { host, options })
    }

    fn on_open(&self, client: &Client, request: &Request) -> Result<u32> {
        let name = request.query("name").unwrap_or("stranger".into());
        client.send(format!("{} {name}", self.options.greeting))?;
        Ok(0)
    }

    fn on_message(&self, client: &Client, count: &mut u32, message: Message) -> Result {
        *count += 1;
        client.send(format!("your message {count}: {message}"))?;
        self.host.broadcast_except("someone spoke", client.id())?;
        Ok(())
    }
}

plugin_api::export!({{Type}}, path = "/{{name}}", options = Options);
