//! The file of a route's journals, and the thread `journal` that has it: all that the disk has to do with journals.
//!
//! The hub puts in what was said and asks for what it does not hold any more; it never waits. The thread writes
//! in batches, reads in pieces, lets go what is past the bounds, and tells the hub (`Events`). Knows neither members
//! nor outboxes, and of messages no more than [`Line`] says.
//!
//! # What is promised
//!
//! - Who is told that a message is stored has it after `kill -9` and after the machine has failed: it was committed with
//!   all that came before it, and the disk says that it has it (`synchronous = FULL`). Many that wait at once share one commit.
//! - No position is given twice. The file says up to where offsets may have been given out, far ahead of them; a run
//!   that did not end in order goes on behind that, or where it is known (`given`) behind the last.
//! - What was given out and is not in the file is a hole of its topic, and told.
//! - What is wrong with the file is said once, and ends nothing but durability. A damaged file is set aside.
//!
//! # What each does
//!
//! | file | holds |
//! | --- | --- |
//! | `queue` | the way from the hub |
//! | `worker` | the thread: when the file is opened, written, read, and given up |
//! | `opening` | what a file says of earlier runs |
//! | `book` | the tables while they are written |
//! | `fetch` | reading in pieces |
//! | `database` | SQLite |
//! | `awaited` | who waits for a message to be stored |
//! | `given` | what was given out last, in shared memory |
//! | `holes` | what the file has not got and has not been told of |
//! | `aside` | where damaged files go |

mod aside;
mod awaited;
mod book;
mod check;
mod database;
mod error;
mod fetch;
mod given;
mod holes;
mod opening;
mod queue;
mod topic;
mod worker;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::bounded;

use super::Bounds;
use super::position::Epoch;
use crate::ids::ClientId;
use crate::limits::{JOURNAL_ENTRY_BYTES, STORE_OPENING};
use crate::threads::be_patient;
use awaited::Awaited;
pub use awaited::Confirm;
pub use check::check;
pub use error::StoreError;
pub use fetch::{Fetched, FetchedLine, From};
pub(super) use given::{Given, hash};
use queue::{Full, Queue};
use worker::Worker;

/// What the file has to know of a message.
pub trait Line: Send + Sync + Sized + 'static {
    /// What it is.
    fn kind(&self) -> u8;
    /// What it says.
    fn payload(&self) -> &[u8];
    /// Reads what these two have given; none where they have not.
    fn read(kind: u8, payload: &[u8]) -> Option<Self>;
}

/// Called by the file's thread with what was asked for.
pub type Deliver<M> = Box<dyn FnOnce(Fetched<M>) + Send>;

/// What the file's thread tells the hub; each belongs to the opening of its number.
pub enum News<M> {
    /// The file is open: from now on is counted in it.
    Opened(Box<Opened<M>>),
    /// Of a topic nothing up to `from` is kept any more.
    LetGo {
        /// Number of the opening.
        opening: u64,
        /// Which.
        topic: Arc<str>,
        /// Everything behind it is kept.
        from: u64,
    },
    /// Messages are not in the file: of each topic those between two offsets, both included.
    Lost {
        /// Number of the opening.
        opening: u64,
        /// Which, from where, to where.
        topics: Vec<(Arc<str>, u64, u64)>,
    },
}

/// What a file held when it was opened.
pub struct Opened<M> {
    pub(super) writer: Writer<M>,
    pub(super) epoch: Epoch,
    /// The last offset that was given out, or may have been.
    pub(super) last: u64,
    /// Offsets up to it may be given out.
    reserved: u64,
    /// Topics without a row have a hole up to it.
    pub(super) hole: u64,
    /// Nothing behind it was said on topics without a row, but for the hole.
    pub(super) rest: u64,
    pub(super) topics: Vec<OpenedTopic>,
    /// The last messages, the oldest first.
    pub(super) lines: Vec<OpenedLine<M>>,
    /// Everything that is kept behind this offset is among the lines.
    pub(super) lines_from: u64,
    pub(super) given: Option<Given>,
}

/// A topic in the file; one of which nothing is kept has been forgotten.
pub(super) struct OpenedTopic {
    pub(super) name: Arc<str>,
    /// Everything behind it is kept, but for the hole.
    pub(super) from: u64,
    pub(super) last: u64,
    /// The last offset that was lost.
    pub(super) hole: u64,
}

/// A message in the file.
pub(super) struct OpenedLine<M> {
    pub(super) topic: Arc<str>,
    pub(super) offset: u64,
    pub(super) at: u64,
    pub(super) message: Arc<M>,
}

/// A message on its way into the file.
pub(super) struct Written<M> {
    pub(super) topic: Arc<str>,
    pub(super) offset: u64,
    /// Milliseconds since 1970.
    pub(super) at: u64,
    pub(super) except: Option<ClientId>,
    pub(super) message: Arc<M>,
    pub(super) confirm: Option<Awaited>,
}

impl<M> Written<M> {
    /// `confirm` is told when it is stored, or will not be.
    pub(super) fn telling(self, confirm: Option<Confirm>) -> Written<M> {
        let confirm = confirm.map(Awaited::new);
        Written { confirm, ..self }
    }
}

