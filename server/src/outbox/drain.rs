//! The thread `drain`: waits for sockets that were full, for closing and for lingering ones.
//!
//! An outbox comes here only when its socket did not take all, or when a deadline runs; it leaves
//! when nothing is left to wait for. The thread waits in epoll and is woken by an event
//! descriptor. It runs no plugin code and never waits for a single client.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use parking_lot::Mutex;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;
use socket2::Socket;

use super::ending::Service;
use super::leaving::{Count, Leaver, Told};
use super::pressure::Pressure;
use super::{Outbox, pipe};
use crate::limits::memory::LEDGER;
use crate::threads::fault_point;

/// Events that one wait returns at most; more come with the next.
const EVENTS_PER_WAIT: usize = 256;
/// Key of the event descriptor; an outbox has its address, which is not zero.
const WAKE: u64 = 0;

/// Leads to the drain thread; held by every outbox.
#[derive(Clone)]
pub struct DrainHandle(Arc<Intake>);

struct Intake {
    /// Outboxes that want to be looked at: at most one entry for each outbox. None when the thread
    /// has ended.
    noticed: Mutex<Option<Vec<Arc<Outbox>>>>,
    /// Those that have ever held much of what comes in.
    receiving: Mutex<Vec<Weak<Outbox>>>,
    wake: OwnedFd,
    is_ending: AtomicBool,
    leaving: Arc<Count>,
}

impl DrainHandle {
    /// Hands `outbox` over; wakes the thread where nobody else has. Never waits.
    pub(super) fn notice(&self, outbox: Arc<Outbox>) {
        let mut noticed = self.0.noticed.lock();
        let Some(outboxes) = noticed.as_mut() else {
            return;
        };
        outboxes.push(outbox);
        if outboxes.len() == 1 {
            drop(noticed);
            self.wake();
        }
    }

    /// From now on `outbox` may hold much of what comes in.
    pub(super) fn watch(&self, outbox: &Arc<Outbox>) {
        let mut receiving = self.0.receiving.lock();
        if receiving.len() == receiving.capacity() {
            // So that it does not grow with those that have gone.
            receiving.retain(|outbox| outbox.strong_count() > 0);
        }
        receiving.push(Arc::downgrade(outbox));
    }

    /// From now on so many sockets may be open that have had their last word.
    pub fn set_leaving_max(&self, max: usize) {
        self.0.leaving.set_max(max);
    }

    /// Whether there are clearly more of them than may be: the thread is behind.
    pub fn is_crowded(&self) -> bool {
        self.0.leaving.is_crowded()
    }

    /// No file is left: all of them are cut that have their answer.
    pub fn cut_leaving(&self) {
        self.0.leaving.cut_all();
        self.wake();
    }

    /// Counts one more of them.
    pub(super) fn leaver(&self) -> Leaver {
        Leaver::new(&self.0.leaving)
    }

    fn wake(&self) {
        // It fails only where the counter is full, and then the thread is awake anyway.
        rustix::io::write(&self.0.wake, &1_u64.to_ne_bytes()).ok();
    }
}

/// The running thread.
pub struct Drain {
    handle: DrainHandle,
    thread: JoinHandle<()>,
}

impl Drain {
    /// Starts the thread.
    ///
    /// # Errors
    /// No file descriptor or no thread is to be had.
    pub fn start() -> io::Result<Drain> {
        pipe::prepare();
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        let intake = Intake {
            noticed: Mutex::new(Some(Vec::new())),
            receiving: Mutex::default(),
            wake,
            is_ending: AtomicBool::new(false),
            leaving: Arc::default(),
        };
        let handle = DrainHandle(Arc::new(intake));
        let alarm = handle.clone();
        LEDGER.set_alarm(move || alarm.wake());
        let waiter = Waiter {
            epoll,
            intake: handle.0.clone(),
            entries: HashMap::new(),
            deadlines: BTreeSet::new(),
            told: Told::default(),
            pressure: Pressure::default(),
            look_at: None,
        };
        let thread = thread::Builder::new()
            .name("drain".to_owned())
            .spawn(move || waiter.run())?;
        Ok(Drain { handle, thread })
    }

    /// The way to it.
    pub fn handle(&self) -> DrainHandle {
        self.handle.clone()
    }

    /// Ends the thread and waits for it; what still waits there is cut off.
    pub fn end(self) {
        self.handle.0.is_ending.store(true, Ordering::Release);
        self.handle.wake();
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}

struct Entry {
    outbox: Arc<Outbox>,
    interest: EventFlags,
    deadline: Option<Instant>,
    /// Its number among those that have their answer.
    told: Option<u64>,
}

/// State of the thread; nobody else sees it.
struct Waiter {
    epoll: OwnedFd,
    intake: Arc<Intake>,
    /// By the address of the outbox, which is its own as long as the entry holds it.
    entries: HashMap<u64, Entry>,
    deadlines: BTreeSet<(Instant, u64)>,
    told: Told,
    pressure: Pressure,
    /// When to look at the memory again.
    look_at: Option<Instant>,
}

impl Waiter {
    fn run(mut self) {
        let mut events = Vec::with_capacity(EVENTS_PER_WAIT);
        while !self.intake.is_ending.load(Ordering::Acquire) {
            events.clear();
            let timeout = self.time_to_next_deadline();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
                // An interrupted wait is an empty one.
                Ok(_) | Err(Errno::INTR) => {}
                // The descriptor is no epoll any more: a plugin has closed what is not its own. To go on
                // would be to spin, with every full socket forgotten.
                Err(error) => panic!("cannot wait for sockets: {error}"),
            }
            let now = Instant::now();
            for event in &events {
                match event.data.u64() {
                    WAKE => self.take_in(now),
                    key => self.serve_entry(key, now),
                }
            }
            self.serve_deadlines(now);
            self.cut_leaving();
            self.watch_memory(now);
        }
        // An outbox and the intake hold each other, so that what is left in there has to be let go.
        let noticed = self.intake.noticed.lock().take().unwrap_or_default();
        let kept = self.entries.into_values().map(|entry| entry.outbox);
        noticed
            .into_iter()
            .chain(kept)
            .for_each(|outbox| outbox.abort());
    }

