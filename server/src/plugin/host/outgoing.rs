//! The way of one instance's events to the hub: held back until the instance is at work, refused
//! once it has gone.
//!
//! An instance that takes over from another one is made and given its clients while nobody knows yet
//! whether all of it will succeed; what it sends meanwhile must neither overtake its predecessor's
//! messages nor go out if it fails. Any thread may be in here.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use plugin_api::abi::{EXHAUSTED, GONE, Status};

use super::answers;
use crate::engine::{Released, Shared, Told};
use crate::hub::{Event, RouteHandle};
use crate::limits::memory::{Account, Part};
use crate::limits::{HELD_BYTES_MAX, HELD_EVENTS_MAX};

const HELD: u8 = 0;
const AT_WORK: u8 = 1;
const OVER: u8 = 2;

/// Shared by all threads that make host calls for one instance, and the main thread.
pub(in crate::plugin) struct Outgoing {
    hub: RouteHandle,
    /// Where the route is shared: what is for many goes this way.
    shared: Arc<OnceLock<Arc<Shared>>>,
    phase: AtomicU8,
    held: Mutex<Held>,
    /// Of what was held back, as [`Released`] says it.
    posted: AtomicU64,
    behind: AtomicU64,
}

/// What is held back, in its order.
struct Held {
    events: Vec<Event>,
    bytes: u64,
    account: Account,
}

impl Default for Held {
    fn default() -> Held {
        Held {
            events: Vec::new(),
            bytes: 0,
            account: Account::new(Part::Held),
        }
    }
}

impl Outgoing {
    /// The way of an instance that is being made.
    pub(in crate::plugin) fn new(hub: RouteHandle, shared: Arc<OnceLock<Arc<Shared>>>) -> Outgoing {
        Outgoing {
            hub,
            shared,
            phase: AtomicU8::new(HELD),
            held: Mutex::default(),
            posted: AtomicU64::new(0),
            behind: AtomicU64::new(0),
        }
    }

    /// Whether what it says is held back.
    pub(in crate::plugin) fn is_held(&self) -> bool {
        self.phase.load(Ordering::Acquire) == HELD
    }

    /// Whether nothing is held back, and what was stands in the outboxes.
    pub(in crate::plugin) fn has_caught_up(&self) -> bool {
        if self.is_held() {
            return false;
        }
        let Released { posted, behind } = self.released();
        let has_come = |shared: &Arc<Shared>| shared.has_come(behind);
        (posted == 0 || self.hub.has_settled(posted)) && self.shared.get().is_none_or(has_come)
    }

    /// Once it is at work.
    fn released(&self) -> Released {
        Released {
            posted: self.posted.load(Ordering::Relaxed),
            behind: self.behind.load(Ordering::Relaxed),
        }
    }

    /// An error once the instance has gone.
    pub(in crate::plugin) fn check(&self) -> Result<(), Status> {
        if self.phase.load(Ordering::Acquire) == OVER {
            return Err(GONE);
        }
        Ok(())
    }

    /// Posts an event to the hub, or holds it back. Waits while the route's queue is full; woken by the hub,
    /// which never waits. Gives its number, 0 where it is held back; [`EXHAUSTED`] where too many are held back.
    /// Where the route is shared, what is for many goes to all hosts: who speaks waits while too much is on its way there,
    /// so long at most as Redis is waited for, and then it is [`EXHAUSTED`] too.
    pub(in crate::plugin) fn post(&self, event: Event) -> Result<u64, Status> {
        self.say(event, None)
    }

    /// The same; `told` is told what becomes of it where the route is shared.
    pub(in crate::plugin) fn say(&self, event: Event, told: Option<Told>) -> Result<u64, Status> {
        if self.phase.load(Ordering::Acquire) == HELD {
            return self.hold(event);
        }
        self.check()?;
        match self.shared.get() {
            None => Ok(self.hub.post(event)),
            Some(shared) => {
                // What was held back was said before, by whatever thread.
                let behind = self.released().behind;
                shared.post(event, told, behind).map_err(|_| EXHAUSTED)
            }
        }
    }

    /// The same of what is to be durable: what is for many and other hosts cannot be reached for is refused.
    pub(in crate::plugin) fn say_durably(
        &self,
        event: Event,
        told: Option<Told>,
    ) -> Result<u64, Status> {
        match self.shared.get() {
            Some(shared) if !self.is_held() => {
                self.check()?;
                shared.post_durable(event, told).map_err(|_| EXHAUSTED)
            }
            _ => self.say(event, told),
        }
    }

