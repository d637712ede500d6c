//! The way to other hosts: a stream of Redis, which every host reads that shares a route.
//!
//! What is said on such a route, here or elsewhere, comes to the hub by the stream and in its order: that is how all members
//! everywhere see one order. Each route has threads and connections of its own, so that routes do not hold each other up.
//! No thread of the hub or of a client ever waits for Redis; who speaks waits where too much is on its way, as long as
//! [`Terms::wait`] says. Knows the hub's events; knows neither plugins nor connections.
//!
//! # The way of a message
//!
//! ```text
//! any thread           thread `engine`              thread `engine-in` of every host
//! Shared::post ─> Flight ══ XADD ══> Redis ══ XREAD ══> Arrivals ─> Flight ─> hub
//!                   └ what the thread says behind it waits there ───────┘
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `address` | where Redis is, and how to get in, as the settings say it |
//! | `link`, `reach` | a connection, and what is wrong with it; which of several is the master |
//! | `entry` | what stands in the stream, as bytes and as values |
//! | `directed` | what is said to one client of another host |
//! | `flight` | what was said here and has not come back, and what waits behind it |
//! | `local` | what is heard here alone while Redis is away |
//! | `own` | what each thread waits for |
//! | `top` | the end of a stream: whether counting goes on there |
//! | `writer`, `reader` | the two threads |
//! | `arrival`, `seen` | what an entry means; what is there twice |
//! | `gap` | what is missing, for the plugin |
//! | `condition`, `progress` | what others have to know of the two threads |
//! | `hosts` | which hosts there are, and how many clients each has |
//! | `terms` | how a route is shared, and what this host is called |
//!
//! # Positions
//!
//! The name that Redis gives an entry, `EPOCH-OFFSET`, is its position: the same on every host. Offsets are dense and go on
//! through epochs; an epoch begins where Redis was started anew or failed over (`top`), so that nothing that is lost there
//! shares its name with something else. What does not follow the entry before it is a gap (`arrival`): it is told to all
//! clients of the route, who are closed with 1013 and come back, by its [`journal::Gap`](crate::journal::Gap) to who comes with a
//! position, and by a [`Gap`] to the plugin.
//!
//! # Once
//!
//! Entries carry the run of a server and a number that grows with each. What is sent again, since the connection broke
//! before Redis had answered, has the number that it had before, and is passed over by every host that has read it (`seen`).

mod address;
mod arrival;
mod condition;
mod directed;
mod entry;
mod flight;
mod gap;
pub mod hosts;
mod kept;
mod link;
mod local;
mod own;
mod progress;
mod reach;
mod reader;
mod seen;
mod terms;
mod top;
mod writer;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

pub use address::{Address, Server};
use arrival::Arrivals;
use condition::Condition;
pub use directed::Directed;
use entry::{Kind, Meta, Packed};
use flight::{Flight, Manner};
pub use flight::{Refused, Told};
pub use gap::{Gap, GapCause, TellGap};
use hosts::{Ask, Elsewhere, Here, Hosts};
use kept::KeptTopics;
use progress::Progress;
use reader::Reader;
use terms::HOST;
pub use terms::{Terms, WhenAway, machine, this_host};
use writer::Writer;

use crate::counters::EngineCounts;
use crate::hub::{Audience, Event, Joining, Keep, Message, RouteHandle};
use crate::ids::{Anywhere, ClientId, HostNumber, RouteId};
use crate::journal::store::Line;
use crate::limits::{STREAM_OPENING, STREAM_READ_FIRST};

/// Says what is wrong with Redis, and with what the server has to have of it, each a line; none where it can be used. Waits
/// for each server for a second or two at most.
pub fn check(terms: &Terms) -> Vec<String> {
    reach::check(&terms.address, &terms.prefix)
}

