//! Sequences of host calls, made through the table as a plugin makes them, against a model.
#![allow(unsafe_code)]

use plugin_api::abi::{
    self, ABSENT, BINARY, Bytes, EXHAUSTED, GONE, INVALID, NO_CLIENT, OK, Status, TEXT,
};

use super::input::Input;
use super::model::{Model, Told};
use super::world::{FOREIGN, OWN, World};
use crate::http::HttpLimits;
use crate::http::peer::Remote;
use crate::http::request::Request;
use crate::http::response::Form;
use crate::limits::TIMER_MS_MAX;
use crate::plugin::host::host_http::{Draft, request_as_abi};

/// Calls of one sequence at most, far below what makes a route run out of anything.
const CALLS_MAX: usize = 200;

const HANDSHAKE: &[u8] = b"GET /fuzz?q HTTP/1.1\r\nHost: h\r\nA: 1\r\na: 2\r\n\
                           Sec-WebSocket-Protocol: one, two\r\n\r\n";

/// Asserts that each call is answered as the ABI says and that clients hear what they are to hear.
pub(crate) fn calls_hold(data: &[u8]) {
    let mut calls = Calls {
        input: Input(data),
        world: World::new(),
        model: Model::new(),
        closed: [Closed::Not; 2],
        is_over: false,
        timers: 0,
    };
    let peer = Remote::Tcp("127.0.0.1:1".parse().expect("an address"));
    let request =
        Request::parse(HANDSHAKE, peer, HttpLimits::default()).expect("it is well-formed");
    let mut draft = Draft::new(&request, http::StatusCode::OK);
    let mut count = 0;
    while count < CALLS_MAX
        && let Some(call) = calls.input.byte()
    {
        match call % 16 {
            12..16 => about_http(&mut calls.input, &mut draft),
            call => calls.make(call),
        }
        count += 1;
    }
    assert_answer(&draft);
    calls.end();
}

struct Calls<'a> {
    input: Input<'a>,
    world: World,
    model: Model,
    /// By client of the route.
    closed: [Closed; 2],
    is_over: bool,
    /// The last timer.
    timers: u64,
}

/// Whether a client was closed by a call.
#[derive(Clone, Copy, PartialEq)]
enum Closed {
    Not,
    /// The call was held back: it takes effect when the hub comes to it.
    Held,
    /// It holds from the call on.
    AtOnce,
}

