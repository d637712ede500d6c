//! The trait that a plugin implements.

use crate::{
    Cause, Client, Config, Fault, Host, Message, Request, Response, Result, RouteGap, Saved, Timer,
    Upgrade,
};

/// A plugin; one value of it serves one route.
///
/// The callbacks of one client never overlap; those of different clients do, each on the thread of
/// its own connection. So every callback may block (it holds up its own client and nobody else) and
/// takes `&self`: what clients share goes behind a lock or an atomic, what belongs to one client
/// into its [`Session`](Plugin::Session), which needs neither.
///
/// An error or a panic in a callback of a client ends in [`on_error`](Plugin::on_error).
///
/// ```
/// use plugin_api::{Client, Config, Host, Message, Plugin, Result};
///
/// /// Counts what each client says.
/// struct Counting;
///
/// impl Plugin for Counting {
///     type Session = u64; // What belongs to one client needs no lock.
///
///     fn create(_host: Host, _config: Config) -> Result<Self> {
///         Ok(Counting)
///     }
///     fn on_message(&self, client: &Client, count: &mut u64, _: Message) -> Result {
///         *count += 1;
///         client.send(format!("your message {count}"))?;
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no plugin: implement `plugin_api::Plugin` for it",
    label = "given to `export!`, or to the test kit, as a plugin"
)]
pub trait Plugin: Sized + Send + Sync + 'static {
    /// What the plugin remembers of one client, from `on_open` to `on_close`. `()` for nothing. One that is not
    /// `Default` is made by [`on_open`](Plugin::on_open), which has to be there then.
    type Session: Send + 'static;

    /// Makes the plugin for one route. `[main thread]`
    ///
    /// Keep `host` to reach the clients later. Threads that are started here end when the value is
    /// dropped: make `drop` tell and join them.
    ///
    /// # Errors
    /// Refuse what is wrong with the configuration; the error is shown and the route is not served.
    fn create(host: Host, config: Config) -> Result<Self>;

    /// Says what is wrong with options without making anything of them: for `server --check`, which
    /// somebody may run beside a server at work. Touch nothing: no file, no device, no thread. `[main
    /// thread]`
    ///
    /// `options = Options` in [`export!`](crate::export!) parses them before this is called. By default
    /// that is all, and where nothing was declared `--check` makes a value of the plugin, with a host that
    /// does nothing, and drops it.
    ///
    /// # Errors
    /// What is wrong; a [`ConfigError`](crate::ConfigError) names the option, whose line the server then
    /// tells.
    fn check(config: Config) -> Result<Checked> {
        let _ = config;
        Ok(Checked::ByCreate)
    }

    /// Takes or refuses a client before its handshake is answered. `[connection]`
    ///
    /// # Errors
    /// The client is refused with 500.
    fn on_upgrade(&self, request: &Request) -> Result<Upgrade> {
        let _ = request;
        Ok(Upgrade::accept())
    }

    /// A client is here; it can be sent to. `[connection]`
    ///
    /// The answer to its handshake leaves together with what is sent to it here, when the callback
    /// returns or flushes: a callback that takes long calls [`Client::flush`] first.
    ///
    /// By default the session is its type's `Default`; where that has none, this has to be implemented, or the first
    /// client that comes is closed with words that say so.
    ///
    /// # Errors
    /// The client is closed with 1011. There is no session, so neither `on_error` nor `on_close`
    /// follows, but [`on_open_failed`](Plugin::on_open_failed).
    fn on_open(&self, client: &Client, request: &Request) -> Result<Self::Session> {
        let _ = (client, request);
        Err(NoSession.into())
    }

    /// `on_open` has failed or panicked, and the client goes: take out of your lists what `on_open` had put there
    /// before it failed. The server calls it since plugin ABI 1.1. `[connection]`
    ///
    /// ```
    /// use plugin_api::{Cause, Client, ClientId, Config, Host, Plugin, Request, Result};
    /// use std::collections::HashMap;
    /// use std::sync::{Mutex, PoisonError};
    ///
    /// struct Lobby {
    ///     seats: Mutex<HashMap<ClientId, String>>,
    /// }
    ///
    /// impl Plugin for Lobby {
    ///     type Session = ();
    ///
    ///     fn create(_host: Host, _config: Config) -> Result<Self> {
    ///         Ok(Lobby { seats: Mutex::default() })
    ///     }
    ///     fn on_open(&self, client: &Client, request: &Request) -> Result<()> {
    ///         let nick = request.query("nick").ok_or("no nick")?.into_owned();
    ///         let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
    ///         seats.insert(client.id(), nick);
    ///         drop(seats);
    ///         // Where that fails, there would be a ghost in the lobby.
    ///         client.send(std::fs::read_to_string("welcome.txt")?)?;
    ///         Ok(())
    ///     }
    ///     fn on_open_failed(&self, client: &Client, _cause: &Cause) -> Result {
    ///         let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
    ///         seats.remove(&client.id());
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// They are logged.
    fn on_open_failed(&self, client: &Client, cause: &Cause) -> Result {
        let _ = (client, cause);
        Ok(())
    }

    /// One whole message of a client. `[connection]`
    ///
    /// # Errors
    /// They end in `on_error`.
    fn on_message(
        &self,
        client: &Client,
        session: &mut Self::Session,
        message: Message<'_>,
    ) -> Result {
        let _ = (client, session, message);
        Ok(())
    }

    /// A client has gone: exactly once for each `on_open` that succeeded, whoever closed. `[connection]`
    ///
    /// # Errors
    /// They are logged.
    fn on_close(&self, client: &Client, session: Self::Session, cause: &Cause) -> Result {
        let _ = (client, session, cause);
        Ok(())
    }

    /// A callback of this client returned an error or panicked, or its connection failed. `[connection]`
    ///
    /// Return `Ok(())` to keep the client, where its connection still stands.
    ///
    /// # Errors
    /// The error is logged and the client is closed with 1011. That is what happens if the plugin
    /// does not implement this.
    fn on_error(&self, client: &Client, session: &mut Self::Session, fault: &Fault) -> Result {
        let _ = (client, session);
        Err(fault.clone().into())
    }

    /// A plain HTTP request on the route's path. `[connection]`
    ///
    /// # Errors
    /// The request is answered with 500.
    fn on_request(&self, request: &Request) -> Result<Response> {
        let _ = request;
        Ok(Response::upgrade_required())
    }

    /// A timer is due that was set with [`Host::set_timer`] or [`Host::set_interval`]. `[timers]`
    ///
    /// One timer runs at a time; a callback that blocks holds up the plugin's other timers.
    ///
    /// # Errors
    /// They are logged; the timer goes on.
    fn on_timer(&self, timer: Timer) -> Result {
        let _ = timer;
        Ok(())
    }

    /// Something is missing of what hosts have said on this route, which they share: this one was cut off for too long, or what
    /// is between them has lost it. For a plugin that keeps what it hears: it fetches it from elsewhere, says it again, or
    /// begins anew. `[timers]`
    ///
    /// All clients of the route have been closed before, with 1013; they come back and are told by their positions, so a plugin
    /// that only passes on what is said need not do anything. What is found while this runs is told as one gap. It never
    /// comes on a route that is not shared. The server calls it since plugin ABI 1.1, as far as it knows `detent.gaps/1`.
    ///
    /// ```
    /// use plugin_api::{Config, GapCause, Host, Plugin, Result, RouteGap};
    /// use std::sync::{Mutex, PoisonError};
    ///
    /// /// Holds what all hosts have agreed on.
    /// struct Score {
    ///     host: Host,
    ///     points: Mutex<u64>,
    /// }
    ///
    /// impl Plugin for Score {
    ///     type Session = ();
    ///
    ///     fn create(host: Host, _config: Config) -> Result<Self> {
    ///         Ok(Score { host, points: Mutex::default() })
    ///     }
    ///     fn on_gap(&self, gap: &RouteGap) -> Result {
    ///         let points = *self.points.lock().unwrap_or_else(PoisonError::into_inner);
    ///         match gap.cause() {
    ///             // Somebody else may know more: ask.
    ///             GapCause::Missed => self.host.broadcast("what is the score?")?,
    ///             GapCause::Lost => self.host.broadcast(format!("the score is {points}"))?,
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// # plugin_api::export!(Score, path = "/score");
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// # #[cfg(feature = "testing")]
    /// # fn main() {
    /// # use plugin_api::testing::Route;
    /// let route = Route::of::<Score>().start();
    /// let ann = route.connect("/score");
    /// route.lose(GapCause::Lost);
    /// assert_eq!(ann.closed().map(|(code, _)| code), Some(1013));
    /// # }
    /// ```
    ///
    /// # Errors
    /// They are logged.
    fn on_gap(&self, gap: &RouteGap) -> Result {
        let _ = gap;
        Ok(())
    }

    /// The route's options have changed (SIGHUP). `[main thread]`
    ///
    /// [`Reconfigured::Done`] where the plugin took them over, while other callbacks run. By default a
    /// new value of the plugin is made with the new options and takes over as in a replacement.
    ///
    /// # Errors
    /// Refuse what is wrong with the options; the error is shown and the whole reload is given up.
    fn reconfigure(&self, config: Config) -> Result<Reconfigured> {
        let _ = config;
        Ok(Reconfigured::HandOver)
    }

    /// What the plugin's successor is to know, when the library is replaced. `[main thread]`
    ///
    /// No callback of the route runs. The plugin goes on as before where the replacement fails.
    ///
    /// # Errors
    /// The plugin is not replaced.
    fn save_state(&self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// What the plugin's successor is to know of one client. `[main thread]`
    ///
    /// No callback of the route runs.
    ///
    /// # Errors
    /// The plugin is not replaced.
    fn save_session(&self, client: &Client, session: &Self::Session) -> Result<Option<Vec<u8>>> {
        let _ = (client, session);
        Ok(None)
    }

    /// Makes the plugin from what `save_state` of its predecessor gave; instead of
    /// [`create`](Plugin::create), and only where it gave something. `[main thread]`
    ///
    /// What the new value sends is held back until it has taken over. [`Saved::format`] tells in which of the formats
    /// that the plugin reads (`state_format` and `reads_state_formats` of [`export!`](crate::export!)) the state is.
    ///
    /// # Errors
    /// The state cannot be read; the predecessor goes on.
    fn resume(host: Host, config: Config, state: Saved<'_>) -> Result<Self> {
        let _ = state;
        Self::create(host, config)
    }

    /// Takes over a client of the predecessor, with what `save_session` gave of it; instead of
    /// [`on_open`](Plugin::on_open). `[main thread]`
    ///
    /// `request` is the handshake of back then. The client has noticed nothing, and its topics are
    /// as they were.
    ///
    /// # Errors
    /// The plugin is not replaced; the predecessor goes on.
    fn on_resume(
        &self,
        client: &Client,
        request: &Request,
        session: Option<Saved<'_>>,
    ) -> Result<Self::Session> {
        let _ = session;
        self.on_open(client, request)
    }
}

