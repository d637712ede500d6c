//! A client at its route: how it comes, is called for, and goes. Its connection thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use log::warn;

use super::Instance;
use super::callbacks::{CallbackError, FailedOpen};
use super::route::Route;
use crate::counters::{COUNTERS, Exchanged, Visits};
use crate::http::request::Request;
use crate::hub::Event;
use crate::ids::ClientId;
use crate::outbox::Outbox;
use crate::outbox::cause::{Cause, INTERNAL, Initiator};
use crate::plugin::host::RouteParts;
use crate::plugin::host::client_view_table::Shown;
use crate::roster::{Seat, Session};
use crate::threads::fault_point;

/// A client at its route: how its connection thread calls the plugin. Stays on that thread.
pub struct Place {
    route: Arc<Route>,
    client: ClientId,
    /// The instance that made the session, as far as this thread knows.
    instance: Arc<Instance>,
    /// What was said in its place, and answered, before it came.
    before: Exchanged,
    /// The session has not ended.
    is_open: bool,
    /// Callbacks may see the handshake.
    _shown: Shown,
}

impl Place {
    /// Puts the client on the route: named by plugins, counted, a member of everyone; then its
    /// `on_open`.
    ///
    /// # Errors
    /// The callback failed or panicked; the client has left the route again, and of a plugin built against 1.1 or
    /// later `on_close` has undone what had begun.
    #[inline(never)]
    pub fn open(
        route: Arc<Route>,
        client: ClientId,
        outbox: &Arc<Outbox>,
        request: Box<Request>,
    ) -> Result<Place, CallbackError> {
        arrive(&route.parts, client, outbox.clone());
        let request = Arc::from(request);
        // From here on whatever goes wrong takes the client off the route again.
        let mut place = Place {
            instance: route.instance(),
            before: route.parts.services.roster.traffic(client).exchanged(),
            route,
            client,
            is_open: true,
            _shown: Shown::to_callbacks(client, Arc::clone(&request)),
        };
        place.take_seat(outbox, request)?;
        Ok(place)
    }

    /// Its `on_open`. Where that fails there is no session, and dropping the place calls no `on_close`.
    fn take_seat(
        &mut self,
        outbox: &Arc<Outbox>,
        request: Arc<Request>,
    ) -> Result<(), CallbackError> {
        let route = self.route.clone();
        let _gate = route.gate.read();
        self.instance = route.instance();
        let instance = self.instance.clone();
        fault_point("open");
        // The hub may have closed everyone before it saw this one.
        if let Some(cause) = route.farewell.get() {
            outbox.close(cause.clone());
        } else if instance.is_out_of_service() {
            outbox.close(Instance::out_of_service());
        }
        let session = match instance.on_open(self.client, &request) {
            Ok(session) => session,
            Err(failed) => return Err(self.undo(failed)),
        };
        let seat = Seat {
            route: route.id(),
            generation: instance.generation,
            session,
            request,
        };
        route.parts.services.roster.seat(self.client, seat);
        for visits in [&COUNTERS.of(self.client).visits, &*route.counts().visits] {
            visits.opened.add(1);
        }
        Ok(())
    }

    /// Its `on_open` has failed: `on_close` follows where that is what the plugin expects. The gate is held.
    fn undo(&mut self, failed: FailedOpen) -> CallbackError {
        let FailedOpen { error, left } = failed;
        if let Some(mut left) = left {
            self.is_open = false;
            depart(&self.route.parts, self.client);
            let cause = Cause::server(INTERNAL, error.reason());
            if let Err(error) = self.instance.on_close(self.client, &mut left, &cause) {
                warn!("client {} on {}: {error}", self.client, self.route.path());
            }
            self.end_turns();
            self.count_traffic();
        }
        error
    }

    /// The path of the route.
    pub fn path(&self) -> Arc<str> {
        self.route.path()
    }

    /// Runs `call` with the instance that serves the client now, and its session. Blocks while the
    /// plugin is being replaced, at most for a bounded time and as long as the new one takes.
    ///
    /// None never happens between `open` and `close`.
    pub fn call<T>(&mut self, call: impl FnOnce(&Instance, &mut Session) -> T) -> Option<T> {
        let roster = &self.route.parts.services.roster;
        roster.with_seat(self.client, |seat| {
            let seat = seat.as_mut()?;
            if seat.generation != self.instance.generation {
                self.instance = self.route.instance();
            }
            let answer = call(&self.instance, &mut seat.session);
            if roster.has_calls(self.client) {
                self.instance.run_calls(self.client, &mut seat.session);
            }
            Some(answer)
        })
    }

    /// Takes the client off the route, then calls its `on_close`.
    ///
    /// # Errors
    /// The callback failed or panicked; the client is off the route in any case.
    pub fn close(mut self, cause: &Cause) -> Result<(), CallbackError> {
        self.end(cause)
    }

    fn end(&mut self, cause: &Cause) -> Result<(), CallbackError> {
        self.is_open = false;
        depart(&self.route.parts, self.client);
        let roster = &self.route.parts.services.roster;
        let mut seat = roster.seat_of(self.client).lock();
        // Empty from here on: a replacement waits for the lock and then passes this client over.
        let result = seat.take().map_or(Ok(()), |mut left| {
            for visits in [
                &COUNTERS.of(self.client).visits,
                &*self.route.counts().visits,
            ] {
                count_closed(visits, cause);
            }
            if left.generation != self.instance.generation {
                self.instance = self.route.instance();
            }
            self.instance
                .on_close(self.client, &mut left.session, cause)
        });
        roster.unseat(self.client);
        drop(seat);
        self.end_turns();
        self.count_traffic();
        result
    }

    /// Nothing is done on its turn any more.
    fn end_turns(&self) {
        drop(self.route.parts.services.roster.take_calls(self.client));
        self.instance.host.timers.forget(self.client);
    }

    /// What it has said and was answered counts among what the route's past clients have.
    fn count_traffic(&self) {
        let roster = &self.route.parts.services.roster;
        let all = roster.traffic(self.client).exchanged();
        self.route.counts().add_left(all.since(self.before));
    }
}

impl Drop for Place {
    /// It is still open only where `on_open` has failed or its thread panics: the hub hears of the end all
    /// the same, and the plugin where there is a session.
    fn drop(&mut self) {
        if self.is_open
            && let Err(error) = self.end(&Cause::fault())
        {
            warn!("client {} on {}: {error}", self.client, self.route.path());
        }
    }
}

fn arrive(route: &RouteParts, client: ClientId, outbox: Arc<Outbox>) {
    route.services.roster.open(client, route.id);
    route.clients.fetch_add(1, Ordering::AcqRel);
    route.services.roster.enter_hub(client);
    if let Some(need) = outbox.encoding().need() {
        // What is said from now on is compressed for it, though the hub may not have come to it.
        route.hub.demand().note(need);
    }
    // Whatever concerns the client is posted after this.
    route.hub.post(Event::Opened { client, outbox });
}

fn count_closed(visits: &Visits, cause: &Cause) {
    let closed = match cause.initiator {
        Initiator::Peer => &visits.closed_by_peer,
        Initiator::Plugin => &visits.closed_by_plugin,
        Initiator::Server => &visits.closed_by_server,
    };
    closed.add(cause.code);
}

fn depart(route: &RouteParts, client: ClientId) {
    route.services.roster.close(client);
    route.clients.fetch_sub(1, Ordering::AcqRel);
    route.hub.post(Event::Closed { client });
}
