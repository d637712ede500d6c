//! A plugin that fails in each of its callbacks in the way that it is told: `panic`, `fail`,
//! `block MILLISECONDS`, `bomb`, a panic whose payload panics again when it is dropped, `thread`, a
//! panic on a thread of its own, or `wait` and `linger`, which hold up the callback or the end of its
//! thread until someone is told `go on`.
#![forbid(unsafe_code)]

use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use plugin_api::{
    Cause, Client, ClientId, Config, Fault, Host, Message, Plugin, Request, Response, Result,
    Timer, Upgrade, log,
};

struct Faulty {
    host: Host,
    options: Options,
}

/// How `create` and `on_timer` fail, which hear from no client.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    create: String,
    timer: String,
    destroy: String,
    /// So many threads call the host again and again, and are never ended.
    hammers: u32,
    /// After so many rounds each of them panics; 0 for never.
    hammer_rounds: u64,
}

/// Makes every call that any thread may make, for so many rounds or, with 0, without end.
fn hammer(host: Host, rounds: u64) {
    for count in 1_u64.. {
        host.broadcast(format!("hammered {count}")).ok();
        host.publish("nails", vec![0; 100]).ok();
        let client = host.client(ClientId::from(count % 16 + 1));
        client.send("hammered").ok();
        client.join("nails").ok();
        host.member_count("nails").ok();
        assert!(count != rounds, "told to panic after {count} rounds");
    }
}

/// What `on_close` and `on_error` are to do.
#[derive(Default)]
struct Session {
    close: String,
    error: String,
}

/// Who is told `go on` opens it, once and for all.
static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

fn wait_at_gate() {
    let is_open = GATE.0.lock().expect("nobody panics with it");
    let waited = GATE.1.wait_while(is_open, |is_open| !*is_open);
    drop(waited.expect("nobody panics with it"));
}

fn open_gate() {
    *GATE.0.lock().expect("nobody panics with it") = true;
    GATE.1.notify_all();
}

/// A thread-local value whose drop takes as long as the gate is closed.
struct Lingers;

impl Drop for Lingers {
    fn drop(&mut self) {
        wait_at_gate();
    }
}

thread_local! {
    static LINGERS: Lingers = const { Lingers };
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload was dropped");
    }
}

fn obey(order: &str) -> Result {
    match order.split_once(' ').unwrap_or((order, "")) {
        ("panic", _) => panic!("told to panic"),
        ("bomb", _) => std::panic::panic_any(Bomb),
        ("thread", _) => {
            let spawned = thread::Builder::new().name("of-its-own".to_owned());
            let panicking = spawned.spawn(|| panic!("told to panic on a thread"))?;
            // The panic is the order.
            panicking.join().ok();
            Ok(())
        }
        ("wait", _) => {
            log::info!("waits at the gate");
            wait_at_gate();
            Ok(())
        }
        ("linger", _) => {
            LINGERS.with(|_| ());
            log::info!("is going to linger");
            Ok(())
        }
        ("go", "on") => {
            open_gate();
            Ok(())
        }
        ("fail", _) => Err("told to fail".into()),
        ("block", milliseconds) => {
            log::info!("blocks for {milliseconds} ms");
            thread::sleep(Duration::from_millis(milliseconds.parse()?));
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Plugin for Faulty {
    type Session = Session;

    fn create(host: Host, config: Config) -> Result<Self> {
        let options: Options = config.parse()?;
        obey(&options.create)?;
        for _ in 0..options.hammers {
            thread::Builder::new()
                .name("hammer".to_owned())
                .spawn(move || hammer(host, options.hammer_rounds))?;
        }
        Ok(Faulty { host, options })
    }

    /// `?upgrade=ORDER`, with `+` for a space.
    fn on_upgrade(&self, request: &Request) -> Result<Upgrade> {
        obey(&order(request, "upgrade="))?;
        Ok(Upgrade::accept())
    }

    /// `?open=ORDER`.
    fn on_open(&self, client: &Client, request: &Request) -> Result<Session> {
        obey(&order(request, "open="))?;
        log::info!("opened {}", client.id());
        Ok(Session::default())
    }

    /// An order, or `CALLBACK: ORDER` for a callback that comes later. The answer is `done`.
    fn on_message(&self, client: &Client, session: &mut Session, message: Message) -> Result {
        let text = message.to_string();
        match text.split_once(": ") {
            Some(("close", order)) => order.clone_into(&mut session.close),
            Some(("error", order)) => order.clone_into(&mut session.error),
            Some(("timer", _)) => drop(self.host.set_timer(Duration::from_millis(1))?),
            _ => obey(&text)?,
        }
        client.send("done")?;
        Ok(())
    }

    fn on_open_failed(&self, client: &Client, cause: &Cause) -> Result {
        let (id, by, sent) = (client.id(), cause.initiator(), client.send("too late")?);
        log::info!("never opened {id}: {cause} by {by:?}, send {sent:?}");
        Ok(())
    }

    fn on_close(&self, client: &Client, session: Session, cause: &Cause) -> Result {
        log::info!("closed {}: {cause}", client.id());
        obey(&session.close)
    }

    /// `error: forgive` lets the client stay.
    fn on_error(&self, client: &Client, session: &mut Session, fault: &Fault) -> Result {
        log::info!("error of {}: {fault}", client.id());
        if session.error == "forgive" {
            return Ok(());
        }
        obey(&session.error)?;
        Err(fault.clone().into())
    }

    /// `?request=ORDER`.
    fn on_request(&self, request: &Request) -> Result<Response> {
        obey(&order(request, "request="))?;
        Ok(Response::text("served"))
    }

    fn on_timer(&self, _timer: Timer) -> Result {
        obey(&self.options.timer)
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        obey(&self.options.destroy).ok();
    }
}

fn order(request: &Request, name: &str) -> String {
    let order = request
        .query_string()
        .and_then(|query| query.split('&').next()?.strip_prefix(name));
    order.unwrap_or_default().replace('+', " ")
}

plugin_api::export!(Faulty, path = "/faulty");
