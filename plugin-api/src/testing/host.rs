//! The host that a plugin under test is given: what it knows of itself, and its way to the [`World`].
//!
//! Any thread may be in here; nothing waits, and nothing calls the plugin. It knows its table of calls only as something
//! that stands in front of it.

#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::job::Job;
use super::world::{Order, World};
use crate::abi::{self, Status};

/// Timers of one value of a plugin, as the server bounds them.
const TIMERS_MAX: usize = 1024;

/// Longest time of a timer in milliseconds: about 100 years, as the server bounds it.
const TIMER_MS_MAX: u64 = 100 * 366 * 24 * 3600 * 1000;

/// The host of one value of a plugin. It is never freed, since the plugin may keep it for ever; the table comes first,
/// so that a pointer to it is a pointer to all of it.
#[repr(C)]
pub(super) struct MemoryHost {
    table: abi::Host,
    pub(super) world: Arc<World>,
    own: Mutex<Own>,
    pub(super) path: String,
    pub(super) folders: Folders,
    /// What the value before this one writes.
    pub(super) old_state_format: Option<u32>,
}

/// Where paths begin, and where a plugin keeps things.
#[derive(Clone, Default)]
pub(super) struct Folders {
    pub(super) config: PathBuf,
    pub(super) state: Option<PathBuf>,
}

/// What belongs to this value of the plugin alone.
struct Own {
    config: String,
    phase: Phase,
    timers: BTreeMap<(Duration, u64), Duration>,
    /// The timers that are of a client, with what they run on its turn.
    tasks: BTreeMap<u64, (u64, Arc<Job>)>,
    last_timer: u64,
}

enum Phase {
    /// It is being made; what it says is held back.
    Held(Vec<Order>),
    AtWork,
    Over,
}

impl MemoryHost {
    pub(super) fn leak(
        table: abi::Host,
        world: Arc<World>,
        path: &str,
        config: &str,
        folders: Folders,
        old_state_format: Option<u32>,
    ) -> &'static MemoryHost {
        Box::leak(Box::new(MemoryHost {
            table,
            world,
            own: Mutex::new(Own {
                config: config.to_owned(),
                phase: Phase::Held(Vec::new()),
                timers: BTreeMap::new(),
                tasks: BTreeMap::new(),
                last_timer: 0,
            }),
            path: path.to_owned(),
            folders,
            old_state_format,
        }))
    }

    pub(super) fn as_abi(&'static self) -> *const abi::Host {
        (&raw const *self).cast()
    }

    /// # Safety
    /// `host` is what [`MemoryHost::as_abi`] gave out.
    pub(super) unsafe fn from_abi(host: *const abi::Host) -> &'static MemoryHost {
        // SAFETY: it was leaked, and the table is its first field.
        unsafe { &*host.cast() }
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_config(&self, config: &str) {
        config.clone_into(&mut self.own().config);
    }

    /// It goes to work: what was held back happens, in its order.
    pub(super) fn start(&self) {
        let mut own = self.own();
        if let Phase::Held(held) = std::mem::replace(&mut own.phase, Phase::AtWork) {
            let mut state = self.world.lock();
            for order in held {
                state.obey(order);
            }
        }
    }

    /// Every call answers from now on that the route has gone.
    pub(super) fn end(&self) {
        let mut own = self.own();
        own.phase = Phase::Over;
        own.timers.clear();
        let ended = std::mem::take(&mut own.tasks);
        // What the plugin does when they end may be a call.
        drop(own);
        drop(ended);
    }

    /// # Errors
    /// [`abi::GONE`] once it has ended.
    pub(super) fn check(&self) -> Result<(), Status> {
        match self.own().phase {
            Phase::Over => Err(abi::GONE),
            Phase::Held(_) | Phase::AtWork => Ok(()),
        }
    }

    /// # Errors
    /// [`abi::GONE`] where the client has gone, or the route.
    pub(super) fn check_client(&self, client: u64) -> Result<(), Status> {
        self.check()?;
        let is_open = self.world.lock().is_open(client);
        if is_open { Ok(()) } else { Err(abi::GONE) }
    }

    pub(super) fn is_held(&self) -> bool {
        matches!(self.own().phase, Phase::Held(_))
    }

    /// Has the order happen, now or when this value of the plugin goes to work.
    ///
    /// # Errors
    /// [`abi::GONE`] once it has ended.
    pub(super) fn post(&self, order: Order) -> Result<(), Status> {
        let mut own = self.own();
        match &mut own.phase {
            Phase::Held(held) => held.push(order),
            Phase::AtWork => self.world.lock().obey(order),
            Phase::Over => return Err(abi::GONE),
        }
        Ok(())
    }

    /// The timer that is due next, with its time.
    pub(super) fn next_timer(&self) -> Option<(Duration, u64)> {
        self.own().timers.keys().next().copied()
    }

    /// Takes a timer that is due out of the list, and puts one with a period back in; gives what it runs on the turn of
    /// which client, where it is of one.
    pub(super) fn take_timer(&self, due: Duration, timer: u64) -> Option<(u64, Arc<Job>)> {
        let mut own = self.own();
        let period = own.timers.remove(&(due, timer))?;
        if period.is_zero() {
            return own.tasks.remove(&timer);
        }
        own.timers.insert((due + period, timer), period);
        own.tasks.get(&timer).cloned()
    }

    /// A timer of a client.
    ///
    /// # Errors
    /// As `set_timer`.
    pub(super) fn set_task(
        &self,
        client: u64,
        job: &Arc<Job>,
        delay_ms: u64,
        period_ms: u64,
    ) -> Result<u64, Status> {
        self.check_client(client)?;
        let timer = self.set_timer(delay_ms, period_ms)?;
        self.own().tasks.insert(timer, (client, job.clone()));
        Ok(timer)
    }

    /// A client has gone: its timers end.
    pub(super) fn forget(&self, client: u64) {
        let mut own = self.own();
        let of_client = own.tasks.iter().filter(|(_, (of, _))| *of == client);
        let timers: Vec<u64> = of_client.map(|(timer, _)| *timer).collect();
        own.timers.retain(|(_, of), _| !timers.contains(of));
        let ended: Vec<_> = timers.iter().map(|of| own.tasks.remove(of)).collect();
        drop(own);
        drop(ended);
    }

    pub(super) fn set_timer(&self, delay_ms: u64, period_ms: u64) -> Result<u64, Status> {
        self.check()?;
        if delay_ms > TIMER_MS_MAX || period_ms > TIMER_MS_MAX {
            return Err(abi::INVALID);
        }
        let now = self.world.lock().now;
        let mut own = self.own();
        if own.timers.len() - own.tasks.len() == TIMERS_MAX {
            return Err(abi::EXHAUSTED);
        }
        own.last_timer += 1;
        let timer = own.last_timer;
        let due = now + Duration::from_millis(delay_ms);
        let period = Duration::from_millis(period_ms);
        own.timers.insert((due, timer), period);
        Ok(timer)
    }

    /// [`abi::GONE`] where there is none of that number.
    pub(super) fn cancel_timer(&self, timer: u64) -> Status {
        let mut own = self.own();
        let before = own.timers.len();
        own.timers.retain(|(_, of), _| *of != timer);
        let is_gone = own.timers.len() == before;
        let ended = own.tasks.remove(&timer);
        drop(own);
        drop(ended);
        if is_gone { abi::GONE } else { abi::OK }
    }

    pub(super) fn config(&self) -> String {
        self.own().config.clone()
    }
}
