//! The host as a plugin calls it: one for each instance, kept for ever.
//!
//! Any thread may be inside any of these functions at any time. None waits for a client; those
//! that tell the hub wait while its queue is full. None calls back into the plugin.

pub(super) mod answers;
pub(super) mod client_view_table;
mod compression_table;
mod guard;
pub(super) mod job;
pub(super) mod host_http;
pub(super) mod host_table;
mod journal_table;
mod keeping;
mod body_file_table;
mod everywhere;
mod hosts_table;
mod label_table;
pub(super) mod log_table;
mod members_table;
mod metrics_table;
mod outgoing;
mod presence;
mod reading_table;
pub(super) mod sink;
mod timers;
mod turns;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use plugin_api::abi::{self, BINARY, GONE, INVALID, NO_CLIENT, Status, TEXT, TimerId};

use crate::counters::OwnMetrics;
use crate::engine::Shared;
use crate::hub::{Audience, Event, HubHandle, Message, RouteHandle};
use crate::ids::{ClientId, RouteId};
use crate::limits::{CLOSE_REASON_BYTES_MAX, LABEL_BYTES_MAX, TOPIC_BYTES_MAX};
use crate::logging::is_visible;
use crate::outbox::cause::{self, Cause};
use crate::outbox::frame::Opcode;
use crate::outbox::{Delivery, OwnOutbox, come_behind, own_outbox};
use crate::roster::Roster;
use crate::roster::callback_times::CallbackTimes;
use crate::threads::fault_point;
use outgoing::Outgoing;
pub(in crate::plugin) use timers::{Due, Timers};
pub use timers::{TIMERS_THREAD, TimersEnd};

/// What host calls need of the server.
#[derive(Clone)]
pub struct Services {
    /// Who is here.
    pub roster: Arc<Roster>,
    /// The way to the hub.
    pub hub: HubHandle,
    /// Where plugins find and keep files.
    pub folders: Arc<Folders>,
}

/// Folders that plugins ask for.
#[derive(Debug, Default)]
pub struct Folders {
    /// At which relative paths in options begin.
    pub config: PathBuf,
    /// Under which each plugin has one of its own, where there is one.
    pub state: Option<PathBuf>,
    /// Whether a plugin's own is made when it asks: not in a check.
    pub makes_state: bool,
}

/// What all instances of one route share, one after the other.
#[derive(Clone)]
pub(in crate::plugin) struct RouteParts {
    pub(in crate::plugin) id: RouteId,
    pub(in crate::plugin) path: Arc<str>,
    pub(in crate::plugin) services: Services,
    /// The way of what concerns the route to the hub.
    pub(in crate::plugin) hub: RouteHandle,
    /// Clients on the route.
    pub(in crate::plugin) clients: Arc<AtomicU64>,
    /// How its callbacks went, and whether it is held out of service.
    pub(in crate::plugin) times: Arc<CallbackTimes>,
    /// What its plugin counts for itself.
    pub(in crate::plugin) own_metrics: Arc<OwnMetrics>,
    /// Its journals are to be in a file.
    pub(in crate::plugin) has_file: Arc<AtomicBool>,
    /// The way to other hosts, where it is shared with some.
    pub(in crate::plugin) shared: Arc<OnceLock<Arc<Shared>>>,
}

/// Why a plugin has no folder of its own.
pub(in crate::plugin) enum NoFolder {
    /// Nobody has said where.
    None,
    /// It cannot be made.
    Unusable(String),
}

/// The host of one instance. The table comes first, so that its address is that of the whole.
#[repr(C)]
pub(in crate::plugin) struct RouteHost {
    table: abi::Host,
    pub(in crate::plugin) route: RouteParts,
    /// The plugin's name.
    plugin: Box<str>,
    /// Of what the instance before writes.
    old_state_format: Option<u32>,
    /// The route's table of the configuration, as JSON.
    config: Mutex<Arc<str>>,
    pub(in crate::plugin) outgoing: Outgoing,
    pub(in crate::plugin) timers: Timers,
}