impl Calls<'_> {
    fn make(&mut self, call: u8) {
        match call {
            0 => self.send(),
            1 => self.close(),
            2 | 3 => self.change_membership(call == 2),
            4 => self.publish(),
            5 => self.flush(),
            6 => self.count(),
            7 => self.set_timer(),
            8 => self.cancel_timer(),
            9 => self.read_route(),
            10 => self.change_phase(),
            _ => {
                let guest = usize::from(self.input.choice(2));
                if !self.model.has_departed(guest) {
                    self.world.depart(guest);
                    self.model.depart(guest);
                }
            }
        }
    }

    /// A client's id, and its number where the route may name it.
    fn client(&mut self) -> (u64, Option<usize>) {
        let choice = usize::from(self.input.choice(5));
        let id = match self.world.guests.get(choice) {
            Some(guest) => guest.id.0,
            None => self.input.number(),
        };
        let guest = self.world.guests.iter().position(|guest| guest.id.0 == id);
        let named = guest.filter(|&guest| {
            guest != FOREIGN
                && !self.model.has_departed(guest)
                && self.closed[guest] != Closed::AtOnce
        });
        (id, named.filter(|_| !self.is_over))
    }

    /// A kind and a payload; whether they may be sent.
    fn message(&mut self) -> (u32, Vec<u8>, bool) {
        let kind = match self.input.choice(3) {
            0 => TEXT,
            1 => BINARY,
            _ => self.input.number() as u32,
        };
        let payload = self.input.bytes();
        let is_text = kind == TEXT && std::str::from_utf8(&payload).is_ok();
        (kind, payload, is_text || kind == BINARY)
    }

    fn send(&mut self) {
        let (client, guest) = self.client();
        let (kind, payload, is_valid) = self.message();
        let send = table(&self.world).send;
        // SAFETY: as the ABI asks.
        let status = unsafe { send(self.world.host.as_abi(), client, kind, Bytes::new(&payload)) };
        self.expect_of(guest, status, is_valid);
        if let (OK, Some(guest)) = (status, guest) {
            self.model.note(Told::Send(guest, (kind as u8, payload)));
        }
    }

    fn close(&mut self) {
        let (client, guest) = self.client();
        let (code, reason) = (self.input.number() as u32, self.input.bytes());
        let is_code = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let is_valid = is_code && reason.len() <= 123 && std::str::from_utf8(&reason).is_ok();
        let close = table(&self.world).close;
        // SAFETY: as the ABI asks.
        let status = unsafe { close(self.world.host.as_abi(), client, code, Bytes::new(&reason)) };
        self.expect_of(guest, status, is_valid);
        if let (true, Some(guest)) = (is_valid, guest) {
            self.closed[guest] = match self.model.is_held() {
                true => Closed::Held,
                false => Closed::AtOnce,
            };
        }
        if let (OK, Some(guest)) = (status, guest) {
            let payload = [&(code as u16).to_be_bytes()[..], &reason].concat();
            self.model.note(Told::Send(guest, (8, payload)));
        }
    }

    /// As [`Calls::expect`], for what a client is sent: it is gone when the hub has come to a close that was held
    /// back, and who tells can only be its own thread.
    #[track_caller]
    fn expect_of(&self, guest: Option<usize>, status: Status, is_valid: bool) {
        let may_be_gone = guest.is_some_and(|guest| self.closed[guest] == Closed::Held);
        if status != GONE || !may_be_gone {
            self.expect(status, is_valid, guest.is_some());
        }
    }

    fn change_membership(&mut self, is_join: bool) {
        let (client, guest) = self.client();
        let topic = self.input.topic();
        let table = table(&self.world);
        let change = if is_join { table.join } else { table.leave };
        // SAFETY: as the ABI asks.
        let status = unsafe { change(self.world.host.as_abi(), client, Bytes::new(&topic)) };
        self.expect(status, is_topic(&topic), guest.is_some());
        if let (OK, Some(guest)) = (status, guest) {
            let told = if is_join { Told::Join } else { Told::Leave };
            self.model.note(told(guest, topic));
        }
    }

    fn publish(&mut self) {
        let topic = (self.input.choice(3) > 0).then(|| self.input.topic());
        let (kind, payload, is_message) = self.message();
        let (client, except) = match self.input.choice(2) {
            0 => (NO_CLIENT, None),
            _ => self.client(),
        };
        let (host, table) = (self.world.host.as_abi(), table(&self.world));
        let bytes = Bytes::new(&payload);
        // SAFETY: as the ABI asks.
        let status = unsafe {
            match &topic {
                Some(topic) => (table.publish)(host, Bytes::new(topic), kind, bytes, client),
                None => (table.broadcast)(host, kind, bytes, client),
            }
        };
        let is_valid = is_message && topic.as_deref().is_none_or(is_topic);
        self.expect(status, is_valid, !self.is_over);
        if status == OK {
            let heard = (kind as u8, payload);
            self.model.note(Told::Publish(topic, heard, except));
        }
    }

    fn flush(&mut self) {
        let (client, guest) = self.client();
        let flush = table(&self.world).flush;
        // SAFETY: as the ABI asks.
        let status = unsafe { flush(self.world.host.as_abi(), client) };
        self.expect(status, true, guest.is_some());
    }

    fn count(&mut self) {
        let topic = self.input.topic();
        let (host, table) = (self.world.host.as_abi(), table(&self.world));
        let (mut clients, mut members) = (0, 0);
        // SAFETY: as the ABI asks.
        let statuses = unsafe {
            let clients = (table.client_count)(host, &raw mut clients);
            let nowhere = (table.client_count)(host, std::ptr::null_mut());
            assert_eq!(nowhere, INVALID);
            (
                clients,
                (table.member_count)(host, Bytes::new(&topic), &raw mut members),
            )
        };
        self.expect(statuses.0, true, !self.is_over);
        self.expect(statuses.1, is_topic(&topic), !self.is_over);
        if statuses.1 == OK {
            assert_eq!((clients, members), (2, self.model.member_count(&topic)));
        }
    }

    fn set_timer(&mut self) {
        let (delay, period) = (self.input.number(), self.input.number());
        let set_timer = table(&self.world).set_timer;
        let mut timer = 0;
        // SAFETY: as the ABI asks.
        let status = unsafe { set_timer(self.world.host.as_abi(), delay, period, &raw mut timer) };
        let is_valid = delay.max(period) <= TIMER_MS_MAX;
        self.expect(status, is_valid, !self.is_over);
        if status == OK {
            assert!(timer > self.timers, "a timer's id comes again");
            self.timers = timer;
        }
    }

    fn cancel_timer(&mut self) {
        let timer = self.input.number();
        let cancel = table(&self.world).cancel_timer;
        // SAFETY: as the ABI asks.
        let status = unsafe { cancel(self.world.host.as_abi(), timer) };
        let may_be = (1..=self.timers).contains(&timer) && !self.is_over;
        assert!(status == GONE || status == OK && may_be, "{status}");
    }

    fn read_route(&mut self) {
        let (host, table) = (self.world.host.as_abi(), table(&self.world));
        for read in [table.route_path, table.config] {
            // SAFETY: as the ABI asks; the sink is there for the time of the call.
            let (status, text) =
                crate::plugin::host::sink::collect(|out| unsafe { read(host, out) });
            assert!(status == OK && matches!(&*text, "/fuzz" | "{}"), "{text}");
            // SAFETY: as above; no sink is allowed.
            assert_eq!(unsafe { read(host, std::ptr::null()) }, OK);
        }
        let id = self.input.bytes();
        // SAFETY: as the ABI asks.
        let extension = unsafe { (table.get_extension)(host, Bytes::new(&id)) };
        let is_known = [abi::JOURNAL, abi::METRICS]
            .iter()
            .any(|known| known.as_bytes() == id);
        assert!(extension.is_null() != is_known);
    }

    /// Most often to work, now and then to the end.
    fn change_phase(&mut self) {
        if self.input.choice(8) < 6 {
            if !self.is_over {
                self.world.start();
                self.model.release();
            }
        } else {
            self.world.end_instance();
            self.model.end();
            self.is_over = true;
        }
    }

    /// A call with lawful arguments or not, about something that is there or not.
    #[track_caller]
    fn expect(&self, status: Status, is_valid: bool, is_there: bool) {
        let expected = match (is_valid, is_there) {
            (true, true) => status == OK,
            (true, false) => status == GONE,
            (false, true) => status == INVALID,
            (false, false) => matches!(status, INVALID | GONE),
        };
        assert!(expected, "{status} for valid {is_valid}, there {is_there}");
        assert_ne!(status, EXHAUSTED, "nothing runs out that soon");
    }

    fn end(self) {
        let heard = self.world.end();
        for guest in [OWN, 1] {
            assert_eq!(
                heard[guest],
                self.model.heard(guest),
                "in the order of the calls"
            );
        }
        assert!(
            heard[FOREIGN].is_empty(),
            "another route's client heard something"
        );
    }
}

