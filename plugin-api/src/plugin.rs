//! The trait that a plugin implements.

use crate::{
    Cause, Client, Config, Fault, Host, Message, Request, Response, Result, Timer, Upgrade,
};

/// A plugin; one value of it serves one route.
///
/// The callbacks of one client never overlap; those of different clients do, each on the thread of
/// its own connection. So every callback may block (it holds up its own client and nobody else) and
/// takes `&self`: what clients share goes behind a lock or an atomic, what belongs to one client
/// into its [`Session`](Plugin::Session), which needs neither.
///
/// An error or a panic in a callback of a client ends in [`on_error`](Plugin::on_error).
pub trait Plugin: Sized + Send + Sync + 'static {
    /// What the plugin remembers of one client, from `on_open` to `on_close`. `()` for nothing.
    type Session: Default + Send + 'static;

    /// Makes the plugin for one route. `[main thread]`
    ///
    /// Keep `host` to reach the clients later. Threads that are started here end when the value is
    /// dropped: make `drop` tell and join them.
    ///
    /// # Errors
    /// Refuse what is wrong with the configuration; the error is shown and the route is not served.
    fn create(host: Host, config: Config) -> Result<Self>;

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
    /// # Errors
    /// The client is closed with 1011. There is no session, so neither `on_error` nor `on_close`
    /// follows.
    fn on_open(&self, client: &Client, request: &Request) -> Result<Self::Session> {
        let _ = (client, request);
        Ok(Self::Session::default())
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
}