/// The way into the stream of a route, for whoever speaks on it. Any thread may use it at any time.
pub struct Shared {
    route: RouteId,
    hub: RouteHandle,
    flight: Arc<Flight>,
    condition: Arc<Condition>,
    kept: Arc<KeptTopics>,
    elsewhere: Arc<Elsewhere>,
    ask: Ask,
    when_away: WhenAway,
}

/// How far what was held back is to have come before what is said later may be heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Number at the hub of the last that went there; 0 where none did.
    pub posted: u64,
    /// Number of the message in flight that something waits behind; 0 where nothing does. For [`Shared::post`] and
    /// [`Shared::has_come`].
    pub behind: u64,
}

impl Shared {
    /// Posts an event: what is for many goes into the stream, and is heard when it comes back; what this thread does for one
    /// client waits behind that, and behind the message [`Released::behind`]. Gives the event's number at the hub, or 0 where
    /// it waits. Who speaks waits while too much is on its way, for [`Terms::wait`] at most. `told` is told when a message has
    /// come back, or will not.
    ///
    /// # Errors
    /// It was refused, and `told` knows.
    pub fn post(&self, event: Event, told: Option<Told>, behind: u64) -> Result<u64, Refused> {
        if is_for_many(&event) {
            let number = self.put(event, told, Manner::Patient, false)?;
            self.note(number);
            return Ok(0);
        }
        let last = own::last(self.route).max(behind);
        let event = self.put_behind(last, event, Manner::Patient);
        Ok(event.map_or(0, |event| self.hub.post(event)))
    }

    /// The same of a message of which who says it wants to know that Redis has it: where that is away it is refused, whatever
    /// [`Terms::when_away`] says.
    ///
    /// # Errors
    /// As of [`Shared::post`].
    pub fn post_durable(&self, event: Event, told: Option<Told>) -> Result<u64, Refused> {
        let number = self.put(event, told, Manner::Patient, true)?;
        self.note(number);
        Ok(0)
    }

    fn note(&self, number: u64) {
        own::note(self.route, number);
        if self.when_away == WhenAway::Local && self.flight.is_alone() {
            // What is heard here alone has not waited for the hub yet, where that does not keep up.
            self.hub.post(Event::ReadTo { offset: 0 });
        }
    }

    /// Posts events that were held back, in their order. Never waits: a message for many for which there is no room is
    /// refused, and all else is taken, as its memory is already.
    pub fn post_all(&self, events: Vec<Event>) -> Released {
        // What an instance before this one has released may be in flight still.
        let before = own::last(self.route);
        let mut released = Released {
            posted: 0,
            behind: if self.flight.is_back(before) {
                0
            } else {
                before
            },
        };
        for event in events {
            if is_for_many(&event) {
                if let Ok(number) = self.put(event, None, Manner::Urgent, false) {
                    own::note(self.route, number);
                }
                continue;
            }
            let last = own::last(self.route);
            match self.put_behind(last, event, Manner::Urgent) {
                Some(event) => released.posted = self.hub.post_all(vec![event]),
                None => released.behind = last,
            }
        }
        released
    }

    /// Whether the message of this number, of any thread, and what waits behind it stand in the outboxes.
    pub fn has_come(&self, number: u64) -> bool {
        number == 0 || self.flight.has_settled(number)
    }

    /// Says something to one client of another host, behind what this thread has said to all before. Who speaks waits as in
    /// [`Shared::post`].
    ///
    /// # Errors
    /// It was refused.
    pub fn direct(&self, to: Anywhere, what: &Directed<'_>) -> Result<(), Refused> {
        let message = what.pack(to);
        let packed = Packed::new(
            &meta(what.kind(), &message, None, "", None),
            message.payload(),
        );
        // Here nothing is to be done when it is back, and this does nothing.
        let nothing = Event::ReadTo { offset: 0 };
        let number = self
            .flight
            .put(nothing, packed, None, Manner::Patient, false)?;
        self.note(number);
        Ok(())
    }

