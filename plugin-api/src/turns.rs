//! The session of a client that is not the callback's own, on that client's turn.

use std::time::Duration;

use crate::abi::{self, Status};
use crate::glue::turns;
use crate::host::milliseconds;
use crate::{Client, ClientId, Delivery, Host, Plugin, Result, Timer, TimerError};

impl Host {
    /// Runs `call` with the session of a client, on that client's turn: never while one of its callbacks runs, never
    /// inside of this call, and within 10 ms where none runs. So a timer, a thread of the plugin's own or the callback
    /// of another client gets at a session without a lock.
    ///
    /// An error or a panic in it ends in [`on_error`](Plugin::on_error), as in `on_message`. It may run on the thread of
    /// the plugin's timers: one that blocks holds up the timers and the other calls, where it is not the client's own
    /// callback that it comes behind. It does not run where the client ends first, or the plugin's code is replaced.
    ///
    /// ```
    /// use plugin_api::{Client, Config, Host, Message, Plugin, Result};
    ///
    /// /// `1` gives a point to client 1, whoever says it.
    /// struct Score {
    ///     host: Host,
    /// }
    ///
    /// impl Plugin for Score {
    ///     type Session = u32;
    ///
    ///     fn create(host: Host, _config: Config) -> Result<Self> {
    ///         Ok(Score { host })
    ///     }
    ///     fn on_message(&self, _client: &Client, _points: &mut u32, message: Message) -> Result {
    ///         let winner: u64 = message.to_string().parse()?;
    ///         self.host.with_session::<Score>(winner.into(), |_score, winner, points| {
    ///             *points += 1;
    ///             winner.send(format!("{points} points"))?;
    ///             Ok(())
    ///         })?;
    ///         Ok(())
    ///     }
    /// }
    /// # plugin_api::export!(Score, path = "/score");
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// # #[cfg(feature = "testing")]
    /// # fn main() {
    /// # let route = plugin_api::testing::Route::of::<Score>().start();
    /// # let (ann, bob) = (route.connect("/score"), route.connect("/score"));
    /// # bob.send("1");
    /// # assert_eq!(ann.text(), "1 points");
    /// # ann.send("1");
    /// # assert_eq!(ann.text(), "2 points");
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`TurnError`]. A client that has gone is none: [`Delivery::Gone`].
    pub fn with_session<P: Plugin>(
        &self,
        client: ClientId,
        call: impl FnOnce(&P, &Client, &mut P::Session) -> Result + Send + 'static,
    ) -> Result<Delivery, TurnError> {
        let task = turns::task::<P>(once::<P>(call));
        let status = self.calls().call_turn(client.0, &task);
        if status != abi::OK {
            turns::end(&task);
        }
        TurnError::check(status)
    }
}

impl Client {
    /// Runs `call` with this client's session after `delay`, on its turn, as [`Host::with_session`] does.
    /// [`Host::cancel_timer`] ends it, and so do the end of the client and a replacement of the plugin's code. A client
    /// that has gone gives a timer that never fires.
    ///
    /// # Errors
    /// See [`TimerError`].
    pub fn after<P: Plugin>(
        &self,
        delay: Duration,
        call: impl FnOnce(&P, &Client, &mut P::Session) -> Result + Send + 'static,
    ) -> Result<Timer, TimerError> {
        self.start::<P>((milliseconds(delay)?, 0), once::<P>(call))
    }

