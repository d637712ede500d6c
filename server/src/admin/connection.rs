//! One connection of the admin listener: its requests, one after the other, and their answers.
//!
//! The body of a thread `admin-N`. Blocks in reads and writes of its socket, both by deadline, and while the
//! main thread carries out what it was asked for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use log::Level;
use parking_lot::{Mutex, RwLock};

use super::View;
use super::answers;
use super::stream::Stream;
use crate::http::HttpLimits;
use crate::http::framing::Framing;
use crate::http::incoming::Incoming;
use crate::http::inside::Tokens;
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::http::request_line::Version;
use crate::http::response::{Form, Response};
use crate::limits::{
    ADMIN_ANSWER_TIME, ADMIN_IDLE_TIME, ADMIN_REQUEST_TIME, LINGER_TIMEOUT,
    REQUESTS_PER_CONNECTION_MAX,
};

/// What the listener's thread sees of a connection.
pub(super) struct State {
    pub(super) stream: Stream,
    /// What it does, and since when.
    doing: Mutex<(Doing, Instant)>,
    is_to_leave: AtomicBool,
}

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// It waits for a request, or for the rest of one.
    Waiting,
    /// An answer is looked for, which may mean to wait for the main thread.
    Answering,
    /// Its peer takes the answer.
    Writing,
    /// It is done, and waits for its peer to close.
    Lingering,
}

impl State {
    pub(super) fn new(stream: Stream) -> State {
        State {
            stream,
            doing: Mutex::new((Doing::Waiting, Instant::now())),
            is_to_leave: AtomicBool::new(false),
        }
    }

    pub(super) fn doing(&self) -> (Doing, Instant) {
        *self.doing.lock()
    }

    /// No further request is taken.
    pub(super) fn leave(&self) {
        self.is_to_leave.store(true, Ordering::Release);
    }

    fn note(&self, doing: Doing) {
        self.set(doing, Instant::now());
    }

    pub(super) fn set(&self, doing: Doing, since: Instant) {
        *self.doing.lock() = (doing, since);
    }
}

/// Serves one connection to its end.
pub(super) fn run(view: &View, tokens: &RwLock<Tokens>, state: &State) {
    let mut incoming = Incoming::default();
    for left in (0..REQUESTS_PER_CONNECTION_MAX).rev() {
        let time = match left + 1 {
            REQUESTS_PER_CONNECTION_MAX => ADMIN_REQUEST_TIME,
            _ => ADMIN_IDLE_TIME,
        };
        state.note(Doing::Waiting);
        let (response, form) = match read_request(&state.stream, &mut incoming, time) {
            Ok(None) => break,
            Ok(Some(request)) => {
                state.note(Doing::Answering);
                let response = answer(view, tokens, &state.stream, &request);
                let closes = left == 0
                    || state.is_to_leave.load(Ordering::Acquire)
                    || request.version() == Version::Http10
                    || request.has_token("connection", "close");
                let is_head = request.method() == "HEAD";
                (response, Form { is_head, closes })
            }
            Err(refusal) => {
                view.refusals.note(
                    Level::Info,
                    format_args!(
                        "admin: {}: {} {}",
                        state.stream,
                        refusal.status.as_u16(),
                        refusal.why
                    ),
                );
                (Response::text(refusal.status, &refusal.why), Form::LAST)
            }
        };
        state.note(Doing::Writing);
        let is_sent = write(&state.stream, &response.encode(form));
        if !is_sent || form.closes {
            break;
        }
        incoming.end_request();
    }
    state.note(Doing::Lingering);
    linger(&state.stream);
}

/// A bug in here costs one answer: who looks at a server must not end it.
fn answer(view: &View, tokens: &RwLock<Tokens>, stream: &Stream, request: &Request) -> Response {
    let tokens = tokens.read().clone();
    let answered = catch_unwind(AssertUnwindSafe(|| {
        answers::answer(view, &tokens, stream, request)
    }));
    answered.unwrap_or_else(|_| {
        let why = "a fault of the server: its log says where";
        Response::text(StatusCode::INTERNAL_SERVER_ERROR, why)
    })
}

/// Reads a request with its body, which nothing here wants and which is dropped. None where the peer has
/// left, or has nothing to say within `time`.
fn read_request(
    stream: &Stream,
    incoming: &mut Incoming,
    time: Duration,
) -> Result<Option<Request>, Refusal> {
    let limits = HttpLimits::default();
    let mut deadline = Instant::now() + time;
    let mut has_begun = false;
    let request = loop {
        if let Some(head) = incoming.head()? {
            let length = head.len();
            let request = Request::parse(head, stream.remote, limits)?;
            incoming.consume(length);
            break request;
        }
        if incoming.has_begun() && !has_begun {
            has_begun = true;
            deadline = Instant::now() + ADMIN_REQUEST_TIME;
        }
        if !read_more(stream, incoming, deadline) {
            return match incoming.has_begun() {
                true => Err(late()),
                false => Ok(None),
            };
        }
    };
    match Framing::of(&request, limits)? {
        Framing::Chunked => {
            let why = "an order has its words in the query, not in a body";
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        Framing::Length(length) => {
            while incoming.bytes().len() < length {
                if !read_more(stream, incoming, deadline) {
                    return Err(late());
                }
            }
            incoming.consume(length);
        }
    }
    Ok(Some(request))
}

fn late() -> Refusal {
    let why = "the request was not complete in time";
    Refusal::new(StatusCode::REQUEST_TIMEOUT, why)
}

/// False past the deadline, and where nothing more comes.
fn read_more(stream: &Stream, incoming: &mut Incoming, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        stream.set_timeouts(left, ADMIN_ANSWER_TIME);
        let mut socket = stream;
        match incoming.fill(|room| socket.read(room)) {
            Ok(count) => return count > 0,
            Err(error) if may_try_again(&error) => {}
            Err(_) => return false,
        }
    }
}

fn may_try_again(error: &io::Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | WouldBlock | TimedOut)
}

/// False where the peer does not take it in time, or has gone.
fn write(mut stream: &Stream, bytes: &[u8]) -> bool {
    let deadline = Instant::now() + ADMIN_ANSWER_TIME;
    let mut rest = bytes;
    while !rest.is_empty() {
        if Instant::now() >= deadline {
            return false;
        }
        match stream.write(rest) {
            Ok(0) => return false,
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
    true
}

/// What the peer still sends is read and dropped for a moment, so that the last answer is not overtaken by
/// a reset.
fn linger(mut stream: &Stream) {
    stream.shutdown(Shutdown::Write);
    let deadline = Instant::now() + LINGER_TIMEOUT;
    let mut dropped = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        stream.set_timeouts(left, ADMIN_ANSWER_TIME);
        match stream.read(&mut dropped) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
