//! Outsiders listen, insiders speak: what a program on this machine sends, or who has a token for it, goes to
//! everyone else who listens to the same topic.
//!
//! `/push` is the topic `/`, `/push/{topic}` any other, and `?topic=` names more. A WebSocket listens and may
//! speak; `POST` and `PUT` publish their body (module `publish`).

#![forbid(unsafe_code)]

mod options;
mod page;
mod past;
mod publish;
mod rate;
mod tokens;
mod topics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use plugin_api::{
    Cause, Client, Config, ConfigError, Host, Keep, Kind, Message, Plugin, Request, Response,
    Result, Timer, Upgrade, log,
};

use options::Options;
use rate::Rates;
use tokens::{Right, TokensFile};
use topics::Listeners;

/// Methods that the paths take.
const METHODS: &str = "GET, HEAD, POST, PUT, OPTIONS";

struct Push {
    host: Host,
    options: Options,
    tokens: Option<TokensFile>,
    rates: Rates,
    listeners: Listeners,
    last_count: AtomicU64,
}

#[derive(Default)]
struct Session {
    topics: Box<[Arc<str>]>,
    may_speak: bool,
    /// Whether the log says already that this one is not listened to.
    logged: bool,
}

impl Plugin for Push {
    type Session = Session;

    fn create(host: Host, config: Config) -> Result<Self> {
        let options: Options = config.parse()?;
        let tokens = match &options.tokens_file {
            Some(file) => {
                let file = TokensFile::open(host.config_folder()?.join(file));
                Some(file.map_err(|why| ConfigError::new("tokens_file", why))?)
            }
            None => None,
        };
        host.set_interval(Duration::from_secs(options.count_every_seconds.get()))?;
        Ok(Push {
            host,
            rates: Rates::new(options.publish_per_second),
            options,
            tokens,
            listeners: Listeners::default(),
            last_count: AtomicU64::new(0),
        })
    }

    fn on_upgrade(&self, request: &Request) -> Result<Upgrade> {
        let topics = match request.kind() {
            Kind::Poll => self.may_read_past(request),
            _ => self.may_listen(request),
        };
        Ok(match topics {
            Ok(_) if self.wants_envelope(request) => Upgrade::accept().envelope(),
            Ok(_) => Upgrade::accept(),
            Err(refusal) => Upgrade::refuse(refusal.answer(request)),
        })
    }

    fn on_open(&self, client: &Client, request: &Request) -> Result<Session> {
        let topics: Box<[_]> = topics::of(request)?.into();
        self.join(client, request, &topics)?;
        self.listeners.add(&topics);
        Ok(Session {
            may_speak: self.may(Right::Write, request, &topics).is_ok(),
            topics,
            logged: false,
        })
    }

    fn on_message(&self, client: &Client, session: &mut Session, message: Message) -> Result {
        if session.may_speak {
            for topic in &session.topics {
                let keep = Keep {
                    except: Some(client.id()),
                    ..Keep::default()
                };
                self.host.publish_kept(topic, message, keep)?;
            }
        } else if !session.logged {
            session.logged = true;
            log::info!("client {} is outside: what it says is ignored", client.id());
        }
        Ok(())
    }

    fn on_close(&self, _client: &Client, session: Session, _cause: &Cause) -> Result {
        self.listeners.remove(&session.topics);
        Ok(())
    }

    fn on_request(&self, request: &Request) -> Result<Response> {
        match request.method() {
            "POST" | "PUT" => self.publish(request),
            "GET" | "HEAD" if past::is_asked_for(request) => self.past(request),
            "GET" | "HEAD" => self.page(request),
            "OPTIONS" => Ok(Response::new(204).header("Allow", METHODS)),
            _ => Ok(Response::method_not_allowed(METHODS)),
        }
    }

    fn on_timer(&self, _timer: Timer) -> Result {
        let count = self.host.client_count();
        if self.last_count.swap(count, Relaxed) != count {
            log::info!("{count} clients");
        }
        Ok(())
    }
}

plugin_api::export!(
    Push,
    path = "/push",
    options = Options,
    more_paths = ["/push/{topic}"],
    event_stream = true
);

#[cfg(test)]
mod tests;