/// `on_open` is not implemented: whether there is a session by default is for who knows its type.
#[derive(Debug, thiserror::Error)]
#[error("on_open is not implemented, and the session has no `Default`: implement one of the two")]
pub(crate) struct NoSession;

/// What a plugin did with changed options.
///
/// ```
/// use plugin_api::{Config, Reconfigured, Result};
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// /// As `reconfigure` of a plugin whose one option may change while it works.
/// fn reconfigure(seats: &AtomicU32, config: &Config) -> Result<Reconfigured> {
///     seats.store(config.parse()?, Ordering::Relaxed);
///     Ok(Reconfigured::Done)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconfigured {
    /// They hold from now on.
    Done,
    /// Make a new value of the plugin, which takes the clients over.
    HandOver,
}

/// How options were checked.
///
/// ```
/// use plugin_api::{Checked, Config, ConfigError, Result};
///
/// #[derive(serde::Deserialize)]
/// struct Options {
///     seats: u32,
/// }
///
/// /// As `check` of a plugin: nothing is made, nothing is touched.
/// fn check(config: Config) -> Result<Checked> {
///     let options: Options = config.parse()?;
///     if options.seats == 0 {
///         return Err(ConfigError::new("seats", "one at least").into());
///     }
///     Ok(Checked::Done)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// They are right.
    Done,
    /// Only [`create`](Plugin::create) can tell.
    ByCreate,
}
