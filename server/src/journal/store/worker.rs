//! The loop of the thread `journal`: when its file is opened, written, read, and given up.
//!
//! It waits for the hub and for the disk. What it cannot do it tells once, and tries again.

use std::collections::HashMap;
use std::fs;
use std::mem::{replace, take};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::Sender;
use log::{error, info, warn};

use super::super::Bounds;
use super::aside::set_aside;
use super::awaited::Awaited;
use super::book::{Book, LetGo};
use super::error::StoreError;
use super::fetch::Fetched;
use super::given;
use super::holes::Holes;
use super::opening;
use super::queue::{Queue, Taken};
use super::{Fetch, Job, Line, News, Task, Writer, Written};
use crate::counters::COUNTERS;
use crate::limits::{STORE_IDLE, STORE_RETRY_LEAST, STORE_RETRY_MOST};
use crate::threads::{fault_point, stall_point};

/// State of the thread; nobody else sees it.
pub(super) struct Worker<M> {
    path: PathBuf,
    route: Box<str>,
    bounds: Bounds,
    queue: Arc<Queue<Job<M>>>,
    tell: Box<dyn Fn(News<M>) + Send>,
    /// Number of the last opening.
    opening: u64,
    state: State,
    /// What the file has not been told of.
    holes: Holes,
    /// What is wrong, as it was said; none where all is well.
    trouble: Option<StoreError>,
    /// Messages that are not in the file since something was wrong.
    unstored: u64,
    /// Name of what was given out last, in shared memory.
    given: Option<String>,
    /// The route has ended.
    is_closed: bool,
    /// With this last offset in the counting of now.
    closed_at: Option<u64>,
}

enum State {
    Open(Box<Book>),
    Shut {
        /// When it is tried again.
        again: Instant,
        /// How long after that.
        pause: Duration,
    },
}

impl<M: Line> Worker<M> {
    pub(super) fn new(
        path: PathBuf,
        route: Box<str>,
        bounds: Bounds,
        queue: Arc<Queue<Job<M>>>,
        tell: Box<dyn Fn(News<M>) + Send>,
    ) -> Worker<M> {
        Worker {
            path,
            route,
            bounds,
            queue,
            tell,
            opening: 0,
            state: shut(),
            holes: Holes::default(),
            trouble: None,
            unstored: 0,
            given: None,
            is_closed: false,
            closed_at: None,
        }
    }

    /// The thread's body; ends when the route has ended and all is written, or cannot be. Says in `tried` that the
    /// file was opened, or could not be.
    pub(super) fn run(mut self, tried: &Sender<()>) {
        self.open();
        tried.try_send(()).ok();
        loop {
            let taken = self.queue.take(self.deadline());
            let (bytes, is_over) = (taken.bytes, taken.is_over);
            let is_idle = taken.jobs.is_empty();
            self.work(taken);
            self.queue.give_back(bytes);
            if is_over || self.is_closed {
                return self.end();
            }
            self.go_on(is_idle);
        }
    }

