//! What the answer of an `on_request` waits for: that the disk has what was published, that it gives what was
//! asked of it.
//!
//! The connection's thread. Host calls note here what is to be waited for, and the wait comes behind the callback,
//! when nothing is held that a replacement of the plugin needs: nobody waits inside a callback. What was read
//! from the disk is there when `on_request` is called a second time.

use std::cell::RefCell;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use plugin_api::abi::{EXHAUSTED, Status};

use crate::engine::{Refused, Told};
use crate::hub::{Answer, Kept};
use crate::journal::store::{Confirm, StoreError};
use crate::limits::{DURABLE_LOOK, DURABLE_MAX, DURABLE_WAIT, READS_MAX};

/// What was asked for, as the plugin has said it: topic, since, position, last, most messages and bytes.
pub(super) type Question = (Box<str>, u32, Box<[u8]>, u64, u64, u64);

/// What the answer of this thread's request waits for.
#[derive(Default)]
struct Waits {
    stored: Vec<Receiver<Result<(), NotStored>>>,
    read: Option<(Question, Receiver<Answer>)>,
    known: Vec<(Question, Kept)>,
    reads: usize,
}

thread_local! {
    /// On the heap, since every thread's stack has room for this.
    static WAITS: RefCell<Option<Box<Waits>>> = const { RefCell::new(None) };
}

/// Why what was published is not known to be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// It will not be.
    #[error("{0}")]
    Refused(StoreError),
    /// The disk, or Redis, has not answered in time: it may be, or not.
    #[error("no answer in {} s", DURABLE_WAIT.as_secs())]
    Late,
    /// It is not known to be heard, here or on other hosts.
    #[error("{0}")]
    Unheard(Refused),
}

/// From here on, and until it is dropped, this thread is in the `on_request` of its client.
pub(in crate::plugin) struct Request(());

impl Request {
    pub(in crate::plugin) fn begin() -> Request {
        WAITS.with(|waits| *waits.borrow_mut() = Some(Box::default()));
        Request(())
    }

    /// Waits for what the callback has asked of a disk, if anything: true where the callback is to be called again.
    /// Woken by the file's thread; looks now and then whether the client `is_here`.
    pub(in crate::plugin) fn waits_for_read(&self, is_here: impl Fn() -> bool) -> bool {
        let asked = WAITS.with(|waits| waits.borrow_mut().as_mut()?.read.take());
        let Some((question, answer)) = asked else {
            return false;
        };
        let Ok(Answer::Kept(kept)) = wait(&answer, is_here) else {
            return false;
        };
        WAITS.with(|waits| {
            if let Some(waits) = &mut *waits.borrow_mut() {
                waits.known.push((question, kept));
            }
        });
        true
    }

    /// Waits until all that was published to be durable is stored. As above.
    ///
    /// # Errors
    /// Something of it is not.
    pub(in crate::plugin) fn wait_until_stored(
        &self,
        is_here: impl Fn() -> bool,
    ) -> Result<(), NotStored> {
        let stored = WAITS.with(|waits| waits.borrow_mut().take());
        let stored = stored.map(|waits| waits.stored).unwrap_or_default();
        stored
            .iter()
            .try_for_each(|stored| wait_for_store(stored, &is_here))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        WAITS.with(|waits| *waits.borrow_mut() = None);
    }
}

/// Whether something is stored, as the file's thread tells it.
pub(super) struct Stored(Receiver<Result<(), NotStored>>);

/// Of a publish on a thread that waits for it: who is to be told, and what is to be waited for.
pub(super) fn waited_for() -> (Option<Confirm>, Option<Stored>) {
    let (confirm, stored) = telling();
    (Some(confirm), Some(Stored(stored)))
}

/// Waits until it is; for [`DURABLE_WAIT`] at most.
///
/// # Errors
/// It is not, or nobody knows.
pub(super) fn wait_here(stored: &Stored) -> Result<(), NotStored> {
    wait_for_store(&stored.0, || true)
}