/// What a job is about.
enum Task<M> {
    Write(Written<M>),
    Fetch(Fetch<M>),
    Forget {
        topic: Arc<str>,
    },
    /// The route has ended: `last` was given out last, and nothing follows.
    Close {
        last: u64,
    },
    Bound(Bounds),
    Tidy,
}

struct Fetch<M> {
    topic: Arc<str>,
    from: From,
    /// Messages, and bytes of them, at most.
    most: (usize, usize),
    deliver: Deliver<M>,
}

struct Job<M> {
    /// Number of the opening that it belongs to.
    opening: u64,
    task: Task<M>,
}

/// The way to the file's thread, of one opening of the file.
pub(super) struct Writer<M> {
    queue: Arc<Queue<Job<M>>>,
    opening: u64,
}

impl<M: Line> Writer<M> {
    /// A message is to be stored. Never waits.
    ///
    /// # Errors
    /// There is no room: the message will not be in the file. The thread knows that there is a hole.
    pub(super) fn write(&self, written: Written<M>) -> Result<(), StoreError> {
        let bytes = written.message.payload().len() + JOURNAL_ENTRY_BYTES;
        let is_urgent = written.confirm.is_some();
        let task = Task::Write(written);
        let job = Job {
            opening: self.opening,
            task,
        };
        let Err(Full(job)) = self.queue.post(job, bytes, is_urgent) else {
            return Ok(());
        };
        if let Task::Write(written) = job.task {
            self.queue.lose(&written.topic, written.offset);
            if let Some(confirm) = written.confirm {
                confirm.answer(Err(StoreError::Behind));
            }
        }
        Err(StoreError::Behind)
    }

    /// Asks for a piece of what is in the file. Never waits.
    pub(super) fn fetch(
        &self,
        topic: Arc<str>,
        from: From,
        most: (usize, usize),
        deliver: Deliver<M>,
    ) {
        self.order(Task::Fetch(Fetch {
            topic,
            from,
            most,
            deliver,
        }));
    }

    /// Nothing of a topic is to be kept.
    ///
    /// Where there is no room the thread forgets as many topics as there are too many: a disk that stands still must not
    /// make topics add up that come and go.
    pub(super) fn forget(&self, topic: Arc<str>) {
        let bytes = topic.len() + JOURNAL_ENTRY_BYTES;
        let job = Job {
            opening: self.opening,
            task: Task::Forget { topic },
        };
        if self.queue.post(job, bytes, true).is_err() {
            self.queue.leave_out();
        }
    }

    /// Nothing follows; `last` was given out last.
    pub(super) fn close(&self, last: u64) {
        self.order(Task::Close { last });
    }

    pub(super) fn bound(&self, bounds: Bounds) {
        self.order(Task::Bound(bounds));
    }

    pub(super) fn tidy(&self) {
        self.order(Task::Tidy);
    }

    /// Everything up to this offset is in the file, or lost.
    pub(super) fn done(&self) -> u64 {
        self.queue.done()
    }

    /// Offsets up to it may be given out.
    pub(super) fn reserved(&self) -> u64 {
        self.queue.reserved()
    }

    pub(super) fn opening(&self) -> u64 {
        self.opening
    }

    fn order(&self, task: Task<M>) {
        let opening = self.opening;
        self.queue.post_always(Job { opening, task });
    }
}

/// Ends the queue with the thread.
struct Ended<M>(Arc<Queue<Job<M>>>);

impl<M> Drop for Ended<M> {
    fn drop(&mut self) {
        self.0.end();
        self.0.clear();
    }
}

/// The running thread of a file.
pub struct Store<M> {
    queue: Arc<Queue<Job<M>>>,
    thread: JoinHandle<()>,
    path: PathBuf,
}

impl<M: Line> Store<M> {
    /// Starts the thread for the file at `path`, of the route `route`; waits until the file was opened, or could
    /// not be, for some seconds at most. `tell` is called by the thread.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn start(
        path: PathBuf,
        route: &str,
        bounds: Bounds,
        tell: impl Fn(News<M>) + Send + 'static,
    ) -> io::Result<Store<M>> {
        let queue = Arc::new(Queue::new());
        let (tried, has_tried) = bounded(1);
        let ended = Ended(queue.clone());
        let worker = Worker::new(
            path.clone(),
            route.into(),
            bounds,
            queue.clone(),
            Box::new(tell),
        );
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                // When it ends nothing is taken any more, and who still waits for it is told.
                let _end = ended;
                // The hub, and whoever is answered, comes before what is written some time later.
                be_patient();
                worker.run(&tried);
            })?;
        // Past it the route begins without, and has it when it comes.
        has_tried.recv_timeout(STORE_OPENING).ok();
        Ok(Store {
            queue,
            thread,
            path,
        })
    }

    /// Which file.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Nothing is taken any more; the thread writes what it has and ends. Never waits.
    pub fn end(&self) {
        self.queue.end();
    }

    /// Whether the thread has ended.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the thread, which ends when its route has, or behind [`Store::end`], and waits for the disk.
    pub fn join(self) {
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}
