//! A plugin that keeps what is said: who connects says in the query from where on it wants to hear the one topic, and
//! each message is a command. What is kept begins with its own position.
#![forbid(unsafe_code)]

use plugin_api::{
    Client, Config, Host, Keep, Message, Notice, Notices, POSITION_PLACE, Plugin, Request,
    Response, Result, Since,
};

const TOPIC: &str = "annals";

struct Annals(Host);

impl Annals {
    /// Says `text` behind its own position.
    fn say(&self, text: &str, durable: bool) -> Result {
        let keep = Keep {
            position_at: Some(0),
            durable,
            ..Keep::default()
        };
        let text = format!("{POSITION_PLACE} {text}");
        self.0.publish_kept(TOPIC, text, keep)?;
        Ok(())
    }
}

impl Plugin for Annals {
    type Session = ();

    fn create(host: Host, _config: Config) -> Result<Self> {
        Ok(Annals(host))
    }

    /// `?since=POSITION`, `?since=POSITION&or_last=N`, `?last=N`, or from now on. Tells how it went, and from
    /// where on. `?silent` joins nothing.
    fn on_open(&self, client: &Client, request: &Request) -> Result {
        let query = request.query_string().unwrap_or_default();
        if query == "silent" {
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
        let joined = client.join_from_telling(TOPIC, since, &notices)?;
        plugin_api::log::info!("joined: {:?}", joined.outcome);
        Ok(())
    }

    fn on_message(&self, client: &Client, (): &mut (), message: Message) -> Result {
        let text = message.to_string();
        let (command, argument) = text.split_once(' ').unwrap_or((&text, ""));
        match command {
            "say" => self.say(argument, false)?,
            "tell" => {
                let published = self.0.publish_and_tell(TOPIC, argument, Keep::default())?;
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
            "echo" => drop(client.send(argument)?),
            "read" => {
                let since = Since::After {
                    position: argument,
                    or_last: u64::MAX,
                };
                let mut texts = Vec::new();
                let kept = self.0.read_kept(TOPIC, since, 10, 1 << 20, |_, message| {
                    texts.push(message.to_string());
                })?;
                let (next, outcome) = (&kept.next, kept.outcome);
                client.send(format!("{outcome:?} {next} {}", texts.join(",")))?;
            }
            other => return Err(format!("unknown command {other}").into()),
        }
        Ok(())
    }

    /// `POST`: keeps the body, durably with `?durable`; answers its position.
    fn on_request(&self, request: &Request) -> Result<Response> {
        let keep = Keep {
            durable: request.query_string() == Some("durable"),
            ..Keep::default()
        };
        let body = std::str::from_utf8(request.body())?;
        match self.0.publish_and_tell(TOPIC, body, keep) {
            Ok(published) => {
                let position = published.position.map(|position| position.to_string());
                Ok(Response::text(position.unwrap_or_default()))
            }
            Err(error) => Ok(Response::text(error.to_string()).status(501)),
        }
    }
}

plugin_api::export!(Annals, path = "/annals");
