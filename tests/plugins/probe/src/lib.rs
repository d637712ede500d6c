//! A plugin that does what the test tells it: each text message is one command, and what came of it
//! goes back. Between them the commands make every call that the host offers.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use plugin_api::metrics::MetricError;
use plugin_api::{
    Cause, Client, ClientId, Config, Delivery, Host, HostsError, Kind, Message, Plugin, Presence,
    Request, Response, Result, Saved, Timer, TurnError, Upgrade, log,
};

thread_local! {
    /// What `on-this-thread` was asked.
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Probe {
    host: Host,
    config: Option<String>,
    stop: Arc<AtomicBool>,
    speaker: Mutex<Option<JoinHandle<()>>>,
    gate: Gate,
}

/// Holds up whoever waits until it is opened, once and for all.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().expect("nobody panics with it") = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        let is_open = self.is_open.lock().expect("nobody panics with it");
        let waited = self.opened.wait_while(is_open, |is_open| !*is_open);
        drop(waited.expect("nobody panics with it"));
    }
}

#[derive(Default)]
struct Session {
    messages: u64,
    request: String,
    /// What others have given to it.
    given: u64,
    timer: Option<Timer>,
}

fn session_of(request: &Request) -> Session {
    let headers: Vec<String> = request
        .headers()
        .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)))
        .collect();
    let request = format!(
        "method={} path={} query={:?} name={:?} peer={} address={} inside={} {} certificate={:?}",
        request.method(),
        request.path(),
        request.query_string(),
        request.param("name"),
        request.peer(),
        request.client_address(),
        request.is_inside(),
        headers.join(" "),
        request.certificate(),
    );
    Session {
        request,
        ..Session::default()
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    text: Option<String>,
}

impl Plugin for Probe {
    type Session = Session;

    fn create(host: Host, config: Config) -> Result<Self> {
        let options: Options = config.parse()?;
        let (stop, speaker) = (Arc::default(), Mutex::default());
        Ok(Probe {
            host,
            config: options.text,
            stop,
            speaker,
            gate: Gate::default(),
        })
    }

    /// `?refuse` refuses, `?refuse=STATUS` with that, and `?gone` with 204; `?subprotocol=NAME` chooses one; every answer
    /// has a header of its own. `?block` blocks until a client of the route has left.
    fn on_upgrade(&self, request: &Request) -> Result<Upgrade> {
        if request.query_string() == Some("block") {
            log::info!("on_upgrade blocks");
            self.gate.wait();
        }
        match request.query_string() {
            Some("refuse") => {
                let response = Response::new(401).header("WWW-Authenticate", "Probe");
                Ok(Upgrade::refuse(response.body("not you")))
            }
            Some(query) if query.starts_with("refuse=") => {
                let status = query["refuse=".len()..].parse()?;
                Ok(Upgrade::refuse(Response::new(status)))
            }
            Some("gone") => Ok(Upgrade::refuse(Response::new(204))),
            Some(query) if query.starts_with("subprotocol=") => {
                Ok(Upgrade::accept().subprotocol(&query["subprotocol=".len()..]))
            }
            _ => Ok(Upgrade::accept().header("X-Probe", "admitted")),
        }
    }

    /// `?hello` greets before the first message, and whoever can ask for nothing is told what it is; `?stack` uses
    /// [`STACK_BYTES`] of stack.
    fn on_open(&self, client: &Client, request: &Request) -> Result<Session> {
        match request.query_string() {
            Some("hello") => drop(client.send("hello")?),
            Some("stack") => use_stack(),
            _ => {}
        }
        if request.kind() == Kind::EventStream {
            client.send(format!("{:?} {:?}", request.kind(), request.page()))?;
        }
        log::info!("opened {}", client.id());
        Ok(session_of(request))
    }

    /// Its predecessor's clients begin anew, and have not come a second time.
    fn on_resume(&self, _: &Client, request: &Request, _: Option<Saved<'_>>) -> Result<Session> {
        Ok(session_of(request))
    }

    fn on_message(&self, client: &Client, session: &mut Session, message: Message) -> Result {
        session.messages += 1;
        let text = message.to_string();
        let (command, argument) = text.split_once(' ').unwrap_or((&text, ""));
        let answer = self.obey(client, session, command, argument)?;
        if !answer.is_empty() {
            client.send(answer)?;
        }
        Ok(())
    }

    fn on_close(&self, client: &Client, session: Session, cause: &Cause) -> Result {
        let (id, code, reason) = (client.id(), cause.code(), cause.reason());
        let (by, messages) = (cause.initiator(), session.messages);
        self.gate.open();
        log::info!("closed {id}: {code} by {by:?} after {messages} messages: {reason}");
        log::info!("at the end of {id} its handshake was {}", handshake(client));
        let delivery = client.send("too late")?;
        let (clients, members) = (self.host.client_count(), self.host.member_count("room")?);
        log::info!(
            "send after the close of {id}: {delivery:?}, {clients} clients, {members} in the room"
        );
        self.host.broadcast(format!("client {id} has left"))?;
        Ok(())
    }

