//! A plugin of which the tests make as many versions as they like: they write over `MARK` in the
//! library's file, and what stands there is how that version behaves.
//!
//! Words of the mark: the version's name first, then any of `fail-create`, `panic-create`, `fail-resume`, `fail-save`,
//! `fail-session` (for clients that said `odd`), `saves-nothing`, `takes-options`, `tells-all` (6 MiB to nobody, then to all
//! and to each that it takes over who has come). When it goes, it logs how many sessions are left in memory.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use plugin_api::{
    Cause, Client, Config, Delivery, Host, Message, Plugin, Reconfigured, Request, Result, Saved,
    Timer, load, log, save,
};
use serde::{Deserialize, Serialize};

/// Found and written over by the tests; 64 bytes, padded with blanks.
static MARK: [u8; 64] = *b"DETENT-TEST-MARK first                                          ";

fn words() -> impl Iterator<Item = &'static str> {
    // Read at run time, so that what the tests wrote is what counts.
    let mark = std::hint::black_box(&MARK);
    std::str::from_utf8(mark)
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
}

fn name() -> &'static str {
    words().next().unwrap_or_default()
}

fn is(word: &str) -> bool {
    words().any(|of| of == word)
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    greeting: String,
    /// Broadcasts `tick` on a thread of its own, every millisecond.
    ticks: bool,
    /// Broadcasts `timer` every so many milliseconds.
    timer_ms: u64,
}

struct Variant {
    options: Mutex<Options>,
    /// Messages of all clients, over all versions.
    total: AtomicU64,
    ticker: Option<Ticker>,
    host: Host,
    /// Clients that were told to wait may go on.
    is_released: Mutex<bool>,
    released: Condvar,
}

/// What a client's session holds.
#[derive(Default, Serialize, Deserialize)]
struct Session {
    /// Messages of this client, over all versions.
    count: u64,
    is_odd: bool,
    /// How often it was taken over.
    resumed: u64,
    user: String,
    #[serde(skip)]
    _life: Life,
}

/// Sessions of this version that nobody has freed.
static ALIVE: AtomicI64 = AtomicI64::new(0);

/// Counts a session from its making to its end.
struct Life;

impl Default for Life {
    fn default() -> Life {
        ALIVE.fetch_add(1, SeqCst);
        Life
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, SeqCst);
    }
}

fn session_of(request: &Request) -> Session {
    let user = request.header("X-User").unwrap_or_default().to_owned();
    Session {
        user,
        ..Session::default()
    }
}

