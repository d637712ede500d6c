//! The host as a plugin calls it: one table for each route, kept for ever.
//!
//! Any thread may be inside any of these functions at any time. None waits for a client; those
//! that tell the hub wait while its queue is full. None calls back into the plugin.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use plugin_api::abi::{
    self, ABI_MINOR, BINARY, Bytes, GONE, INVALID, NO_CLIENT, OK, Sink, Status, TEXT, TimerId,
};

use super::timers::Timers;
use super::{host_http, sink};
use crate::hub::{Audience, Event, HubHandle};
use crate::ids::{ClientId, RouteId};
use crate::limits::{CLOSE_REASON_BYTES_MAX, TOPIC_BYTES_MAX};
use crate::outbox::cause::{self, Cause};
use crate::outbox::frame::{self, Opcode};
use crate::outbox::{Delivery, own_outbox};
use crate::roster::Roster;

/// What host calls need of the server.
#[derive(Clone)]
pub struct Services {
    /// Who is here.
    pub roster: Arc<Roster>,
    /// The way to the hub.
    pub hub: HubHandle,
}

/// The host of one route. The table comes first, so that its address is that of the whole.
#[repr(C)]
pub(super) struct RouteHost {
    table: abi::Host,
    pub(super) route: RouteId,
    pub(super) path: Arc<str>,
    pub(super) services: Services,
    /// The route's table of the configuration, as JSON.
    config: String,
    /// Clients on the route.
    pub(super) clients: AtomicU64,
    /// Cleared when the instance goes; plugins' own threads may call for ever.
    is_live: AtomicBool,
    pub(super) timers: Timers,
}

impl RouteHost {
    /// Made once for each instance and never freed: its threads may keep it for ever.
    pub(super) fn leak(
        route: RouteId,
        path: Arc<str>,
        config: String,
        services: Services,
    ) -> &'static RouteHost {
        Box::leak(Box::new(RouteHost {
            table: table(),
            route,
            path,
            services,
            config,
            clients: AtomicU64::new(0),
            is_live: AtomicBool::new(true),
            timers: Timers::default(),
        }))
    }

    /// The route's table of the configuration, as `create` gets it.
    pub(super) fn config(&self) -> &str {
        &self.config
    }

    /// As the plugin sees it.
    pub(super) fn as_abi(&'static self) -> *const abi::Host {
        (&raw const *self).cast()
    }

    /// From here on every call answers [`GONE`].
    pub(super) fn retire(&self) {
        self.is_live.store(false, Ordering::Release);
    }

    /// # Safety
    /// `host` is what [`RouteHost::as_abi`] gave out.
    unsafe fn from_abi(host: *const abi::Host) -> &'static RouteHost {
        // SAFETY: it was leaked, and the table is its first field.
        unsafe { &*host.cast::<RouteHost>() }
    }

    fn live(&self) -> Result<(), Status> {
        if self.is_live.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(GONE)
        }
    }

    fn open_client(&self, client: u64) -> Result<ClientId, Status> {
        self.live()?;
        let client = ClientId(client);
        if self.services.roster.is_open(client, self.route) {
            Ok(client)
        } else {
            Err(GONE)
        }
    }

    fn send(&self, client: u64, kind: u32, payload: &[u8]) -> Result<(), Status> {
        let opcode = opcode(kind, payload)?;
        let client = self.open_client(client)?;
        match own_outbox(client) {
            Some(outbox) => delivered(outbox.queue_message(opcode, payload)),
            None => {
                let frame = frame::encode(opcode, payload);
                self.services.hub.tell(Event::Send { client, frame });
                Ok(())
            }
        }
    }

    fn flush(&self, client: u64) -> Result<(), Status> {
        // What goes to other clients goes through the hub, which flushes by itself.
        if let Some(outbox) = own_outbox(self.open_client(client)?) {
            outbox.flush();
        }
        Ok(())
    }

    fn close(&self, client: u64, code: u32, reason: &[u8]) -> Result<(), Status> {
        let reason = std::str::from_utf8(reason).map_err(|_| INVALID)?;
        if !cause::may_be_sent(code) || reason.len() > CLOSE_REASON_BYTES_MAX {
            return Err(INVALID);
        }
        let client = self.open_client(client)?;
        let cause = Cause::plugin(code as u16, reason.to_owned());
        match own_outbox(client) {
            Some(outbox) => delivered(outbox.close(cause)),
            None => {
                self.services.hub.tell(Event::Close { client, cause });
                Ok(())
            }
        }
    }

    fn topic(&self, topic: &[u8]) -> Result<Audience, Status> {
        let name = std::str::from_utf8(topic).map_err(|_| INVALID)?;
        if name.is_empty() || name.len() > TOPIC_BYTES_MAX {
            return Err(INVALID);
        }
        Ok(Audience::Topic(self.route, name.into()))
    }

    fn publish(
        &self,
        audience: Audience,
        kind: u32,
        payload: &[u8],
        except: u64,
    ) -> Result<(), Status> {
        let opcode = opcode(kind, payload)?;
        self.live()?;
        let except = (except != NO_CLIENT).then_some(ClientId(except));
        let frame = frame::encode(opcode, payload);
        self.services.hub.tell(Event::Publish {
            audience,
            frame,
            except,
        });
        Ok(())
    }
}

/// Validates what goes out: the peer would close for text that is not UTF-8.
fn opcode(kind: u32, payload: &[u8]) -> Result<Opcode, Status> {
    match kind {
        TEXT if std::str::from_utf8(payload).is_ok() => Ok(Opcode::Text),
        BINARY => Ok(Opcode::Binary),
        _ => Err(INVALID),
    }
}

fn delivered(delivery: Delivery) -> Result<(), Status> {
    match delivery {
        Delivery::Queued => Ok(()),
        Delivery::Gone => Err(GONE),
    }
}