    /// Gives back what came. `?status=N` answers that status, `?bytes=N` so many bytes, `?inside` whether
    /// it comes from inside, and `?block` blocks until a client of the route has left.
    fn on_request(&self, request: &Request) -> Result<Response> {
        match request
            .query_string()
            .and_then(|query| query.split_once('='))
        {
            Some(("status", status)) => return Ok(Response::text("status").status(status.parse()?)),
            Some(("bytes", count)) => {
                log::info!("on_request answers {count} bytes");
                return Ok(Response::text("x".repeat(count.parse()?)));
            }
            _ => {}
        }
        if request.query_string() == Some("inside") {
            let word = if request.is_inside() {
                "inside"
            } else {
                "outside"
            };
            return Ok(Response::text(word).status(201));
        }
        if request.query_string() == Some("block") {
            log::info!("on_request blocks");
            self.gate.wait();
        }
        let body = String::from_utf8_lossy(request.body());
        let text = format!("{} {} {body}", request.method(), request.path());
        Ok(Response::text(text)
            .status(201)
            .header("X-Probe", "answered"))
    }

    fn on_timer(&self, timer: Timer) -> Result {
        self.host.publish("timers", format!("timer {timer:?}"))?;
        Ok(())
    }
}

impl Probe {
    /// What is about all hosts: what a client is called there, how many there are and who, and to tell one of them something.
    fn everywhere(&self, client: &Client, command: &str, argument: &str) -> Result<String> {
        let (first, rest) = argument.split_once(' ').unwrap_or((argument, ""));
        Ok(match command {
            "id" => client.everywhere_id()?.to_string(),
            "shared" => self.host.is_shared().to_string(),
            "count" => self.host.count_everywhere().to_string(),
            "list" => {
                let mut listed: Vec<String> = self
                    .host
                    .called_everywhere(argument)?
                    .iter()
                    .map(|member| format!("{}={}", member.id(), member.label()))
                    .collect();
                listed.sort();
                format!("[{}]", listed.join(" "))
            }
            "send" => told(self.host.send_everywhere(first.parse()?, rest)),
            "send-binary" => told(self.host.send_everywhere(first.parse()?, rest.as_bytes())),
            // To all, to the one, and to all again.
            "between" => {
                self.host.broadcast("before")?;
                let told = told(self.host.send_everywhere(first.parse()?, "between"));
                self.host.broadcast("behind")?;
                told
            }
            "close" => {
                let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
                let (id, code) = (first.parse()?, code.parse()?);
                told(self.host.close_everywhere(id, code, reason))
            }
            other => return Err(format!("unknown command {other}").into()),
        })
    }

