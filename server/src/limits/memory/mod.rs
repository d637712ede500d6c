//! What is held in memory for clients: told by who holds it, added up here, bounded by `limits.memory`.
//!
//! Written by every thread that holds something, read by the drain thread, which acts, by acceptors and by
//! `admin`. Knows numbers only, and nothing of what they are numbers of.
//!
//! # Who counts what
//!
//! | part | told by | where |
//! | --- | --- | --- |
//! | backlogs | who offers bytes to a full socket, the drain thread | the queue of an outbox; a shared broadcast, once; a sealed record of TLS |
//! | queues | who posts to the hub, and the hub | the queue of a route |
//! | queues | who speaks on a shared route, `engine`, `engine-in` | what is on its way through Redis |
//! | queues | `engine-hosts` | lists of the clients of other hosts |
//! | receiving | a connection thread | the message that comes in, until the plugin has handled it |
//! | bodies | a connection thread | the body of a request, until it is answered |
//! | held | who makes host calls | events of an instance that is not at work yet |
//! | journals | the hub | what each route keeps of its topics |
//! | compression | who compresses or inflates | compressors that are lent, and windows that clients keep |
//! | at rest | who opens and closes connections | [`at_rest_bytes`] for each |
//!
//! Each holder has an [`Account`] and tells it what it holds as often as it likes. That is a comparison; only where the
//! number of whole grains (`MEMORY_GRAIN_BYTES`) changes is it told to all, by two additions to shared numbers. So no
//! message smaller than a grain pays for it, and what is not counted is less than a grain for each holder: one for a
//! client's backlog, one for a route, four for a message that comes in (`RECEIVED_GRAIN_BYTES`), and one for a record of TLS
//! that has come in part. Not counted either is what plugins hold, what the kernel holds for sockets, and a buffer that
//! doubles while it grows. Two queues have no [`Account`], only a bound of their own: what is said to a client alone while
//! it is behind in a journal, past `client.backlog` of which it is closed (`hub::past`), and what waits for the disk,
//! `STORE_QUEUE_BYTES` of each journal in a file.
//!
//! # Who acts, and when
//!
//! The drain thread, never the hub or who publishes, and only the alarm wakes it for that: past
//! [`Ledger::pause_from`], seven eighths of the limit, nothing more is read from clients that hold a grain or more (whoever
//! passes the mark raises that flag, and does no more). Past the limit, or when a
//! second of that has not helped, it closes the largest holder (1008), and the next, until the sum is below
//! that mark again. Where nobody holds enough and the sum is still past the limit, newcomers are refused (503). Each step
//! is told once in the log, with figures, until all is well again (`outbox::pressure`).

mod account;
mod ebb;
mod limit;
mod parts;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crossbeam_utils::CachePadded;
use parking_lot::{Condvar, Mutex};

pub use account::{Account, AtRest};
pub use ebb::Ebb;
pub use limit::{Limit, at_rest_bytes};
pub use parts::{Part, Parts};

/// That of the whole process.
pub static LEDGER: Ledger = Ledger::new();

/// The sum, and what follows from it.
pub struct Ledger {
    limit: AtomicU64,
    sum: CachePadded<AtomicU64>,
    /// The most that the sum was since somebody asked.
    highest: CachePadded<AtomicU64>,
    parts: [CachePadded<AtomicU64>; Part::COUNT],
    /// Nothing more is read from who holds much.
    is_paused: AtomicBool,
    /// Nobody comes in.
    is_closed: AtomicBool,
    /// For those who wait until they may read again.
    waiting: Mutex<()>,
    resumed: Condvar,
    alarm: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Ledger {
    /// One that counts nothing yet; another than [`LEDGER`] is a test's own.
    pub(crate) const fn new() -> Ledger {
        Ledger {
            limit: AtomicU64::new(u64::MAX),
            sum: CachePadded::new(AtomicU64::new(0)),
            highest: CachePadded::new(AtomicU64::new(0)),
            parts: [const { CachePadded::new(AtomicU64::new(0)) }; Part::COUNT],
            is_paused: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            waiting: Mutex::new(()),
            resumed: Condvar::new(),
            alarm: OnceLock::new(),
        }
    }

    /// The bound of the sum, in bytes; without one until it is set.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// From now on so many bytes may be held.
    pub fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
        if self.sum() >= self.pause_from() {
            self.ring();
        }
    }

    /// Bytes from which on who holds much is read no further.
    pub fn pause_from(&self) -> u64 {
        let limit = self.limit();
        limit - limit / 8
    }

    /// Bytes that are held, as far as they were told.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }

    /// The most that was held since this was last asked, however short. For one asker.
    pub fn take_highest(&self) -> u64 {
        self.highest.swap(self.sum(), Ordering::Relaxed)
    }

    /// What is held, part by part.
    pub fn parts(&self) -> Parts {
        let of = |part: Part| self.parts[part as usize].load(Ordering::Relaxed);
        Parts {
            backlogs: of(Part::Backlogs),
            queues: of(Part::Queues),
            receiving: of(Part::Receiving),
            bodies: of(Part::Bodies),
            held: of(Part::Held),
            journals: of(Part::Journals),
            compression: of(Part::Compression),
            at_rest: of(Part::AtRest),
            limit: self.limit(),
        }
    }

    /// Calls `alarm`, which must not wait, on whatever thread takes the sum past [`Ledger::pause_from`]. Only the
    /// first is taken.
    pub fn set_alarm(&self, alarm: impl Fn() + Send + Sync + 'static) {
        self.alarm.set(Box::new(alarm)).ok();
    }

    /// So many bytes more are held. Through an [`Account`].
    pub(crate) fn add(&self, part: Part, bytes: u64) {
        self.parts[part as usize].fetch_add(bytes, Ordering::Relaxed);
        let before = self.sum.fetch_add(bytes, Ordering::Relaxed);
        let now = before.saturating_add(bytes);
        if now > self.highest.load(Ordering::Relaxed) {
            self.highest.fetch_max(now, Ordering::Relaxed);
        }
        let mark = self.pause_from();
        if before < mark && now >= mark {
            // At once, since the drain thread may have to wait for a processor that all the others fill.
            self.is_paused.store(true, Ordering::Relaxed);
            self.ring();
        }
    }

    /// So many bytes are held no more. Through an [`Account`].
    pub(crate) fn remove(&self, part: Part, bytes: u64) {
        self.parts[part as usize].fetch_sub(bytes, Ordering::Relaxed);
        self.sum.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cold]
    fn ring(&self) {
        if let Some(alarm) = self.alarm.get() {
            alarm();
        }
    }

    /// Whether nothing more is to be read from who holds a grain or more.
    #[inline(always)]
    pub fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Relaxed)
    }

    /// The drain thread: pauses reading, or wakes all who wait for that.
    pub fn set_paused(&self, is_paused: bool) {
        let lock = self.waiting.lock();
        self.is_paused.store(is_paused, Ordering::Relaxed);
        drop(lock);
        if !is_paused {
            self.resumed.notify_all();
        }
    }

    /// Blocks while reading is paused, until `deadline` at most; woken by the drain thread.
    pub fn wait_while_paused(&self, deadline: Instant) {
        let mut lock = self.waiting.lock();
        while self.is_paused() {
            if self.resumed.wait_until(&mut lock, deadline).timed_out() {
                return;
            }
        }
    }

    /// Whether nobody may come in for want of memory.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// The drain thread: lets nobody in, or everybody again.
    pub fn set_closed(&self, is_closed: bool) {
        self.is_closed.store(is_closed, Ordering::Relaxed);
    }
}