    /// When to go on though nothing comes.
    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Shut { again, .. } => Some(*again),
            State::Open(book) => book.has_rests().then(|| Instant::now() + STORE_IDLE),
        }
    }

    fn go_on(&mut self, is_idle: bool) {
        match &mut self.state {
            State::Open(book) if is_idle && book.has_rests() => {
                let deleted = book.delete_some();
                self.check(deleted);
            }
            State::Shut { again, .. } if *again <= Instant::now() => self.open(),
            _ => {}
        }
    }

    fn work(&mut self, taken: Taken<Job<M>>) {
        self.holes.merge(&taken.holes);
        let (mut lines, mut fetches) = (Vec::new(), Vec::new());
        for job in taken.jobs {
            let is_of_now = job.opening == self.opening;
            match job.task {
                Task::Write(written) if is_of_now => lines.push(written),
                Task::Write(written) => refuse(written.confirm, &StoreError::Moved),
                // Behind what it may ask for.
                Task::Fetch(fetch) => fetches.push((fetch, is_of_now)),
                Task::Forget { topic } if is_of_now => {
                    self.write(take(&mut lines));
                    self.forget(&topic);
                }
                Task::Forget { .. } => {}
                Task::Close { last } => {
                    self.is_closed = true;
                    self.closed_at = is_of_now.then_some(last);
                }
                Task::Bound(bounds) => self.bound(bounds),
                Task::Tidy => self.tidy(),
            }
        }
        self.write(lines);
        if taken.has_left_out {
            self.forget_beyond();
        }
        for (fetch, is_of_now) in fetches {
            self.fetch(fetch, is_of_now);
        }
    }

    fn bound(&mut self, bounds: Bounds) {
        self.bounds = bounds;
        if let State::Open(book) = &mut self.state {
            book.set_bounds(bounds);
        }
    }

    fn write(&mut self, mut lines: Vec<Written<M>>) {
        let Some(last) = lines.last().map(|line| line.offset) else {
            return;
        };
        fault_point("store");
        stall_point("store");
        let confirms: Vec<_> = lines
            .iter_mut()
            .filter_map(|line| line.confirm.take())
            .collect();
        let result = match &mut self.state {
            State::Shut { .. } => Err(self.shut_why()),
            State::Open(book) => {
                let let_go = book.write(&lines, &self.holes, !confirms.is_empty());
                match book.is_in_place() {
                    true => let_go,
                    false => Err(StoreError::Moved),
                }
            }
        };
        match &result {
            Ok(_) => {
                COUNTERS.store.written.add(lines.len() as u64);
                COUNTERS.store.batches.add(1);
                self.holes.clear();
                self.tell_reserved();
            }
            Err(_) => self.lose(&lines),
        }
        self.queue.set_done(last);
        for confirm in confirms {
            confirm.answer(match &result {
                Ok(_) => Ok(()),
                Err(error) => Err(error.clone()),
            });
        }
        if let Some(let_go) = self.check(result) {
            self.tell_let_go(let_go);
        }
    }

    fn tell_reserved(&self) {
        if let State::Open(book) = &self.state {
            self.queue.set_reserved(book.reserved());
        }
    }

    /// Why the file is not open.
    fn shut_why(&self) -> StoreError {
        self.trouble.clone().unwrap_or(StoreError::Closed)
    }

    fn lose(&mut self, lines: &[Written<M>]) {
        COUNTERS.store.lost.add(lines.len() as u64);
        self.unstored += lines.len() as u64;
        let mut topics: Vec<(Arc<str>, u64, u64)> = Vec::new();
        let mut places = HashMap::new();
        for line in lines {
            self.holes.add(&line.topic, line.offset);
            let place = *places.entry(&line.topic).or_insert(topics.len());
            match topics.get_mut(place) {
                Some((_, _, last)) => *last = line.offset,
                None => topics.push((line.topic.clone(), line.offset, line.offset)),
            }
        }
        let opening = self.opening;
        (self.tell)(News::Lost { opening, topics });
    }

    fn fetch(&mut self, fetch: Fetch<M>, is_of_now: bool) {
        let Fetch {
            topic,
            from,
            most,
            deliver,
        } = fetch;
        let fetched = match &self.state {
            State::Open(book) if is_of_now => book.fetch(&topic, from, most),
            _ => return deliver(Fetched::Unreadable),
        };
        match fetched {
            Ok(fetched) => {
                COUNTERS.store.fetched.add(1);
                deliver(fetched);
            }
            Err(error) => {
                deliver(Fetched::Unreadable);
                self.check::<()>(Err(error));
            }
        }
    }

    fn forget(&mut self, topic: &Arc<str>) {
        if let State::Open(book) = &mut self.state {
            let forgotten = book.forget(topic);
            self.check(forgotten);
        }
    }

    /// As many topics as there may be are kept, those that were silent the longest no more.
    fn forget_beyond(&mut self) {
        if let State::Open(book) = &mut self.state {
            let forgotten = book.forget_beyond();
            if let Some(let_go) = self.check(forgotten) {
                self.tell_let_go(let_go);
            }
        }
    }

    fn tidy(&mut self) {
        let State::Open(book) = &mut self.state else {
            return;
        };
        let age = self.bounds.age.map(|age| age.as_millis() as u64);
        let oldest = age.map_or(0, |age| now().saturating_sub(age));
        let tidied = book.tidy(oldest);
        if let Some(let_go) = self.check(tidied) {
            self.tell_let_go(let_go);
        }
    }

    fn tell_let_go(&self, let_go: LetGo) {
        for (topic, from) in let_go {
            let opening = self.opening;
            (self.tell)(News::LetGo {
                opening,
                topic,
                from,
            });
        }
    }

    /// Opens the file, sets a damaged one aside and makes a new one; or says why not, and when it is tried again.
    fn open(&mut self) {
        let pause = match &self.state {
            State::Shut { pause, .. } => *pause,
            State::Open(_) => return,
        };
        let opening = self.opening + 1;
        let writer = || Writer {
            queue: self.queue.clone(),
            opening,
        };
        let mut opened = opening::open(&self.path, writer());
        if let Err(StoreError::Damaged(why)) = &opened
            && self.set_aside(why)
        {
            opened = opening::open(&self.path, writer());
        }
        match opened {
            Ok((database, opened, given)) => {
                let book = Book::new(database, self.bounds, opened.last, opened.reserved);
                self.state = State::Open(Box::new(book));
                self.opening = opening;
                // What the last opening has lost, and given out, is of its counting.
                self.holes.clear();
                self.forget_given();
                self.given = given;
                self.queue.set_done(opened.last);
                self.queue.set_reserved(opened.reserved);
                (self.tell)(News::Opened(Box::new(opened)));
                // Who reads it finds the file in use.
                self.note(Ok(()));
            }
            Err(error) => {
                self.note(Err(error));
                self.state = State::Shut {
                    again: Instant::now() + pause,
                    pause: (pause * 2).min(STORE_RETRY_MOST),
                };
            }
        }
    }

    fn set_aside(&self, why: &str) -> bool {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let route = &self.route;
        match set_aside(&path) {
            Ok(aside) => {
                COUNTERS.store.set_aside.add(1);
                error!(
                    "route {route}: journal {} is damaged ({why}): it is set aside as {}, and a new one begins: \
                     who comes back is told of a gap",
                    path.display(),
                    aside.display()
                );
                true
            }
            Err(error) => {
                error!(
                    "route {route}: journal {} is damaged ({why}), and cannot be set aside: {error}",
                    path.display()
                );
                false
            }
        }
    }

    fn forget_given(&mut self) {
        if let Some(name) = self.given.take() {
            given::remove(&name);
        }
    }

    /// Takes note of how something went; what cannot be gone on with is shut, and opened anew.
    fn check<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(value) => {
                self.note(Ok(()));
                Some(value)
            }
            Err(error) => {
                let is_over = matches!(error, StoreError::Damaged(_) | StoreError::Moved);
                if is_over {
                    self.give_up(&error);
                }
                self.note(Err(error));
                if is_over {
                    self.open();
                }
                None
            }
        }
    }

    /// Lets go of the file, so that another can be opened.
    fn give_up(&mut self, error: &StoreError) {
        if let State::Open(book) = replace(&mut self.state, shut()) {
            // Its log must not be taken for that of whatever stands in its place now.
            let log = book.own_log();
            drop(book);
            if let (StoreError::Moved, Some(log)) = (error, log)
                && let Err(error) = set_aside(&log)
            {
                warn!(
                    "{} is left of a journal that was removed: {error}",
                    log.display()
                );
            }
        }
        if let StoreError::Damaged(why) = error {
            self.set_aside(why);
        }
    }

    /// Says what is wrong once, and that it is over.
    fn note(&mut self, result: Result<(), StoreError>) {
        let (route, path) = (&self.route, self.path.display());
        match (result, take(&mut self.trouble)) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => info!(
                "route {route}: journal {path} is written again; {} messages are not in it",
                take(&mut self.unstored)
            ),
            (Err(error), before) => {
                if before.as_ref() != Some(&error) {
                    COUNTERS.store.troubles.add(1);
                    warn!(
                        "route {route}: journal {path}: {error}: what is said goes on to who is here, is not \
                         stored, and durable publishes are answered 507"
                    );
                }
                self.trouble = Some(error);
            }
        }
    }

    /// The route has ended, or the server ends.
    fn end(mut self) {
        let State::Open(book) = replace(&mut self.state, shut()) else {
            return;
        };
        let (route, path) = (&self.route, self.path.display());
        match self.closed_at {
            Some(last) if self.holes.is_empty() => match book.end(last) {
                Ok(()) => self.forget_given(),
                Err(error) => {
                    warn!("route {route}: journal {path} is not closed in order: {error}");
                }
            },
            // The next run finds out what is missing.
            _ => info!("route {route}: journal {path} is left as it is"),
        }
    }
}

fn shut() -> State {
    State::Shut {
        again: Instant::now(),
        pause: STORE_RETRY_LEAST,
    }
}

fn refuse(confirm: Option<Awaited>, error: &StoreError) {
    if let Some(confirm) = confirm {
        confirm.answer(Err(error.clone()));
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