    fn obey(
        &self,
        client: &Client,
        session: &mut Session,
        command: &str,
        argument: &str,
    ) -> Result<String> {
        let (first, rest) = argument.split_once(' ').unwrap_or((argument, ""));
        match command {
            // One after another in this callback: `all join a; publish a text; leave a`.
            "all" => {
                for command in argument.split("; ") {
                    let (command, argument) = command.split_once(' ').unwrap_or((command, ""));
                    self.obey(client, session, command, argument)?;
                }
            }
            "stack" => {
                use_stack();
                return Ok("done".to_owned());
            }
            "id" => return Ok(client.id().to_string()),
            "on-this-thread" => {
                let heard = HEARD.with_borrow_mut(|heard| {
                    heard.push(argument.to_owned());
                    heard.join(",")
                });
                return Ok(heard);
            }
            "given" => return Ok(session.given.to_string()),
            "messages" => return Ok(session.messages.to_string()),
            "request" => return Ok(session.request.clone()),
            "option" => return Ok(format!("{:?}", self.config)),
            "path" => return Ok(self.host.path()),
            "handshake" => return Ok(handshake(client)),
            "handshake-of" => {
                return Ok(handshake(
                    &self.host.client(argument.parse::<u64>()?.into()),
                ));
            }
            "connected" => {
                let client = self.host.client(argument.parse::<u64>()?.into());
                return Ok(client.is_connected().to_string());
            }
            "buffered" => {
                let client = self.host.client(argument.parse::<u64>()?.into());
                return Ok(client.buffered_bytes().to_string());
            }
            "clients" => return Ok(self.host.client_count().to_string()),
            "members" => return Ok(self.host.member_count(argument)?.to_string()),
            "join" => client.join(argument)?,
            "leave" => client.leave(argument)?,
            "publish" => self.host.publish(first, rest)?,
            "publish-except-me" => self.host.publish_except(first, rest, client.id())?,
            "broadcast" => self.host.broadcast(argument)?,
            "broadcast-except" => {
                self.host
                    .broadcast_except(rest, ClientId::from(first.parse::<u64>()?))?;
            }
            "broadcast-binary" => self.host.broadcast(argument.as_bytes())?,
            "close" => client.close(first.parse()?, rest)?,
            "send-to" => {
                let other = self.host.client(ClientId::from(first.parse::<u64>()?));
                return Ok(format!("{:?}", other.send(rest)?));
            }
            "close-other" => self
                .host
                .client(ClientId::from(first.parse::<u64>()?))
                .close(4000, rest)?,
            "timer" => drop(
                self.host
                    .set_timer(Duration::from_millis(argument.parse()?))?,
            ),
            "interval" => drop(
                self.host
                    .set_interval(Duration::from_millis(argument.parse()?))?,
            ),
            "cancelled-timer" => {
                let timer = self
                    .host
                    .set_timer(Duration::from_millis(argument.parse()?))?;
                self.host.cancel_timer(timer);
            }
            "flush-then-sleep" => {
                client.send("before")?;
                client.flush();
                thread::sleep(Duration::from_millis(argument.parse()?));
                return Ok("after".to_owned());
            }
            "label" => {
                let told = client.set_label(argument);
                return Ok(told.map_or_else(|error| error.to_string(), |()| "labelled".to_owned()));
            }
            "join-told" => {
                let (joined, left) = (format!("{rest} came"), format!("{rest} went"));
                let presence = Presence::new().joined(&joined).left(&left);
                let told = client.join_told(first, &presence);
                return Ok(told.map_or_else(|error| error.to_string(), |()| "joined".to_owned()));
            }
            // Until a client of the route has left.
            "block" => {
                client.send("blocks")?;
                client.flush();
                self.gate.wait();
                return Ok("unblocked".to_owned());
            }
            // The session of another client, or of this one, on its turn: `give 2 hello`.
            "give" => return self.give(first.parse()?, rest.to_owned()),
            "give-many" => self.give_many(first.parse()?, rest.parse()?),
            "after" => {
                let (delay, text) = (Duration::from_millis(first.parse()?), rest.to_owned());
                client.after::<Probe>(delay, move |_, client, session| {
                    given(client, session, &text)
                })?;
                return Ok("set".to_owned());
            }
            "every" => {
                let (period, text) = (Duration::from_millis(first.parse()?), rest.to_owned());
                let timer = client.every::<Probe>(period, move |_, client, session| {
                    given(client, session, &text)
                })?;
                session.timer = Some(timer);
                return Ok("set".to_owned());
            }
            "no-more" => session
                .timer
                .take()
                .into_iter()
                .for_each(|of| self.host.cancel_timer(of)),
            "list" => {
                let listed = match argument {
                    "" => self.host.clients()?,
                    topic => self.host.members(topic)?,
                };
                let mut listed: Vec<String> = listed
                    .iter()
                    .map(|member| format!("{}={}", member.id(), member.label()))
                    .collect();
                listed.sort();
                return Ok(format!("[{}]", listed.join(" ")));
            }
            "everywhere" => return self.everywhere(client, first, rest),
            "say" => drop(client.send(argument)?),
            "say-uncompressed" => {
                self.host.uncompressed(|| client.send(argument))?;
            }
            "broadcast-uncompressed" => {
                self.host.uncompressed(|| self.host.broadcast(argument))?;
            }
            "flush" => client.flush(),
            "burst" => {
                for number in 0..argument.parse::<u32>()? {
                    client.send(number.to_string())?;
                }
            }
            "flood" => flood(self.host, first.parse()?, rest.parse()?),
            "chatter" => chatter(self.host, client.id()),
            "thread" => self.start_speaker(argument.parse()?),
            "log" => log::warn!("{argument}"),
            "metric" => {
                let told = self.metric(argument);
                return Ok(told.map_or_else(|error| error.to_string(), str::to_owned));
            }
            _ => return Err(format!("unknown command {command}").into()),
        }
        Ok(String::new())
    }

    fn give(&self, id: u64, text: String) -> Result<String> {
        let given = self
            .host
            .with_session::<Probe>(id.into(), move |_, client, session| {
                given(client, session, &text)
            });
        Ok(given.map_or_else(|error| error.to_string(), |given| format!("{given:?}")))
    }