    /// Runs `call` with this client's session every `period`, for the first time after one; as [`after`](Client::after)
    /// otherwise. What is overrun is skipped.
    ///
    /// ```
    /// use plugin_api::{Client, Config, Host, Plugin, Request, Result};
    /// use std::time::Duration;
    ///
    /// /// Tells each client the time it has spent here.
    /// struct Watch;
    ///
    /// impl Plugin for Watch {
    ///     type Session = u32;
    ///
    ///     fn create(_host: Host, _config: Config) -> Result<Self> {
    ///         Ok(Watch)
    ///     }
    ///     fn on_open(&self, client: &Client, _request: &Request) -> Result<u32> {
    ///         client.every::<Watch>(Duration::from_secs(1), |_watch, client, seconds| {
    ///             *seconds += 1;
    ///             client.send(format!("{seconds} s"))?;
    ///             Ok(())
    ///         })?;
    ///         Ok(0)
    ///     }
    /// }
    /// # plugin_api::export!(Watch, path = "/watch");
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// # #[cfg(feature = "testing")]
    /// # fn main() {
    /// # let route = plugin_api::testing::Route::of::<Watch>().start();
    /// # let ann = route.connect("/watch");
    /// # route.advance(Duration::from_secs(2));
    /// # assert_eq!((ann.text(), ann.text()), ("1 s".to_owned(), "2 s".to_owned()));
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`TimerError`].
    pub fn every<P: Plugin>(
        &self,
        period: Duration,
        call: impl FnMut(&P, &Client, &mut P::Session) -> Result + Send + 'static,
    ) -> Result<Timer, TimerError> {
        let period_ms = milliseconds(period)?;
        if period_ms == 0 {
            return Err(TimerError::Range);
        }
        self.start::<P>((period_ms, period_ms), call)
    }

    fn start<P: Plugin>(
        &self,
        times: (u64, u64),
        call: impl FnMut(&P, &Client, &mut P::Session) -> Result + Send + 'static,
    ) -> Result<Timer, TimerError> {
        let task = turns::task::<P>(call);
        let calls = self.host().calls();
        let (status, timer) = calls.set_client_timer(self.id().0, times, &task);
        if status != abi::OK {
            turns::end(&task);
        }
        match status {
            abi::EXHAUSTED => Err(TimerError::TooMany),
            abi::INVALID => Err(TimerError::Range),
            status if status < abi::OK => Err(TimerError::Refused(status)),
            _ => Ok(Timer(timer)),
        }
    }
}

/// A closure that is called once at most, as one that may be called again.
fn once<P: Plugin>(
    call: impl FnOnce(&P, &Client, &mut P::Session) -> Result + Send + 'static,
) -> impl FnMut(&P, &Client, &mut P::Session) -> Result + Send + 'static {
    let mut call = Some(call);
    move |plugin: &P, client: &Client, session: &mut P::Session| {
        call.take()
            .map_or(Ok(()), |call| call(plugin, client, session))
    }
}

/// Why a closure does not run with a session.
///
/// ```
/// # struct Game;
/// # impl plugin_api::Plugin for Game {
/// #     type Session = u32;
/// #     fn create(_: plugin_api::Host, _: plugin_api::Config) -> Result<Self> { Ok(Game) }
/// # }
/// use plugin_api::{ClientId, Host, Result, TurnError};
///
/// /// A point for a client, unless 64 of them wait already.
/// fn give_point(host: &Host, id: ClientId) -> Result {
///     let given = host.with_session::<Game>(id, |_, _, points| {
///         *points += 1;
///         Ok(())
///     });
///     match given {
///         Err(TurnError::TooMany) => Ok(()),
///         outcome => Ok(drop(outcome?)),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// 64 wait for the client's turn already.
    #[error("64 calls wait for the client's turn already")]
    TooMany,
    /// The plugin's value has not taken over from the one before yet.
    #[error("the plugin has not taken over yet: ask in a callback or a timer")]
    NotYet,
    /// The server cannot do that.
    #[error("the server is older than the extension detent.session/1: update it")]
    TooOld,
    /// The server refused for another reason: a status of the plugin ABI.
    #[error("the server refused (status {0})")]
    Refused(Status),
}

impl TurnError {
    fn check(status: Status) -> Result<Delivery, TurnError> {
        match status {
            abi::OK => Ok(Delivery::Queued),
            abi::EXHAUSTED => Err(TurnError::TooMany),
            abi::LATER => Err(TurnError::NotYet),
            abi::UNSUPPORTED => Err(TurnError::TooOld),
            status if status < abi::OK => Err(TurnError::Refused(status)),
            _ => Ok(Delivery::Gone),
        }
    }
}
