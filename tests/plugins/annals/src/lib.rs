//! A plugin that keeps what is said: who connects says in the query from where on it wants to hear the one topic, and
//! each message is a command. What is kept begins with its own position. With `audience = "everyone"` it is what is said to
//! everyone on the route that is kept, instead of a topic.
#![forbid(unsafe_code)]

use plugin_api::{
    Cause, Client, Config, Host, Joined, JournalError, Keep, Kept, Message, Notice, Notices,
    POSITION_PLACE, Plugin, Position, Published, Request, Response, Result, RouteGap, Since,
    Upgrade,
};
use serde::Deserialize;

const TOPIC: &str = "annals";

struct Annals {
    host: Host,
    options: Options,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    audience: Audience,
}

/// Whose past is kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Audience {
    #[default]
    Topic,
    Everyone,
}

impl Annals {
    fn keep(&self, text: &str, keep: Keep) -> Result<(), JournalError> {
        match self.options.audience {
            Audience::Everyone => self.host.broadcast_kept(text, keep),
            Audience::Topic => self.host.publish_kept(TOPIC, text, keep),
        }
    }

    fn tell(&self, text: &str, keep: Keep) -> Result<Published, JournalError> {
        match self.options.audience {
            Audience::Everyone => self.host.broadcast_and_tell(text, keep),
            Audience::Topic => self.host.publish_and_tell(TOPIC, text, keep),
        }
    }

    fn join(
        &self,
        client: &Client,
        since: Since<'_>,
        notices: &Notices<'_>,
    ) -> Result<Joined, JournalError> {
        match self.options.audience {
            Audience::Everyone => client.hear_from_telling(since, notices),
            Audience::Topic => client.join_from_telling(TOPIC, since, notices),
        }
    }

    fn read(
        &self,
        since: Since<'_>,
        each: impl FnMut(&Position, Message<'_>),
    ) -> Result<Kept, JournalError> {
        match self.options.audience {
            Audience::Everyone => self.host.read_broadcasts(since, 10, 1 << 20, each),
            Audience::Topic => self.host.read_kept(TOPIC, since, 10, 1 << 20, each),
        }
    }

    /// Says `text` behind its own position.
    fn say(&self, text: &str, durable: bool) -> Result {
        let keep = Keep {
            position_at: Some(0),
            durable,
            ..Keep::default()
        };
        let text = format!("{POSITION_PLACE} {text}");
        self.keep(&text, keep)?;
        Ok(())
    }
}

impl Plugin for Annals {
    type Session = ();

    fn create(host: Host, config: Config) -> Result<Self> {
        let options = config.parse()?;
        Ok(Annals { host, options })
    }

    /// Where everyone's past is kept, a client hears it from where it says; `?together` hears everyone at once.
    fn on_upgrade(&self, request: &Request) -> Result<Upgrade> {
        let is_together = request.query_string() == Some("together");
        Ok(
            match self.options.audience == Audience::Everyone && !is_together {
                true => Upgrade::accept().apart(),
                false => Upgrade::accept(),
            },
        )
    }

