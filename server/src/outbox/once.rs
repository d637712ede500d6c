//! A client that waits for one message, which its request is answered with: a long poll.
//!
//! The part of [`Outbox`] for that. Whoever has the message, mostly the hub, gives the answer out, and never waits;
//! the client's own thread then finds the end of what the peer sent, and leaves. Knows nothing of HTTP but that
//! somebody makes an answer of bytes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::cause::{Cause, NORMAL};
use super::encoding::Encoding;
use super::http_phase::Exchange;
use super::{Delivery, Outbox, Phase, State};

/// What a client that waits is answered with.
#[derive(Clone, Copy, Debug)]
pub enum Last<'a> {
    /// Messages, in [`Encoding::Answer`].
    Messages(&'a [u8]),
    /// Nothing was said: where it goes on, if anyone knows.
    Silence(Option<&'a [u8]>),
    /// Our side ends it.
    Closed {
        /// As for a WebSocket.
        code: u16,
        /// Why.
        reason: &'a str,
    },
}

/// Makes the whole answer; called once, by whatever thread has it, and must not wait.
pub type Answerer = Box<dyn FnOnce(Last<'_>) -> Vec<u8> + Send>;

/// What is kept for one who waits.
pub(super) struct Once {
    answer: Answerer,
    silence: Option<Vec<u8>>,
}

impl Once {
    /// The answer where our side ends the waiting.
    pub(super) fn end(self, code: u16, reason: &str) -> Vec<u8> {
        (self.answer)(match code {
            NORMAL | super::cause::GOING_AWAY => Last::Silence(self.silence.as_deref()),
            _ => Last::Closed { code, reason },
        })
    }
}

impl Outbox {
    /// The client waits from now on for one message, of which `answer` makes the answer. Only for its own thread, before
    /// anyone else knows of it.
    pub fn become_poll(&self, answer: Answerer) {
        let mut state = self.state.lock();
        state.exchange = Exchange::Upgraded;
        state.phase = Phase::Once;
        state.once = Some(Box::new(Once {
            answer,
            silence: None,
        }));
        self.encoding
            .store(Encoding::Answer.number(), Ordering::Relaxed);
    }

    /// What is answered where nothing is said; nothing happens where nobody waits here.
    pub fn set_silence(&self, body: Vec<u8>) {
        if let Some(once) = &mut self.state.lock().once {
            once.silence = Some(body);
        }
    }

    /// What is said to a client that takes no frames (any more): the answer, where it waits for one.
    #[cold]
    pub(super) fn take_once(self: &Arc<Self>, state: &mut State, messages: &[u8]) -> Delivery {
        if state.phase != Phase::Once {
            return Delivery::Gone;
        }
        if messages.is_empty() {
            return Delivery::Queued;
        }
        if let Some(once) = state.once.take() {
            let answer = (once.answer)(Last::Messages(messages));
            let cause = Cause::server(NORMAL, "answered");
            self.say_last(state, cause, |_, _| answer);
        }
        Delivery::Queued
    }
}