/// A thread that speaks until it is told to end.
struct Ticker {
    is_ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(host: Host) -> Result<Ticker> {
        let is_ending = Arc::new(AtomicBool::new(false));
        let told = is_ending.clone();
        let thread = thread::Builder::new()
            .name("ticker".to_owned())
            .spawn(move || {
                let mut count = 0;
                while !told.load(SeqCst) {
                    count += 1;
                    let told = host.broadcast(format!("tick {} {count}", name()));
                    if told.is_err() {
                        log::error!("tick {count} was not taken");
                    }
                    thread::park_timeout(Duration::from_millis(1));
                }
                // The number of clients of a route that is gone is 0, whoever is there.
                let gone = host.client(1.into()).send("never") == Ok(Delivery::Gone);
                log::info!("ticker of {} has ended, gone: {gone}", name());
            })?;
        Ok(Ticker {
            is_ending,
            thread: Some(thread),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.is_ending.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Variant {
    fn wait_for_release(&self) -> Result {
        let is_released = self.is_released.lock().map_err(|_| "poisoned")?;
        let waited = self.released.wait_while(is_released, |released| !*released);
        drop(waited.map_err(|_| "poisoned")?);
        Ok(())
    }
}

impl Plugin for Variant {
    type Session = Session;

    fn create(host: Host, config: Config) -> Result<Self> {
        assert!(!is("panic-create"), "told to panic in create");
        if is("fail-create") {
            return Err("told to fail in create".into());
        }
        let options: Options = config.parse()?;
        if options.timer_ms > 0 {
            host.set_interval(Duration::from_millis(options.timer_ms))?;
        }
        let ticker = options.ticks.then(|| Ticker::start(host)).transpose()?;
        log::info!("created {}", name());
        Ok(Variant {
            options: Mutex::new(options),
            total: AtomicU64::new(0),
            ticker,
            host,
            is_released: Mutex::default(),
            released: Condvar::new(),
        })
    }

    fn resume(host: Host, config: Config, state: Saved<'_>) -> Result<Self> {
        let variant = Self::create(host, config)?;
        if is("fail-resume") {
            return Err("told not to understand the state".into());
        }
        log::info!("{} resumes from format {}", name(), state.format());
        variant.total.store(load(state)?, SeqCst);
        Ok(variant)
    }

    fn save_state(&self) -> Result<Option<Vec<u8>>> {
        if is("fail-save") {
            return Err("told to fail in save_state".into());
        }
        if is("saves-nothing") {
            Ok(None)
        } else {
            save(&self.total)
        }
    }

    fn save_session(&self, _: &Client, session: &Session) -> Result<Option<Vec<u8>>> {
        if is("saves-nothing") {
            Ok(None)
        } else {
            save(session)
        }
    }

    /// `?wait` does not return until a client says `release`.
    fn on_open(&self, client: &Client, request: &Request) -> Result<Session> {
        if request.query_string() == Some("wait") {
            log::info!("on_open of {} waits", client.id());
            self.wait_for_release()?;
        }
        log::info!("opened {}", client.id());
        Ok(session_of(request))
    }

    fn on_resume(
        &self,
        client: &Client,
        request: &Request,
        saved: Option<Saved<'_>>,
    ) -> Result<Session> {
        let Some(saved) = saved else {
            client.send(format!("{} has no memory of you", name()))?;
            return Ok(session_of(request));
        };
        let mut session: Session = load(saved)?;
        if is("fail-session") && session.is_odd {
            return Err("told not to take odd ones".into());
        }
        session.resumed += 1;
        if is("tells-all") {
            let large = "x".repeat(256 * 1024);
            for _ in 0..24 {
                self.host.publish("nobody", &large)?;
            }
            self.host.broadcast(format!("{} has come", name()))?;
            client.send(format!("{} has you", name()))?;
        }
        log::info!(
            "{} takes {} over from format {}",
            name(),
            client.id(),
            saved.format()
        );
        Ok(session)
    }

    fn reconfigure(&self, config: Config) -> Result<Reconfigured> {
        let options: Options = config.parse()?;
        if options.greeting == "refuse" {
            return Err("told to refuse these options".into());
        }
        if !is("takes-options") {
            return Ok(Reconfigured::HandOver);
        }
        *self.options.lock().map_err(|_| "poisoned")? = options;
        Ok(Reconfigured::Done)
    }

    fn on_message(&self, client: &Client, session: &mut Session, message: Message) -> Result {
        session.count += 1;
        let total = self.total.fetch_add(1, SeqCst) + 1;
        let text = message.as_text().unwrap_or_default();
        match text.split_once(' ').unwrap_or((text, "")) {
            ("odd", _) => session.is_odd = true,
            ("release", _) => {
                *self.is_released.lock().map_err(|_| "poisoned")? = true;
                self.released.notify_all();
            }
            ("block", "") => {
                log::info!("blocks");
                self.wait_for_release()?;
            }
            ("block", milliseconds) => {
                log::info!("blocks");
                thread::sleep(Duration::from_millis(milliseconds.parse()?));
            }
            ("join", topic) => client.join(topic)?,
            ("publish", topic) => self
                .host
                .publish(topic, format!("published by {}", name()))?,
            ("broadcast", text) => self.host.broadcast(format!("{} {text}", name()))?,
            ("greeting", _) => {
                let greeting = self
                    .options
                    .lock()
                    .map_err(|_| "poisoned")?
                    .greeting
                    .clone();
                client.send(greeting)?;
                return Ok(());
            }
            _ => {}
        }
        let Session {
            count,
            resumed,
            user,
            ..
        } = session;
        client.send(format!(
            "{} {count} {total} {resumed} {user} {text}",
            name()
        ))?;
        Ok(())
    }

    fn on_close(&self, client: &Client, _: Session, cause: &Cause) -> Result {
        log::info!("closed {} in {}: {}", client.id(), name(), cause.code());
        Ok(())
    }

    fn on_timer(&self, _: Timer) -> Result {
        self.host.broadcast(format!("timer {}", name()))?;
        Ok(())
    }
}

impl Drop for Variant {
    fn drop(&mut self) {
        // Ends before the line, so that the log tells the order.
        self.ticker = None;
        let alive = ALIVE.load(SeqCst);
        log::info!("dropped {}, {alive} sessions left", name());
    }
}

plugin_api::export!(
    Variant,
    path = "/variant",
    state_format = 7,
    reads_state_formats = [5, 6]
);
