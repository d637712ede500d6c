//! Outsiders listen, insiders speak: what a program on this machine sends goes to everyone else.

#![forbid(unsafe_code)]

use plugin_api::{Client, Config, Host, Message, Plugin, Request, Result, Timer, log};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// How often the number of clients is looked at; it is logged if it changed.
    #[serde(default = "a_minute")]
    count_every_seconds: NonZeroU64,
}

fn a_minute() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(59)
}

struct Push {
    host: Host,
    last_count: AtomicU64,
}

#[derive(Default)]
struct Session {
    inside: bool,
    /// Whether the log says already that this one is not listened to.
    logged: bool,
}

impl Plugin for Push {
    type Session = Session;

    fn create(host: Host, config: Config) -> Result<Self> {
        let options: Options = config.parse()?;
        host.set_interval(Duration::from_secs(options.count_every_seconds.get()))?;
        Ok(Push {
            host,
            last_count: AtomicU64::new(0),
        })
    }

    fn on_open(&self, _client: &Client, request: &Request) -> Result<Session> {
        Ok(Session {
            inside: request.is_inside(),
            logged: false,
        })
    }

    fn on_message(&self, client: &Client, session: &mut Session, message: Message) -> Result {
        if session.inside {
            self.host.broadcast_except(message, client.id())?;
        } else if !session.logged {
            session.logged = true;
            log::info!("client {} is outside: what it says is ignored", client.id());
        }
        Ok(())
    }

    fn on_timer(&self, _timer: Timer) -> Result {
        let count = self.host.client_count();
        if self.last_count.swap(count, Relaxed) != count {
            log::info!("{count} clients");
        }
        Ok(())
    }
}

plugin_api::export!(Push, path = "/push", options = Options);