    /// Who is told what becomes of a message, where this thread's answer waits for that: on a shared route, in an
    /// `on_request`.
    ///
    /// # Errors
    /// [`EXHAUSTED`]: it waits for too much.
    pub(in crate::plugin) fn told(&self) -> Result<Option<Told>, Status> {
        match self.shared.get() {
            None => Ok(None),
            Some(_) => answers::told(),
        }
    }

    /// Whether nothing that this thread has said is on its way to other hosts and back.
    pub(in crate::plugin) fn is_back(&self) -> bool {
        self.shared.get().is_none_or(|shared| shared.has_settled())
    }

    /// The way to other hosts, where the route is shared.
    pub(in crate::plugin) fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.get()
    }

    fn hold(&self, event: Event) -> Result<u64, Status> {
        let mut held = self.held.lock();
        if self.phase.load(Ordering::Acquire) != HELD {
            // It went to work, or ended, while this thread waited for the lock.
            drop(held);
            return self.post(event);
        }
        let bytes = held.bytes + event.bytes();
        if held.events.len() >= HELD_EVENTS_MAX || bytes > HELD_BYTES_MAX {
            return Err(EXHAUSTED);
        }
        held.bytes = bytes;
        held.account.set(bytes as usize);
        held.events.push(event);
        Ok(0)
    }

    /// The instance is at work: what was held back goes out first, in its order. Waits neither for the hub nor for other hosts.
    pub(in crate::plugin) fn release(&self) {
        let mut held = self.held.lock();
        if self.phase.load(Ordering::Acquire) == HELD {
            let events = std::mem::take(&mut *held).events;
            let Released { posted, behind } = match self.shared.get() {
                None => Released {
                    posted: self.hub.post_all(events),
                    behind: 0,
                },
                Some(shared) => shared.post_all(events),
            };
            self.posted.store(posted, Ordering::Relaxed);
            self.behind.store(behind, Ordering::Relaxed);
            self.phase.store(AT_WORK, Ordering::Release);
        }
    }

    /// The instance has gone: every call from now on is refused, what was held back is dropped.
    pub(in crate::plugin) fn end(&self) {
        let mut held = self.held.lock();
        self.phase.store(OVER, Ordering::Release);
        *held = Held::default();
    }

    /// Where events go, for what asks and does not tell.
    pub(in crate::plugin) fn hub(&self) -> &RouteHandle {
        &self.hub
    }
}

#[cfg(test)]
mod tests {
    use plugin_api::abi::EXHAUSTED;

    use std::sync::Arc;

    use super::Outgoing;
    use crate::hub::{Audience, Event, Hub, Message};
    use crate::ids::{ClientId, RouteId};
    use crate::limits::{HELD_BYTES_MAX, HELD_EVENTS_MAX};
    use crate::outbox::frame::Opcode;

    /// How many of these are held back before one is too many, or one more than `most`.
    fn count(outgoing: &Outgoing, most: usize, event: impl Fn() -> Event) -> usize {
        let held = (0..=most).take_while(|_| outgoing.post(event()) != Err(EXHAUSTED));
        held.count()
    }

    /// Cause: so many events were held back whatever their size, 64 GiB of them.
    #[test]
    fn what_is_held_back_is_bounded_in_events_and_in_bytes() {
        let hub = Hub::start(|_| {}).expect("a thread");
        let new = |route| Outgoing::new(hub.handle().open(RouteId(route)), Arc::default());
        let publish = |bytes: usize| Event::Publish {
            audience: Audience::Everyone,
            message: Message::new(Opcode::Binary, &vec![7; bytes]),
            except: None,
        };
        let leave = || Event::Leave {
            client: ClientId(1),
            topic: Audience::Everyone,
        };
        let (large, small) = (new(0), new(1));
        let mebibyte = 1024 * 1024;
        let most = HELD_BYTES_MAX as usize / mebibyte;
        // The message itself takes some bytes too.
        assert_eq!(count(&large, most, || publish(mebibyte)), most - 1);
        assert_eq!(large.post(leave()), Ok(0), "what is small has room still");
        assert_eq!(count(&small, HELD_EVENTS_MAX, leave), HELD_EVENTS_MAX);
        for outgoing in [large, small] {
            outgoing.end();
        }
        hub.end();
    }
}
