//! Who comes in: a client that connects, and who asks something by plain HTTP.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::call::Refused;
use super::client_view_table::Turn;
use super::disk;
use super::http::{Draft, MemoryRequest};
use super::instance::{End, Instance, Session};
use super::poll::Poll;
use super::shared::{Seat, Shared, fault_reason, lock};
use crate::Response;
use crate::abi;

impl Shared {
    /// A client that connects: its number and the subprotocol, with the headers of the 101; or what it is refused with.
    pub(super) fn connect(
        &self,
        request: MemoryRequest,
        waits: Option<Duration>,
    ) -> Result<(u64, Option<String>, Response), Response> {
        let instance = self.instance();
        if instance.is_out_of_service() {
            return Err(refusal(503, "the plugin of this route is out of service"));
        }
        let (subprotocol, is_apart, head) = self.admit(&instance, &request)?;
        let client = {
            let mut state = self.world.lock();
            let client = state.next_client();
            let poll = waits.map(|time| Poll::new(state.now + time, &head));
            state.open(client, is_apart, poll);
            client
        };
        let seat = Arc::new(Seat {
            request,
            turn: Mutex::new(None),
        });
        {
            let instance = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            let mut turn = lock(&seat.turn);
            lock(&self.seats).insert(client, seat.clone());
            let _turn = Turn::of(client, &seat.request);
            match instance.on_open(client, &seat.request, None) {
                Ok(session) => {
                    self.counts().opened += 1;
                    *turn = Some(session);
                }
                Err((refused, session)) => self.open_failed(&instance, client, &refused, session),
            }
        }
        self.settle();
        Ok((client, subprotocol, head))
    }

    fn open_failed(&self, instance: &Instance, client: u64, refused: &Refused, session: Session) {
        self.note(format!(
            "WARN client {client}: {}",
            refused.sentence("on_open")
        ));
        let mut state = self.world.lock();
        state.end(client, Some((1011, fault_reason(refused).to_owned())));
        state.ending.retain(|(of, _)| *of != client);
        drop(state);
        if instance.code.closes_failed_opens {
            let (code, reason) = (1011, fault_reason(refused).to_owned());
            let by = abi::BY_SERVER;
            if let Err(refused) = instance.on_close(client, session, &End { code, reason, by }) {
                let sentence = refused.sentence("on_close");
                self.note(format!("WARN client {client}: {sentence}"));
            }
        } else if !session.is_null() {
            self.counts().leak(format!(
                "client {client}: on_open gave a session and failed, so that nobody frees it"
            ));
        }
        lock(&self.seats).remove(&client);
        self.counts().open_failed += 1;
    }

    fn admit(
        &self,
        instance: &Instance,
        request: &MemoryRequest,
    ) -> Result<(Option<String>, bool, Response), Response> {
        let mut draft = Draft::new(request, 101);
        if let Err(refused) = instance.on_upgrade(&mut draft) {
            return Err(self.failed(&refused.sentence("on_upgrade")));
        }
        let is_refusal = match draft.status {
            101 => false,
            204 if request.kind == Some("event-stream") => true,
            400.. => true,
            status => {
                return Err(self.failed(&format!(
                    "on_upgrade failed: it answered with status {status}, which neither admits nor refuses"
                )));
            }
        };
        if is_refusal {
            return Err(draft.into_response());
        }
        let known = &instance.code.subprotocols;
        let mut offered = request.offered();
        let chosen = draft.subprotocol.take();
        let chosen = chosen.or_else(|| {
            let found = offered.find(|name| known.iter().any(|known| known == name));
            found.map(str::to_owned)
        });
        Ok((chosen, draft.is_apart, draft.into_response()))
    }

    fn failed(&self, sentence: &str) -> Response {
        self.note(format!("WARN the route: {sentence}"));
        refusal(500, "the plugin of this route failed")
    }

    /// Plain HTTP.
    pub(super) fn request(&self, request: &MemoryRequest) -> Response {
        let response = {
            let instance = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            if instance.is_out_of_service() {
                refusal(503, "the plugin of this route is out of service")
            } else {
                self.answer(&instance, request)
            }
        };
        self.settle();
        match request.method.as_str() {
            "HEAD" => response.body(Vec::new()),
            _ => response,
        }
    }

    /// Calls `on_request`, and again when the disk has given what it has asked for.
    fn answer(&self, instance: &Instance, request: &MemoryRequest) -> Response {
        let ask = |is_again| {
            let mut draft = Draft::new(request, 200);
            let (done, asked) = disk::in_request(is_again, || instance.on_request(&mut draft));
            (done, asked, draft)
        };
        let (mut done, mut asked, mut draft) = ask(false);
        if asked.reads {
            (done, asked, draft) = ask(true);
        }
        match done {
            Some(Err(refused)) => self.failed(&refused.sentence("on_request")),
            _ if asked.is_not_stored => {
                let why = "it was said to who is here, and is not known to be stored";
                refusal(507, &format!("{why}: the disk fails"))
            }
            Some(Ok(())) if draft.status != 426 => draft.into_response(),
            _ => refusal(
                426,
                "this path speaks WebSocket: connect to it with ws:// or wss://",
            ),
        }
    }
}

fn refusal(status: u16, why: &str) -> Response {
    Response::text(format!("{why}\n")).status(status)
}