fn is_topic(name: &[u8]) -> bool {
    (1..=255).contains(&name.len()) && std::str::from_utf8(name).is_ok()
}

fn table(world: &World) -> &'static abi::Host {
    // SAFETY: the host begins with its table and lives as long as the world.
    unsafe { &*world.host.as_abi() }
}

/// One call about the request or the response.
fn about_http(input: &mut Input<'_>, draft: &mut Draft<'_>) {
    let request = request_as_abi(draft.request);
    let table = crate::plugin::host::host_table::table();
    let (mut name, mut value) = (Bytes::NONE, Bytes::NONE);
    let (choice, text, number) = (input.choice(9), input.bytes(), input.number());
    let (text_bytes, index) = (Bytes::new(&text), number as usize);
    let before = draft.response.body.len();
    let response = draft.as_abi();
    // SAFETY: as the ABI asks.
    let status = unsafe {
        match choice {
            0 => (table.request_field)(request, number as u32, &raw mut value),
            1 => (table.request_header)(request, text_bytes, index, &raw mut value),
            2 => (table.request_header_at)(request, index, &raw mut name, &raw mut value),
            3 => (table.request_param)(request, text_bytes, &raw mut value),
            4 => (table.request_field)(request, number as u32, std::ptr::null_mut()),
            5 => (table.response_status)(response, number as u32),
            6 => {
                let other = input.bytes();
                (table.response_header)(response, text_bytes, Bytes::new(&other))
            }
            7 => (table.response_body)(response, text_bytes),
            _ => (table.response_subprotocol)(response, text_bytes),
        }
    };
    assert!(matches!(status, OK | ABSENT | INVALID), "{status}");
    // SAFETY: they point into the request, which is still here.
    let found = unsafe { (name.as_slice(), value.as_slice()) };
    let is_inside =
        |part: &[u8]| part.is_empty() || HANDSHAKE.windows(part.len()).any(|of| of == part);
    let is_peer = [b"127.0.0.1:1".as_slice(), b"127.0.0.1"].contains(&found.1);
    assert!(is_inside(found.0) && (is_inside(found.1) || is_peer));
    if choice < 4 && status != OK {
        assert!(found.1.is_empty(), "a value that is not there");
    }
    if choice != 7 || status != OK {
        assert_eq!(draft.response.body.len(), before);
    }
}

/// The head of what was put together ends where it should, and the body follows.
fn assert_answer(draft: &Draft<'_>) {
    let bytes = draft.response.encode(Form::LAST);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = bytes.split_at(end.expect("a whole head") + 4);
    assert!(body.is_empty() || body == draft.response.body);
    let lines = head.split(|&byte| byte == b'\n');
    for line in lines.filter(|line| !line.is_empty()) {
        let line = line.strip_suffix(b"\r").expect("no bare line feed");
        assert!(!line.contains(&b'\r') && !line.contains(&0), "{line:?}");
    }
}
