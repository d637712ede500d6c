//! What was opened has to be closed: the numbers by which a test sees it.

/// How often clients of a route were opened and closed.
///
/// ```
/// # use plugin_api::{Client, Config, Host, Message, Plugin, Result};
/// # struct Echo;
/// # impl Plugin for Echo {
/// #     type Session = ();
/// #     fn create(_: Host, _: Config) -> Result<Self> { Ok(Echo) }
/// #     fn on_message(&self, client: &Client, _: &mut (), message: Message) -> Result {
/// #         client.send(message)?;
/// #         Ok(())
/// #     }
/// # }
/// # plugin_api::export!(Echo, path = "/echo");
/// # fn main() {
/// use plugin_api::testing::Route;
///
/// let route = Route::of::<Echo>().start();
/// let clients = [route.connect("/echo"), route.connect("/echo")];
/// clients[0].close(1000, "");
/// assert_eq!((route.counts().opened, route.counts().closed), (2, 1));
/// assert_eq!(route.stop().closed, 2);
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `on_open` that succeeded.
    pub opened: u64,
    /// `on_open` that failed or panicked.
    pub open_failed: u64,
    /// `on_close`, one for each `on_open` that succeeded once the route has stopped.
    pub closed: u64,
    /// Clients that a new value of the plugin has taken over, each counted at each replacement.
    pub handed_over: u64,
    /// Sessions that nobody can free any more, and why.
    pub leaks: Vec<String>,
}

impl Counts {
    pub(super) fn leak(&mut self, what: String) {
        self.leaks.push(what);
    }
}