fn status(result: Result<(), Status>) -> Status {
    result.err().unwrap_or(OK)
}

fn table() -> abi::Host {
    abi::Host {
        size: size_of::<abi::Host>() as u32,
        abi_minor: ABI_MINOR,
        send,
        flush,
        close,
        join,
        leave,
        publish,
        broadcast,
        client_count,
        member_count,
        set_timer,
        cancel_timer,
        route_path,
        config,
        request_field: host_http::request_field,
        request_header: host_http::request_header,
        request_header_at: host_http::request_header_at,
        request_is_inside: host_http::request_is_inside,
        response_status: host_http::response_status,
        response_header: host_http::response_header,
        response_body: host_http::response_body,
        response_subprotocol: host_http::response_subprotocol,
        get_extension,
    }
}

// Each of the functions below turns C's types into Rust's and calls the method of its name. The
// plugin vouches, by the ABI, for `host` being what `create` got and for bytes and places being
// valid for the time of the call.

unsafe extern "C" fn send(
    host: *const abi::Host,
    client: u64,
    kind: u32,
    payload: Bytes,
) -> Status {
    // SAFETY: see above.
    let (host, payload) = unsafe { (RouteHost::from_abi(host), payload.as_slice()) };
    status(host.send(client, kind, payload))
}

unsafe extern "C" fn flush(host: *const abi::Host, client: u64) -> Status {
    // SAFETY: see above.
    let host = unsafe { RouteHost::from_abi(host) };
    status(host.flush(client))
}

unsafe extern "C" fn close(
    host: *const abi::Host,
    client: u64,
    code: u32,
    reason: Bytes,
) -> Status {
    // SAFETY: see above.
    let (host, reason) = unsafe { (RouteHost::from_abi(host), reason.as_slice()) };
    status(host.close(client, code, reason))
}

unsafe extern "C" fn join(host: *const abi::Host, client: u64, topic: Bytes) -> Status {
    // SAFETY: see above.
    let (host, topic) = unsafe { (RouteHost::from_abi(host), topic.as_slice()) };
    status(host.topic(topic).and_then(|topic| {
        let client = host.open_client(client)?;
        host.services.hub.tell(Event::Join { client, topic });
        Ok(())
    }))
}

unsafe extern "C" fn leave(host: *const abi::Host, client: u64, topic: Bytes) -> Status {
    // SAFETY: see above.
    let (host, topic) = unsafe { (RouteHost::from_abi(host), topic.as_slice()) };
    status(host.topic(topic).and_then(|topic| {
        let client = host.open_client(client)?;
        host.services.hub.tell(Event::Leave { client, topic });
        Ok(())
    }))
}

unsafe extern "C" fn publish(
    host: *const abi::Host,
    topic: Bytes,
    kind: u32,
    payload: Bytes,
    except: u64,
) -> Status {
    // SAFETY: see above.
    let (host, topic, payload) = unsafe {
        (
            RouteHost::from_abi(host),
            topic.as_slice(),
            payload.as_slice(),
        )
    };
    status(
        host.topic(topic)
            .and_then(|topic| host.publish(topic, kind, payload, except)),
    )
}

unsafe extern "C" fn broadcast(
    host: *const abi::Host,
    kind: u32,
    payload: Bytes,
    except: u64,
) -> Status {
    // SAFETY: see above.
    let (host, payload) = unsafe { (RouteHost::from_abi(host), payload.as_slice()) };
    status(host.publish(Audience::Everyone(host.route), kind, payload, except))
}

unsafe extern "C" fn client_count(host: *const abi::Host, count: *mut u64) -> Status {
    // SAFETY: see above.
    let (host, count) = unsafe { (RouteHost::from_abi(host), count.as_mut()) };
    let Some(count) = count else { return INVALID };
    *count = host.clients.load(Ordering::Relaxed);
    status(host.live())
}

unsafe extern "C" fn member_count(host: *const abi::Host, topic: Bytes, count: *mut u64) -> Status {
    // SAFETY: see above.
    let (host, topic, count) =
        unsafe { (RouteHost::from_abi(host), topic.as_slice(), count.as_mut()) };
    let Some(count) = count else { return INVALID };
    status(host.topic(topic).and_then(|topic| {
        host.live()?;
        *count = host.services.hub.count(topic).ok_or(GONE)?;
        Ok(())
    }))
}

unsafe extern "C" fn set_timer(
    host: *const abi::Host,
    delay_ms: u64,
    period_ms: u64,
    timer: *mut TimerId,
) -> Status {
    // SAFETY: see above.
    let (host, timer) = unsafe { (RouteHost::from_abi(host), timer.as_mut()) };
    let Some(timer) = timer else { return INVALID };
    status(host.live().and_then(|()| {
        *timer = host.timers.set(delay_ms, period_ms)?;
        Ok(())
    }))
}

unsafe extern "C" fn cancel_timer(host: *const abi::Host, timer: TimerId) -> Status {
    // SAFETY: see above.
    let host = unsafe { RouteHost::from_abi(host) };
    host.timers.cancel(timer)
}

unsafe extern "C" fn route_path(host: *const abi::Host, out: *const Sink) -> Status {
    // SAFETY: see above.
    unsafe { sink::write(out, RouteHost::from_abi(host).path.as_bytes()) };
    OK
}

unsafe extern "C" fn config(host: *const abi::Host, out: *const Sink) -> Status {
    // SAFETY: see above.
    unsafe { sink::write(out, RouteHost::from_abi(host).config.as_bytes()) };
    OK
}

/// ABI 1.0 has no extensions yet.
unsafe extern "C" fn get_extension(_: *const abi::Host, _: Bytes) -> *const c_void {
    std::ptr::null()
}