    /// Whether what this thread has said stands in the outboxes of all clients here.
    pub fn has_settled(&self) -> bool {
        let last = own::last(self.route);
        if last == 0 {
            return true;
        }
        let has_settled = self.flight.has_settled(last);
        if has_settled {
            own::forget(self.route);
        }
        has_settled
    }

    /// Whether Redis is there.
    pub fn is_up(&self) -> bool {
        self.condition.away_since().is_none()
    }

    /// Clients that the other hosts have on the route, as far as that is known.
    pub fn count_elsewhere(&self) -> u64 {
        self.elsewhere.count(self.condition.route())
    }

    /// Whether nothing reaches the host of this number: it has gone, or there is none. Waits for Redis where the number was never
    /// seen, for half a second at most.
    pub fn has_gone(&self, host: HostNumber) -> bool {
        self.ask.has_gone(host, || self.is_up())
    }

    /// What is known of the other hosts.
    pub fn elsewhere(&self) -> &Elsewhere {
        &self.elsewhere
    }

    /// What is counted of it.
    pub fn counts(&self) -> &Arc<EngineCounts> {
        &self.condition.counts
    }

    /// Lets an event wait behind the message of this number; gives it back where that is not in flight.
    fn put_behind(&self, last: u64, mut event: Event, manner: Manner) -> Option<Event> {
        if last == 0 || self.flight.is_back(last) {
            return Some(event);
        }
        if let Event::JoinFrom(join) = &mut event {
            // Nobody waits for another host inside a callback.
            if let Some(reply) = join.reply.take() {
                // Who asked waits for it; there is room for the answer.
                reply.try_send(Joining::Later).ok();
            }
        }
        self.flight.put_behind(last, event, manner)
    }

    fn put(
        &self,
        event: Event,
        told: Option<Told>,
        manner: Manner,
        is_durable: bool,
    ) -> Result<u64, Refused> {
        let event = self.keep_where_kept(event);
        let packed = match &event {
            Event::Keep(keep) => {
                self.kept.note(&keep.topic);
                let place = keep.position_at.and_then(|at| u32::try_from(at).ok());
                let meta = meta(Kind::Kept, &keep.message, keep.except, &keep.topic, place);
                Packed::new(&meta, keep.message.payload())
            }
            Event::Publish {
                audience,
                message,
                except,
            } => {
                let topic = audience.name().unwrap_or_default();
                let meta = meta(Kind::Said, message, *except, topic, None);
                Packed::new(&meta, message.payload())
            }
            // Nothing else is for many.
            _ => return Err(Refused::Over),
        };
        self.flight.put(event, packed, told, manner, is_durable)
    }

    /// What is said on a topic on which something is kept is kept.
    fn keep_where_kept(&self, event: Event) -> Event {
        match event {
            Event::Publish {
                audience,
                message,
                except,
            } if self.kept.contains(audience.name().unwrap_or_default()) => {
                let topic = match audience {
                    Audience::Topic(name) => name,
                    Audience::Everyone => Box::default(),
                };
                Event::Keep(Box::new(Keep {
                    topic,
                    message,
                    position_at: None,
                    except,
                    confirm: None,
                    reply: None,
                    at: None,
                }))
            }
            event => event,
        }
    }
}

fn is_for_many(event: &Event) -> bool {
    matches!(event, Event::Publish { .. } | Event::Keep(_))
}

fn meta(
    kind: Kind,
    message: &Message,
    except: Option<ClientId>,
    topic: &str,
    position_at: Option<u32>,
) -> Meta {
    Meta {
        kind,
        opcode: message.kind(),
        host: *HOST,
        number: 0,
        except: except.map(|ClientId(number)| number),
        at: top::now(),
        position_at,
        topic: topic.into(),
    }
}

/// The two running threads of one route.
pub struct Engine {
    shared: Arc<Shared>,
    progress: Arc<Progress>,
    threads: [JoinHandle<()>; 2],
}

