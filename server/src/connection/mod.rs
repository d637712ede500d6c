//! The thread of one client: its handshake, then its messages, then its end.
//!
//! It blocks in reads of its socket, in plugin callbacks, and on the hub's queue while that is
//! full. It is woken by bytes, by timeouts, and by a shutdown of its socket from another thread.
//! Of the server's side the only room that names tungstenite's protocol types; `caller` names them as a client.

mod current_settings;
mod deadlines;
mod end;
mod exchange;
mod frames;
mod handshake;
mod leave;
mod listening;
mod messages;
mod rate;
mod stream;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crossbeam_channel::Sender;
use http::StatusCode;
use log::debug;

use crate::config::ClientSettings;
use crate::http::peer::Arrival;
use crate::http::response::{Form, Response};
use crate::ids::ClientId;
use crate::logging::about::About;
use crate::logging::refusal_log::RefusalLog;
use crate::outbox::cause::{Cause, INTERNAL};
use crate::outbox::{Bounds, Ending, Outbox, forget_own_outbox, set_own_outbox};
use crate::plugin::{CallbackError, Place};
use crate::roster::admission::Ticket;
use crate::routes::readiness::Readiness;
use crate::routes::table::Sites;
use crate::tls::Credentials;
use current_settings::CurrentSettings;
#[cfg(any(test, fuzzing))]
pub(crate) use frames::fuzz::{
    agree as frames_agree, compressed_agree as compressed_frames_agree,
    compressed_holds as compressed_frames_hold,
};
use handshake::Admitted;
use listening::Listener;
use messages::Connection;
use stream::{Manner, OutboxStream};

/// What every connection thread needs; shared by all of them.
pub struct Context {
    /// What is served, and under which settings.
    pub sites: Sites,
    /// Whether clients may be sent here, for who asks by the path that the settings name.
    pub readiness: Arc<Readiness>,
    /// Takes the lines that strangers cause.
    pub refusals: RefusalLog,
    /// Whether the log says that somebody on this machine asks for a name that is not this server's.
    pub has_told_of_foreign_name: AtomicBool,
    /// Takes the numbers of clients whose thread is about to end.
    pub departed: Sender<ClientId>,
}

/// How a connection has come, and what it is to be secured with, if it is.
pub type WayIn = (Arrival, Option<Arc<Credentials>>);

/// Runs one connection from accept to end; the body of its thread, which keeps `ticket`, and what that holds of its
/// place, until it ends.
pub fn run(
    context: &Context,
    client: ClientId,
    outbox: &Arc<Outbox>,
    way_in: WayIn,
    ticket: &mut Ticket,
) {
    let _departs = Departure {
        context,
        client,
        outbox,
    };
    let Some(opened) = let_in(context, client, outbox, way_in, ticket) else {
        return;
    };
    let refusals = context.refusals.clone();
    if opened.stream.manner() == Manner::Speaks {
        Connection::new(client, outbox, opened, refusals).run_to_end();
    } else {
        Listener::new(outbox, opened, refusals).run_to_end();
    }
}

/// From the first byte to a client that has its session; none where none is made, and then the outbox is finished.
///
/// Apart from what lasts as long as the client, so that the request, and the stack that it needs, are gone by then.
#[inline(never)]
fn let_in(
    context: &Context,
    client: ClientId,
    outbox: &Arc<Outbox>,
    way_in: WayIn,
    ticket: &mut Ticket,
) -> Option<Box<Opened>> {
    let admitted = handshake::run(context, client, outbox, way_in, ticket)?;
    set_own_outbox(client, admitted.mounted.route.id(), outbox.clone());
    let path = admitted.mounted.route.path();
    outbox.set_route(path.clone(), admitted.mounted.route.counts().clone());
    outbox.set_bounds(bounds(&admitted.mounted.client));
    match open(context, client, outbox, admitted) {
        Ok(opened) => Some(opened),
        Err(error) => {
            close_for(context, outbox, &error);
            None
        }
    }
}

/// It has no session, and leaves again.
#[cold]
#[inline(never)]
fn close_for(context: &Context, outbox: &Arc<Outbox>, error: &CallbackError) {
    let name = outbox.name();
    let line = format_args!("{name}: {error}; closed with {INTERNAL}");
    let about = About::closed(INTERNAL);
    context.refusals.note_about(error.level(), &about, line);
    outbox.close(Cause::server(INTERNAL, error.reason()));
    outbox.finish(Ending::LastWord);
}

/// Sees to it that a connection is taken off the roster however its thread ends.
struct Departure<'a> {
    context: &'a Context,
    client: ClientId,
    outbox: &'a Arc<Outbox>,
}

impl Drop for Departure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let answer = Response::text(StatusCode::INTERNAL_SERVER_ERROR, &Cause::fault().reason);
            self.outbox.end_for_fault(&answer.encode(Form::LAST));
            self.outbox.finish(Ending::LastWord);
        }
        forget_own_outbox();
        // The reaper outlives every connection.
        self.context.departed.send(self.client).ok();
    }
}

/// A client that has its session. On the heap: the frames that it is passed through lie below the handshake's, where every
/// byte counts ([`threads::give_back`](crate::threads::give_back)).
struct Opened {
    place: Place,
    stream: OutboxStream,
    /// The first bytes of its frames.
    early: Vec<u8>,
}

/// Calls `on_open`. Apart from [`handshake::run`], whose stack is free again by then.
#[inline(never)]
fn open(
    context: &Context,
    client: ClientId,
    outbox: &Arc<Outbox>,
    admitted: Admitted,
) -> Result<Box<Opened>, CallbackError> {
    let Admitted {
        mounted,
        request,
        rest: early,
    } = admitted;
    let (route, settings) = (mounted.route.clone(), mounted.client.clone());
    // A route that goes waits for those that hold it.
    drop(mounted);
    debug!("{} has come", outbox.name());
    let settings = CurrentSettings::new(context.sites.clone(), route.id(), settings);
    let manner = Manner::of(&request);
    let place = Place::open(route, client, outbox, request)?;
    Ok(Box::new(Opened {
        place,
        stream: OutboxStream::new(outbox.clone(), settings, manner),
        early,
    }))
}

/// What the settings say about a client's outbox.
pub fn bounds(settings: &ClientSettings) -> Bounds {
    Bounds {
        backlog_bytes_max: settings.backlog_bytes_max,
        slow_client: settings.slow_client,
        write_timeout: settings.write_timeout,
        close_timeout: settings.close_timeout,
    }
}