    /// A thread of its own gives a client so many, however many the server takes at once.
    fn give_many(&self, id: u64, count: u64) {
        let host = self.host;
        thread::spawn(move || {
            for _ in 0..count {
                let give = || {
                    host.with_session::<Probe>(id.into(), |_, _, session| {
                        session.given += 1;
                        Ok(())
                    })
                };
                while give() == Err(TurnError::TooMany) {
                    thread::yield_now();
                }
            }
            log::info!("has given {count} to {id}");
        });
    }

    /// Metrics of the plugin's own; what cannot be is answered with its reason.
    fn metric(&self, argument: &str) -> std::result::Result<&'static str, MetricError> {
        let metrics = self.host.metrics()?;
        let (what, rest) = argument.split_once(' ').unwrap_or((argument, ""));
        let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
        let number = first.parse().unwrap_or(f64::NAN);
        let help = "What a test counts";
        match what {
            "count" => {
                let counted = metrics.counters("counted", help, [first])?;
                counted.with([second])?.increment();
                Ok("counted")
            }
            "gauge" => {
                metrics.gauge("level", help)?.set(number);
                Ok("set")
            }
            "observe" => {
                let sizes = metrics.histogram("sizes", help, &[1.0, 10.0])?;
                sizes.observe(number);
                Ok("observed")
            }
            "declare" => metrics.counter(first, help).map(|_| "declared"),
            "many" => {
                for at in 0..number as u32 {
                    metrics.counters(&format!("many{at}"), help, [])?;
                }
                Ok("declared")
            }
            _ => {
                let series = metrics.counters("series", help, ["of"])?;
                for at in 0..number as u32 {
                    series.with([&at.to_string()])?.increment();
                }
                Ok("declared")
            }
        }
    }

    /// A thread of the plugin's own, which keeps the host and speaks every so many milliseconds.
    fn start_speaker(&self, period_ms: u64) {
        let (host, stop) = (self.host, self.stop.clone());
        let speaker = thread::spawn(move || {
            let mut number = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                // A route that is gone is no error.
                host.broadcast(format!("spoken {number}")).ok();
                thread::park_timeout(Duration::from_millis(period_ms));
            }
        });
        *self.speaker.lock().expect("nobody panics with it") = Some(speaker);
    }
}

/// Somebody gives a client something: `panic` and `fail` do what they say.
/// What the client has asked for when it came, where the server shows it.
fn handshake(client: &Client) -> String {
    let told = client.with_request(|request| {
        let header = request.header("X-Told").unwrap_or_default();
        format!("{} {:?} {header:?}", request.path(), request.query_string())
    });
    told.unwrap_or_else(|| "nothing is shown".to_owned())
}

fn given(client: &Client, session: &mut Session, text: &str) -> Result {
    assert_ne!(text, "panic", "told to panic");
    if text == "fail" {
        return Err("told to fail".into());
    }
    if text == "handshake" {
        client.send(handshake(client))?;
        return Ok(());
    }
    session.given += 1;
    client.send(format!("given {}: {text}", session.given))?;
    Ok(())
}

/// Less than the server gives back from a silent client.
const STACK_BYTES: usize = 40 * 1024;

/// Touches [`STACK_BYTES`] of the thread's stack.
#[inline(never)]
fn use_stack() {
    std::hint::black_box(&mut [1_u8; STACK_BYTES]);
}

/// A thread of the plugin's own that broadcasts as fast as it is let, and logs when it is done.
fn flood(host: Host, count: u64, bytes: usize) {
    thread::spawn(move || {
        for number in 0..count {
            // A route that is gone is no error.
            host.broadcast(format!("{number:0bytes$}")).ok();
        }
        log::info!("the flood is over after {count} messages");
    });
}

/// A thread of the plugin's own that makes one host call after another and never ends: it outlives
/// the instance, and the stop.
fn chatter(host: Host, id: ClientId) {
    thread::spawn(move || {
        log::info!("the chatter begins");
        let client = host.client(id);
        loop {
            // Whatever the host answers, it goes on.
            client.send("chatter").ok();
            client.join("chatter").ok();
            host.publish("chatter", "chatter").ok();
            host.member_count("chatter").ok();
            host.broadcast("chatter").ok();
            client.leave("chatter").ok();
            host.set_timer(Duration::from_secs(3600)).ok();
            client.flush();
            host.client_count();
            host.path();
        }
    });
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(speaker) = self.speaker.lock().expect("nobody panics with it").take() {
            speaker.thread().unpark();
            speaker.join().expect("the speaker does not panic");
        }
        log::info!("the probe has gone");
    }
}

plugin_api::export!(
    Probe,
    path = "/probe",
    subprotocols = ["probe.v2", "probe.v1"]
);

/// What became of something that was said to one client on whichever host.
fn told(outcome: Result<Delivery, HostsError>) -> String {
    outcome.map_or_else(|error| error.to_string(), |told| format!("{told:?}"))
}