    fn time_to_next_deadline(&self) -> Option<Timespec> {
        let first = self.deadlines.first().map(|(deadline, _)| *deadline);
        let deadline = first.into_iter().chain(self.look_at).min()?;
        let time = deadline.saturating_duration_since(Instant::now());
        Some(Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: time.subsec_nanos().into(),
        })
    }

    fn take_in(&mut self, now: Instant) {
        // Reading the counter makes the descriptor quiet until the next notice.
        rustix::io::read(&self.intake.wake, &mut [0; 8]).ok();
        let noticed = self.intake.noticed.lock().as_mut().map(std::mem::take);
        for outbox in noticed.unwrap_or_default() {
            self.serve(outbox, now);
        }
    }

    fn serve_entry(&mut self, key: u64, now: Instant) {
        if let Some(entry) = self.entries.get(&key) {
            self.serve(entry.outbox.clone(), now);
        }
    }

    fn serve_deadlines(&mut self, now: Instant) {
        while let Some(&(deadline, key)) = self.deadlines.first() {
            if deadline > now {
                return;
            }
            self.deadlines.remove(&(deadline, key));
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.deadline = None;
                self.serve_entry(key, now);
            }
        }
    }

    /// Where memory is short, those who hold most of it go.
    fn watch_memory(&mut self, now: Instant) {
        if !self.pressure.is_there() {
            return;
        }
        let Waiter {
            pressure,
            entries,
            intake,
            ..
        } = self;
        self.look_at = pressure.act(now, || {
            let waiting = entries.values().map(|entry| entry.outbox.clone());
            let receiving = intake.receiving.lock();
            let mut holders: Vec<_> = waiting
                .chain(receiving.iter().filter_map(Weak::upgrade))
                .collect();
            holders.sort_unstable_by_key(key_of);
            holders.dedup_by_key(|outbox| key_of(outbox));
            holders
        });
    }

    /// Where too many sockets stay open behind their last word, the oldest goes.
    fn cut_leaving(&mut self) {
        while let Some(outbox) = self.told.next_to_cut(&self.intake.leaving) {
            outbox.cut();
            self.forget(key_of(&outbox));
        }
    }

    fn serve(&mut self, outbox: Arc<Outbox>, now: Instant) {
        fault_point("drain");
        let key = key_of(&outbox);
        let (interest, deadline, is_told) = match outbox.service(now) {
            Service::Done => return self.forget(key),
            Service::Wait {
                for_write,
                for_read,
                deadline,
            } => {
                let mut interest = EventFlags::empty();
                interest.set(EventFlags::OUT, for_write);
                interest.set(EventFlags::IN, for_read);
                // Nothing is left to be sent to who is only read from.
                (interest, deadline, for_read)
            }
        };
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            outbox,
            interest: EventFlags::empty(),
            deadline: None,
            told: None,
        });
        if is_told && entry.told.is_none() {
            entry.told = Some(self.told.add(&entry.outbox));
        }
        if entry.deadline != deadline {
            if let Some(old) = entry.deadline {
                self.deadlines.remove(&(old, key));
            }
            if let Some(new) = deadline {
                self.deadlines.insert((new, key));
            }
            entry.deadline = deadline;
        }
        if entry.interest != interest {
            let (old, socket) = (entry.interest, entry.outbox.socket());
            entry.interest = interest;
            let watched = watch(&self.epoll, socket, key, old, interest);
            if watched.is_err() {
                // Out of memory for the kernel's watch: the client cannot be served fairly.
                entry.outbox.abort();
            }
        }
    }

    fn forget(&mut self, key: u64) {
        let Some(entry) = self.entries.remove(&key) else {
            return;
        };
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, key));
        }
        if let Some(number) = entry.told {
            self.told.remove(number);
        }
        let none = EventFlags::empty();
        // The descriptor is ours and was added, so it cannot fail.
        watch(
            &self.epoll,
            entry.outbox.socket(),
            key,
            entry.interest,
            none,
        )
        .ok();
    }
}

fn key_of(outbox: &Arc<Outbox>) -> u64 {
    Arc::as_ptr(outbox).addr() as u64
}

/// Changes what epoll watches. Without interest a socket is not watched at all, since a hang-up
/// would be reported again and again.
fn watch(
    epoll: &OwnedFd,
    socket: &Socket,
    key: u64,
    old: EventFlags,
    new: EventFlags,
) -> rustix::io::Result<()> {
    match (old.is_empty(), new.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => epoll::add(epoll, socket, EventData::new_u64(key), new),
        (false, true) => epoll::delete(epoll, socket),
        (false, false) => epoll::modify(epoll, socket, EventData::new_u64(key), new),
    }
}

#[cfg(test)]
mod tests;