impl Engine {
    /// Starts the threads for the route `id` at `path`, of which `hub` is the way to the hub, and lets `hosts` tell who is
    /// `here`. Waits until the stream was read, or Redis is found to be away; for some seconds at most. `tell_gap` is told
    /// what is missing.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn start(
        path: Arc<str>,
        id: RouteId,
        hub: RouteHandle,
        terms: &Terms,
        hosts: &Hosts,
        here: Here,
        tell_gap: TellGap,
    ) -> io::Result<Engine> {
        let key: Arc<str> = format!("{}{path}", terms.prefix).into();
        let condition = Arc::new(Condition::new(
            path.clone(),
            terms.address.clone(),
            terms.when_away,
        ));
        hub.counts().set_engine(condition.counts.clone());
        let flight = Arc::new(Flight::new(hub.clone(), condition.clone(), terms.wait));
        let progress = Arc::<Progress>::default();
        let kept = Arc::<KeptTopics>::default();
        let shared = Arc::new(Shared {
            route: id,
            hub: hub.clone(),
            flight: flight.clone(),
            condition: condition.clone(),
            kept: kept.clone(),
            elsewhere: hosts.elsewhere(),
            ask: hosts.ask(),
            when_away: terms.when_away,
        });
        let say = shared.clone();
        hub.post(Event::Share(Box::new(move |audience, message, except| {
            let event = Event::Publish {
                audience,
                message,
                except,
            };
            // What there is no room for is counted.
            say.put(event, None, Manner::Urgent, false).ok();
        })));
        let tell = flight.clone();
        let tell_lost = Box::new(move |epoch: u64| tell_lost(&tell, epoch));
        let counts = condition.counts.clone();
        let when_away = terms.when_away;
        let writer = Writer {
            when_away,
            address: terms.address.clone(),
            key: key.clone(),
            host: *HOST,
            most: terms.messages,
            flight: flight.clone(),
            condition: condition.clone(),
            progress: progress.clone(),
        };
        let reader = Reader {
            when_away,
            address: terms.address.clone(),
            key,
            hub: hub.clone(),
            flight: flight.clone(),
            condition: condition.clone(),
            progress: progress.clone(),
            arrivals: Arrivals::new(*HOST, hub, counts, kept, tell_lost),
            tell_gap,
            count: STREAM_READ_FIRST,
            looked: Instant::now(),
        };
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(run)
        };
        let writing = spawn("engine", Box::new(move || writer.run()))?;
        let reading = match spawn("engine-in", Box::new(move || reader.run())) {
            Ok(reading) => reading,
            Err(error) => {
                progress.end();
                flight.end();
                // A panic of the thread has been reported by the panic hook.
                writing.join().ok();
                return Err(error);
            }
        };
        let look = hosts.add(id, path, here);
        progress.wait_for_start(STREAM_OPENING, &condition);
        if !condition.is_in_trouble() {
            hosts.wait_for(look);
        }
        Ok(Engine {
            shared,
            progress,
            threads: [writing, reading],
        })
    }

    /// The way into the stream.
    pub fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Nothing is taken any more; what is on its way is sent, as far as Redis is there. Never waits.
    pub fn end(&self) {
        self.shared.flight.end();
        self.progress.end();
    }

    /// Whether both threads have ended.
    pub fn has_ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits for the threads, which end behind [`Engine::end`], and wait for Redis.
    pub fn join(self) {
        for thread in self.threads {
            // A panic of the thread has been reported by the panic hook.
            thread.join().ok();
        }
    }
}

/// Tells every host that this one has read something of an epoch that is lost.
fn tell_lost(flight: &Flight, epoch: u64) {
    let message = Message::new(crate::outbox::frame::Opcode::Binary, &epoch.to_le_bytes());
    let meta = meta(Kind::Lost, &message, None, "", None);
    let packed = Packed::new(&meta, message.payload());
    let event = Event::Tidy;
    // Where there is no room for it, everybody here is told all the same.
    flight.put(event, packed, None, Manner::Urgent, false).ok();
}