    /// `?since=POSITION`, `?since=POSITION&or_last=N`, `?last=N`, or from now on. Tells how it went, and from
    /// where on. `?silent` joins nothing.
    fn on_open(&self, client: &Client, request: &Request) -> Result {
        let query = request.query_string().unwrap_or_default();
        if query.split('&').any(|part| part == "silent") {
            return Ok(());
        }
        let value = |name: &str| {
            let mut parts = query.split('&').filter_map(|part| part.split_once('='));
            parts.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let last = |name: &str| value(name).map_or(Ok(0), str::parse);
        let since = match (value("since"), value("last")) {
            (Some(position), _) => Since::After {
                position,
                or_last: last("or_last")?,
            },
            (None, Some(_)) => Since::Last(last("last")?),
            (None, None) => Since::Now,
        };
        let texts = ["fresh", "recovered", "gap"].map(|how| format!("{how} {POSITION_PLACE}"));
        let notice = |text: &'_ str| text.find('-');
        let [fresh, recovered, gap] = &texts;
        let notice = |text| {
            Some(Notice {
                message: Message::Text(text),
                position_at: notice(text),
            })
        };
        let notices = Notices {
            fresh: notice(fresh),
            recovered: notice(recovered),
            gap: notice(gap),
        };
        match self.join(client, since, &notices) {
            Ok(joined) => plugin_api::log::info!("joined: {:?}", joined.outcome),
            Err(error @ JournalError::HearsAlready) => drop(client.send(error.to_string())?),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn on_message(&self, client: &Client, (): &mut (), message: Message) -> Result {
        let text = message.to_string();
        let (command, argument) = text.split_once(' ').unwrap_or((&text, ""));
        match command {
            "say" => self.say(argument, false)?,
            // Durably, as far as a callback can know that.
            "sure" => self.say(argument, true)?,
            "tell" => {
                let published = self.tell(argument, Keep::default())?;
                let position = published.position.map(|position| position.to_string());
                let position = position.unwrap_or_default();
                client.send(format!("told {position} {}", published.members))?;
            }
            // So many messages of so many bytes, each with its number, from the first on.
            "flood" => {
                let numbers: Result<Vec<usize>, _> = argument.split(' ').map(str::parse).collect();
                let [first, count, bytes] = numbers?[..] else {
                    return Err("flood FIRST COUNT BYTES".into());
                };
                for number in first..first + count {
                    self.say(&format!("{number:0bytes$}"), false)?;
                }
            }
            // To all but who says it, kept too.
            "but" => {
                let except = Some(client.id());
                let keep = Keep {
                    except,
                    ..Keep::default()
                };
                self.keep(argument, keep)?;
            }
            // Durably, on a thread of its own, which waits.
            "store" => {
                let (host, client, text) = (self.host, *client, argument.to_owned());
                std::thread::spawn(move || {
                    let keep = Keep {
                        durable: true,
                        ..Keep::default()
                    };
                    let stored = host.publish_kept(TOPIC, text, keep);
                    let told =
                        stored.map_or_else(|error| error.to_string(), |()| "stored".to_owned());
                    // The test may have ended.
                    client.send(told).ok();
                });
            }
            // By a call that knows nothing of journals.
            "cast" if self.options.audience == Audience::Everyone => {
                self.host.broadcast(argument)?;
            }
            "cast" => self.host.publish(TOPIC, argument)?,
            // So many further topics from now on: says how many it hears, and what was said to the next.
            "hear" => {
                let most: usize = argument.parse()?;
                let mut heard = 0;
                let mut told = String::new();
                while heard < most && told.is_empty() {
                    match client.join_from(&format!("topic {heard}"), Since::Now) {
                        Ok(_) => heard += 1,
                        Err(error) => told = error.to_string(),
                    }
                }
                client.send(format!("{heard} {told}"))?;
            }
            "try-read" => {
                let read = self.read(Since::Last(u64::MAX), |_, _| {});
                let told = read.map_or_else(|error| error.to_string(), |_| "read".to_owned());
                client.send(told)?;
            }
            "count" => drop(client.send(self.host.client_count().to_string())?),
            "listed" => drop(client.send(self.host.clients()?.len().to_string())?),
            "echo" => drop(client.send(argument)?),
            "read" => {
                let since = Since::After {
                    position: argument,
                    or_last: u64::MAX,
                };
                let mut texts = Vec::new();
                let kept = self.read(since, |_, message| texts.push(message.to_string()))?;
                let (next, outcome) = (&kept.next, kept.outcome);
                client.send(format!("{outcome:?} {next} {}", texts.join(",")))?;
            }
            other => return Err(format!("unknown command {other}").into()),
        }
        Ok(())
    }

    fn on_close(&self, client: &Client, (): (), cause: &Cause) -> Result {
        let (id, code, reason) = (client.id(), cause.code(), cause.reason());
        plugin_api::log::info!("left {id}: {code} {:?}: {reason}", cause.initiator());
        Ok(())
    }

    fn on_gap(&self, gap: &RouteGap) -> Result {
        let (cause, from, to) = (gap.cause(), gap.from(), gap.to());
        plugin_api::log::info!("told of a gap: {cause:?} {from} {to}");
        Ok(())
    }

    /// `GET`: what is kept. `POST`: keeps the body, durably with `?durable`; answers its position.
    fn on_request(&self, request: &Request) -> Result<Response> {
        if request.method() == "GET" {
            let mut texts = Vec::new();
            self.read(Since::Last(u64::MAX), |_, message| {
                texts.push(message.to_string());
            })?;
            return Ok(Response::text(texts.join(",")));
        }
        let keep = Keep {
            durable: request.query_string() == Some("durable"),
            ..Keep::default()
        };
        let body = std::str::from_utf8(request.body())?;
        match self.tell(body, keep) {
            Ok(published) => {
                let position = published.position.map(|position| position.to_string());
                Ok(Response::text(position.unwrap_or_default()))
            }
            Err(error) => Ok(Response::text(error.to_string()).status(501)),
        }
    }
}

plugin_api::export!(Annals, path = "/annals", event_stream = true);