fn telling() -> (Confirm, Receiver<Result<(), NotStored>>) {
    let (told, stored) = bounded(1);
    // There is room for the one answer; who waited may have gone.
    let confirm: Confirm =
        Box::new(move |stored| drop(told.try_send(stored.map_err(NotStored::Refused))));
    (confirm, stored)
}

/// The same for what goes to other hosts.
fn coming() -> (Told, Receiver<Result<(), NotStored>>) {
    let (told, came) = bounded(1);
    // As above.
    let tell: Told = Box::new(move |result| {
        drop(told.try_send(result.map_err(NotStored::Unheard)));
    });
    (tell, came)
}

/// Of a publish to other hosts on a thread that waits for it.
pub(super) fn came_for() -> (Option<Told>, Option<Stored>) {
    let (told, came) = coming();
    (Some(told), Some(Stored(came)))
}

fn wait_for_store(
    stored: &Receiver<Result<(), NotStored>>,
    is_here: impl Fn() -> bool,
) -> Result<(), NotStored> {
    match wait(stored, is_here) {
        Ok(stored) => stored,
        Err(RecvTimeoutError::Timeout) => Err(NotStored::Late),
        // Nobody has it any more.
        Err(RecvTimeoutError::Disconnected) => Err(NotStored::Refused(StoreError::Closed)),
    }
}

fn wait<T>(answer: &Receiver<T>, is_here: impl Fn() -> bool) -> Result<T, RecvTimeoutError> {
    let deadline = Instant::now() + DURABLE_WAIT;
    loop {
        match answer.recv_timeout(DURABLE_LOOK) {
            Err(RecvTimeoutError::Timeout) if is_here() && Instant::now() < deadline => {}
            answered => return answered,
        }
    }
}

/// The answer of this thread's request waits until something is stored: who is to be told of that. None where the
/// thread is not in an `on_request`, and no answer waits.
///
/// # Errors
/// [`EXHAUSTED`]: it waits for too much.
pub(super) fn confirm() -> Result<Option<Confirm>, Status> {
    wait_for(telling)
}

/// The same for what goes to other hosts.
///
/// # Errors
/// As of [`confirm`].
pub(super) fn told() -> Result<Option<Told>, Status> {
    wait_for(coming)
}

fn wait_for<T>(
    make: impl FnOnce() -> (T, Receiver<Result<(), NotStored>>),
) -> Result<Option<T>, Status> {
    // A plugin's own thread-local may call the host while this thread ends: then it is in no request.
    let made = WAITS.try_with(|waits| {
        let mut waits = waits.borrow_mut();
        let Some(waits) = &mut *waits else {
            return Ok(None);
        };
        if waits.stored.len() >= DURABLE_MAX {
            return Err(EXHAUSTED);
        }
        let (made, stored) = make();
        waits.stored.push(stored);
        Ok(Some(made))
    });
    made.unwrap_or(Ok(None))
}

/// What was read for this thread's request already.
pub(super) fn known(question: &Question) -> Option<Kept> {
    let take = |waits: &mut Box<Waits>| {
        let index = waits.known.iter().position(|(of, _)| of == question)?;
        Some(waits.known.swap_remove(index).1)
    };
    // As above.
    let known = WAITS.try_with(|waits| waits.borrow_mut().as_mut().and_then(take));
    known.ok().flatten()
}

/// The answer of this thread's request waits for a disk, and the callback is called again then. False where the
/// thread is not in an `on_request`, or has been called again too often.
pub(super) fn read_later(question: Question, answer: &Receiver<Answer>) -> bool {
    let note = |waits: &mut Box<Waits>| {
        let may = waits.reads < READS_MAX;
        if may {
            waits.reads += 1;
            waits.read = Some((question, answer.clone()));
        }
        may
    };
    // As above.
    let noted = WAITS.try_with(|waits| waits.borrow_mut().as_mut().is_some_and(note));
    noted.unwrap_or(false)
}
