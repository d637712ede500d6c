//! From the first byte to 101, or to the last plain answer: a handshake of TLS, where the listener wants one, and the
//! requests of one connection.
//!
//! # Stack
//!
//! All that is called here is meant to stay within the two pages of stack that waiting for messages needs anyway. A
//! third one costs each client a page fault, and an interrupt of all processors when it is given back: one part in
//! twenty of what a connect costs. So what only some requests need, and what is over before a plugin is asked, is
//! `inline(never)` all along this way: its frame is gone, or was never there. `perf record -e page-faults -d` over
//! some connects shows what touches which page.

use std::sync::Arc;

use super::exchange::{Exchange, Outcome};
use super::{Context, WayIn};
use crate::http::HttpLimits;
use crate::http::reader::{Reader, Times};
use crate::http::request::Request;
use crate::ids::ClientId;
use crate::limits::REQUESTS_PER_CONNECTION_MAX;
use crate::outbox::{Ending, Outbox};
use crate::roster::admission::Ticket;
use crate::routes::table::Mounted;

/// A client whose 101 is queued.
pub(super) struct Admitted {
    pub(super) mounted: Arc<Mounted>,
    pub(super) request: Box<Request>,
    /// What came behind the head: the client's first frames.
    pub(super) rest: Vec<u8>,
}

/// Answers requests until one of them is a handshake that succeeds. None where none is, and then
/// the outbox is finished. Blocks for the socket, and while the client does not read its answers.
///
/// Kept out of the thread's lasting frame, so that the stack pages it touches are few.
#[inline(never)]
pub(super) fn run(
    context: &Context,
    client: ClientId,
    outbox: &Arc<Outbox>,
    (arrival, tls): WayIn,
    ticket: &mut Ticket,
) -> Option<Admitted> {
    let (times, limits) = http_bounds(context);
    let mut reader = Reader::new(outbox, times, limits);
    let mut exchange = Exchange::new(context, client, outbox, arrival);
    let met = exchange.meet_proxy(&mut reader, ticket);
    let secured = met.and_then(|()| match tls {
        Some(tls) => exchange.secure(&mut reader, ticket, &tls),
        None => Ok(()),
    });
    if let Err(outcome) = secured {
        let has_left = matches!(outcome, Outcome::Left);
        let ending = if has_left {
            Ending::Complete
        } else {
            Ending::LastWord
        };
        finish(outbox, ending);
        return None;
    }
    for left in (0..REQUESTS_PER_CONNECTION_MAX).rev() {
        match exchange.run(&mut reader, ticket, left) {
            Outcome::Upgraded(mounted, request) => {
                ticket.end_request();
                return Some(Admitted {
                    mounted,
                    request,
                    rest: reader.into_rest(),
                });
            }
            Outcome::Kept => {
                if await_another(context, outbox, &mut reader, ticket) {
                    continue;
                }
                // What it asks for just now is read and dropped, so that it gets no reset.
                finish(outbox, Ending::LastWord);
            }
            Outcome::Left => finish(outbox, Ending::Complete),
            Outcome::Ended => finish(outbox, Ending::LastWord),
        }
        return None;
    }
    // The last answer has said that it closes.
    finish(outbox, Ending::LastWord);
    None
}

/// Waits for the next request of one who has its answer. False where none may come.
#[inline(never)]
fn await_another(
    context: &Context,
    outbox: &Arc<Outbox>,
    reader: &mut Reader<'_>,
    ticket: &mut Ticket,
) -> bool {
    // Who does not read its answer gets no further ones, and its request lasts.
    outbox.wait_until_sent();
    reader.end_request();
    if !reader.has_head() {
        ticket.await_request(outbox);
    }
    // A reload may have come while it was answered, and may come while it is silent.
    let (times, limits) = http_bounds(context);
    reader.renew(times, limits);
    if !reader.await_next() {
        return false;
    }
    let (times, limits) = http_bounds(context);
    reader.renew(times, limits);
    if !reader.has_head() {
        ticket.await_head(outbox);
    }
    true
}

/// What holds for a request that comes now.
fn http_bounds(context: &Context) -> (Times, HttpLimits) {
    let site = context.sites.current();
    let times = Times {
        request: site.limits.handshake_timeout,
        between: site.limits.keep_alive_timeout,
    };
    let limits = HttpLimits {
        head_bytes: site.limits.head_bytes,
        headers: site.limits.headers,
        body_bytes: site.limits.body_bytes,
    };
    (times, limits)
}

/// A long answer has as long as the socket takes something of it, not only until the deadline of a
/// closing connection.
fn finish(outbox: &Arc<Outbox>, ending: Ending) {
    outbox.flush();
    outbox.wait_until_sent();
    outbox.finish(ending);
}
