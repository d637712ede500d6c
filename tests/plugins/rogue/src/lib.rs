//! A plugin that misbehaves without failing: it floods, leaks, haunts, leaves threads behind and sets timers without end, each
//! when a message says so. What fails or blocks is the plugin `faulty`'s, what breaks the ABI is `tests/c/garbage.c`'s.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use plugin_api::{
    Cause, Client, ClientId, Config, Delivery, Host, Message, Plugin, Request, Result, Timer, log,
};

struct Rogue(Host);

/// What is left to do when a client has gone.
#[derive(Default)]
struct Session {
    haunts: bool,
    panics: bool,
    turns: u64,
}

/// A session whose end fails too.
impl Drop for Session {
    fn drop(&mut self) {
        assert!(!self.panics, "told to panic in the session's drop");
    }
}

/// Calls the host when its thread ends.
struct Parting(Cell<Option<Host>>);

impl Drop for Parting {
    fn drop(&mut self) {
        if let Some(host) = self.0.take() {
            host.publish("nobody", "from the very end").ok();
        }
    }
}

thread_local! {
    static PARTING: Parting = const { Parting(Cell::new(None)) };
}

impl Plugin for Rogue {
    type Session = Session;

    fn create(host: Host, _config: Config) -> Result<Self> {
        Ok(Rogue(host))
    }

    fn on_open(&self, _client: &Client, _request: &Request) -> Result<Session> {
        Ok(Session::default())
    }

    /// An order, which is answered with what came of it; any other message comes back.
    fn on_message(&self, client: &Client, session: &mut Session, message: Message) -> Result {
        let text = message.to_string();
        let (order, number) = text.split_once(' ').unwrap_or((&text, "0"));
        let number: usize = number.parse().unwrap_or(0);
        let answer = match order {
            "flood" => self.flood(number)?,
            "leak" => leak(number),
            "haunt" => {
                session.haunts = true;
                "haunts".to_owned()
            }
            "panic-in-drop" => {
                session.panics = true;
                "panics in its drop".to_owned()
            }
            "threads" => self.brief_threads(number)?,
            "timers" => self.timers(number),
            "client-timers" => client_timers(client, number),
            _ => text.clone(),
        };
        client.send(answer)?;
        Ok(())
    }

    fn on_close(&self, client: &Client, session: Session, _cause: &Cause) -> Result {
        if session.haunts {
            let (host, id) = (client.host(), client.id());
            thread::Builder::new()
                .name("ghost".to_owned())
                .spawn(move || haunt(host, id))?;
        }
        Ok(())
    }

    fn on_timer(&self, _timer: Timer) -> Result {
        Ok(())
    }
}

impl Rogue {
    /// So many threads publish without end to nobody: a neighbour that is told all of it would rightly be too slow.
    fn flood(&self, threads: usize) -> Result<String> {
        for _ in 0..threads {
            let host = self.0;
            thread::Builder::new()
                .name("flood".to_owned())
                .spawn(move || {
                    loop {
                        host.publish("nobody", vec![0; 1000]).ok();
                        host.publish("nobody", "flood").ok();
                    }
                })?;
        }
        Ok(format!("{threads} flood"))
    }

    /// So many threads call the host and end, and call it once more while they end.
    fn brief_threads(&self, count: usize) -> Result<String> {
        for _ in 0..count {
            let (host, (done, is_done)) = (self.0, mpsc::channel());
            let thread = thread::Builder::new()
                .name("brief".to_owned())
                .spawn(move || {
                    PARTING.with(|parting| parting.0.set(Some(host)));
                    done.send(host.client_count()).ok();
                })?;
            is_done.recv()?;
            thread.join().ok();
        }
        Ok(format!("{count} ended"))
    }

    fn timers(&self, count: usize) -> String {
        let set = (0..count).filter(|_| self.0.set_interval(Duration::from_millis(1)).is_ok());
        format!("{} set", set.count())
    }
}

fn leak(mebibytes: usize) -> String {
    for _ in 0..mebibytes {
        // Written to, so that it is memory and not only addresses.
        vec![1_u8; 1024 * 1024].leak();
    }
    format!("{mebibytes} MiB leaked")
}

fn client_timers(client: &Client, count: usize) -> String {
    let every = |_| {
        client.every::<Rogue>(Duration::from_millis(1), |_, _, session| {
            session.turns += 1;
            Ok(())
        })
    };
    let set = (0..count).filter(|number| every(*number).is_ok());
    format!("{} set", set.count())
}

/// Every call about a client that has gone.
fn haunt(host: Host, id: ClientId) {
    let client = host.client(id);
    let mut answered = 0;
    for _ in 0..1000 {
        answered += u32::from(client.send("boo").ok() != Some(Delivery::Gone));
        client.close(1000, "again").ok();
        client.join("nobody").ok();
        client.flush();
        client.set_label("ghost").ok();
        let turn = host.with_session::<Rogue>(id, |_, _, _| panic!("its session is over"));
        answered += u32::from(turn.ok() == Some(Delivery::Queued));
    }
    log::info!("haunted {id}: {answered} calls reached it");
}

plugin_api::export!(Rogue, path = "/rogue");