/// The methods that are named like a host call do what the ABI says of it; an error is the status
/// to answer with.
impl RouteHost {
    /// Made once for each instance and never freed: its threads may keep it for ever.
    pub(in crate::plugin) fn leak(
        table: abi::Host,
        route: RouteParts,
        plugin: &str,
        config: &str,
        old_state_format: Option<u32>,
    ) -> &'static RouteHost {
        let outgoing = Outgoing::new(route.hub.clone(), route.shared.clone());
        Box::leak(Box::new(RouteHost {
            table,
            route,
            plugin: plugin.into(),
            old_state_format,
            config: Mutex::new(config.into()),
            outgoing,
            timers: Timers::default(),
        }))
    }

    /// The route's table as it is now.
    pub(in crate::plugin) fn config(&self) -> Arc<str> {
        self.config.lock().clone()
    }

    /// The route's table has changed.
    pub(in crate::plugin) fn set_config(&self, config: &str) {
        *self.config.lock() = config.into();
    }

    fn open_client(&self, client: u64) -> Result<ClientId, Status> {
        self.outgoing.check()?;
        let client = ClientId(client);
        let roster = &self.route.services.roster;
        if roster.is_open(client, self.route.id) {
            Ok(client)
        } else {
            Err(GONE)
        }
    }

    pub(in crate::plugin) fn send(
        &self,
        client: u64,
        kind: u32,
        payload: &[u8],
    ) -> Result<(), Status> {
        fault_point("send");
        let opcode = opcode(kind, payload)?;
        self.outgoing.check()?;
        let client = ClientId(client);
        let roster = &self.route.services.roster;
        let traffic = roster.open_traffic(client, self.route.id).ok_or(GONE)?;
        let own = self.own_outbox(client);
        if let OwnOutbox::Direct(outbox) = own {
            traffic.sent(payload.len());
            return delivered(outbox.queue_message(opcode, payload, self.route.hub.demand()));
        }
        let mut message = Message::new(opcode, payload);
        let demand = self.route.hub.demand();
        if demand.level(payload.len()).is_some()
            && let Some(outbox) = roster.outbox(client)
        {
            message = message.compressed_for(outbox.encoding(), demand);
        }
        let number = self.outgoing.post(Event::Send { client, message })?;
        if matches!(own, OwnOutbox::Behind(_)) {
            come_behind(self.route.id, None, number);
        }
        Ok(())
    }

    pub(in crate::plugin) fn flush(&self, client: u64) -> Result<(), Status> {
        // What goes through the hub is flushed by the hub.
        if let OwnOutbox::Direct(outbox) = self.own_outbox(self.open_client(client)?) {
            outbox.flush_own();
        }
        Ok(())
    }

    pub(in crate::plugin) fn close(
        &self,
        client: u64,
        code: u32,
        reason: &[u8],
    ) -> Result<(), Status> {
        let reason = std::str::from_utf8(reason).map_err(|_| INVALID)?;
        if !cause::may_be_sent(code) || reason.len() > CLOSE_REASON_BYTES_MAX {
            return Err(INVALID);
        }
        let client = self.open_client(client)?;
        let cause = Cause::plugin(code as u16, reason.to_owned());
        if self.outgoing.is_held() {
            // It may be given up again.
            return self.outgoing.post(Event::Close { client, cause }).map(drop);
        }
        let roster = &self.route.services.roster;
        let outbox = match self.own_outbox(client) {
            OwnOutbox::Direct(outbox) => {
                roster.close(client);
                return delivered(outbox.close(cause));
            }
            OwnOutbox::Behind(outbox) => Some(outbox),
            OwnOutbox::NotOwn => roster.outbox(client),
        };
        // It holds from now on, and its frame comes behind what is on its way to the client.
        roster.close(client);
        if let Some(outbox) = outbox {
            delivered(outbox.announce_close(&cause))?;
        }
        self.outgoing.post(Event::Close { client, cause }).map(drop)
    }

    /// How the client is answered: directly only by its own thread, and not before what that has said before,
    /// or what was held back for this instance, has reached it.
    fn own_outbox(&self, client: ClientId) -> OwnOutbox {
        own_outbox(client, |number| {
            self.outgoing.has_caught_up()
                && (number == 0 || self.route.hub.has_settled(number))
                && self.outgoing.is_back()
        })
    }

    pub(in crate::plugin) fn join(&self, client: u64, topic: &[u8]) -> Result<(), Status> {
        let topic = self.topic(topic)?;
        let client = self.open_client(client)?;
        self.outgoing.post(Event::Join { client, topic }).map(drop)
    }

    pub(in crate::plugin) fn leave(&self, client: u64, topic: &[u8]) -> Result<(), Status> {
        let topic = self.topic(topic)?;
        let client = self.open_client(client)?;
        self.outgoing.post(Event::Leave { client, topic }).map(drop)
    }

    pub(in crate::plugin) fn set_label(&self, client: u64, label: &[u8]) -> Result<(), Status> {
        let label = str::from_utf8(label).map_err(|_| INVALID)?;
        if label.len() > LABEL_BYTES_MAX || !label.chars().all(is_visible) {
            return Err(INVALID);
        }
        let client = self.open_client(client)?;
        let label = label.into();
        self.outgoing.post(Event::Label { client, label }).map(drop)
    }

    pub(in crate::plugin) fn publish(
        &self,
        topic: &[u8],
        kind: u32,
        payload: &[u8],
        except: u64,
    ) -> Result<(), Status> {
        self.publish_to(self.topic(topic)?, kind, payload, except)
    }

    pub(in crate::plugin) fn broadcast(
        &self,
        kind: u32,
        payload: &[u8],
        except: u64,
    ) -> Result<(), Status> {
        self.publish_to(Audience::Everyone, kind, payload, except)
    }

    pub(in crate::plugin) fn client_count(&self) -> Result<u64, Status> {
        self.outgoing.check()?;
        Ok(self.route.clients.load(Ordering::Relaxed))
    }

    pub(in crate::plugin) fn member_count(&self, topic: &[u8]) -> Result<u64, Status> {
        let topic = self.topic(topic)?;
        self.outgoing.check()?;
        self.outgoing.hub().count(topic).ok_or(GONE)
    }

    pub(in crate::plugin) fn set_timer(
        &'static self,
        delay_ms: u64,
        period_ms: u64,
    ) -> Result<TimerId, Status> {
        self.outgoing.check()?;
        self.timers.set(delay_ms, period_ms)
    }

    /// The plugin's own folder for what it keeps. Blocks on the disk, where it is made.
    pub(in crate::plugin) fn state_folder(&self) -> Result<PathBuf, NoFolder> {
        let folders = &self.route.services.folders;
        let folder = folders.state.as_ref().ok_or(NoFolder::None)?;
        let folder = folder.join(&*self.plugin);
        if folders.makes_state {
            // What a plugin keeps may be secret.
            let made = DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder);
            made.map_err(|error| NoFolder::Unusable(format!("{}: {error}", folder.display())))?;
        }
        Ok(folder)
    }

    fn topic(&self, topic: &[u8]) -> Result<Audience, Status> {
        let name = std::str::from_utf8(topic).map_err(|_| INVALID)?;
        if name.is_empty() || name.len() > TOPIC_BYTES_MAX {
            return Err(INVALID);
        }
        Ok(Audience::Topic(name.into()))
    }

    fn publish_to(
        &self,
        audience: Audience,
        kind: u32,
        payload: &[u8],
        except: u64,
    ) -> Result<(), Status> {
        let opcode = opcode(kind, payload)?;
        self.outgoing.check()?;
        let except = (except != NO_CLIENT).then_some(ClientId(except));
        let demand = self.route.hub.demand();
        let message = Message::new(opcode, payload).compressed(audience.name(), demand);
        let told = self.outgoing.told()?;
        let event = Event::Publish {
            audience,
            message,
            except,
        };
        let number = self.outgoing.say(event, told)?;
        come_behind(self.route.id, except, number);
        Ok(())
    }
}

/// Validates what goes out: the peer would close for text that is not UTF-8.
fn opcode(kind: u32, payload: &[u8]) -> Result<Opcode, Status> {
    match kind {
        TEXT if simdutf8::basic::from_utf8(payload).is_ok() => Ok(Opcode::Text),
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
