//! The thread `admin`: accepts, gives each connection a thread, and bounds how many there are.
//!
//! Started, replaced at a reload and ended by the main thread. A browser opens connections ahead of time and
//! says nothing on them: where all are taken, the one that has waited longest for a request has to leave, so
//! that who asks for the health is never shut out by those who ask for nothing.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use log::{Level, error};
use parking_lot::{Condvar, Mutex, RwLock};

use super::connection::{self, Doing, State};
use super::stream::Stream;
use super::{CONNECTION_THREADS, View};
use crate::config::{Listen, ListenerSettings};
use crate::entrance::listeners::{self, ListenError};
use crate::entrance::listening::ListeningSocket;
use crate::entrance::socket_file::Granted;
use crate::http::inside::Tokens;
use crate::limits::{
    ACCEPT_BACK_OFF, ADMIN_ANSWER_TIME, ADMIN_CONNECTIONS_MAX, ADMIN_LEAVE_TIME, ADMIN_TAKE_TIME,
};
use crate::threads::fault_point;

/// A running listener.
pub struct AdminListener {
    place: String,
    listener: ListeningSocket,
    tokens: Arc<RwLock<Tokens>>,
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Stop {
    is_stopping: Mutex<bool>,
    changed: Condvar,
}

impl AdminListener {
    /// Starts to accept from `listener` those who show one of `tokens`; whoever reaches it where there are none.
    ///
    /// # Errors
    /// No thread or no file descriptor is to be had.
    pub fn start(
        listener: ListeningSocket,
        tokens: Tokens,
        view: Arc<View>,
    ) -> io::Result<AdminListener> {
        let stop = Arc::new(Stop::default());
        let tokens = Arc::new(RwLock::new(tokens));
        let place = listener.place();
        let accepting = Accepting {
            listener: listener.try_clone()?,
            tokens: tokens.clone(),
            stop: stop.clone(),
            view,
            held: Vec::new(),
            next: 1,
        };
        let thread = thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || accepting.run())?;
        Ok(AdminListener {
            place,
            listener,
            tokens,
            stop,
            thread,
        })
    }

    /// Where it is.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Lets `wanted` say who may connect, where it is a unix socket at the same place.
    ///
    /// # Errors
    /// It cannot be changed, and is as before.
    pub fn grant(&self, wanted: &ListenerSettings) -> Result<Option<Granted>, ListenError> {
        let Some(file) = self.listener.file() else {
            return Ok(None);
        };
        if wanted.listen != Listen::Unix(file.path().to_owned()) {
            return Ok(None);
        }
        listeners::grant(file, wanted).map(Some)
    }

    /// From now on these let in.
    pub fn set_tokens(&self, tokens: &Tokens) {
        *self.tokens.write() = tokens.clone();
    }

    /// Stops accepting, and its connections end with the answer that they are at: to those who may come now, whatever
    /// the next listener wants. Waits for nothing: one of them may wait for the main thread.
    pub fn retire(&self) {
        *self.stop.is_stopping.lock() = true;
        self.stop.changed.notify_all();
        self.listener.wake();
    }

    /// Whether its threads have ended.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it and waits for its threads. No order may wait for the main thread, which calls this.
    pub fn end(self) {
        self.retire();
        // A panic of the thread has been reported by the panic hook.
        self.thread.join().ok();
    }
}

/// State of the thread.
struct Accepting {
    listener: ListeningSocket,
    tokens: Arc<RwLock<Tokens>>,
    stop: Arc<Stop>,
    view: Arc<View>,
    held: Vec<Held>,
    /// The number of the next connection.
    next: u64,
}

/// One connection and its thread.
struct Held {
    state: Arc<State>,
    thread: JoinHandle<()>,
    /// It has been asked to leave.
    is_leaving: bool,
}

impl Accepting {
    fn run(mut self) {
        while !*self.stop.is_stopping.lock() {
            match self.listener.accept() {
                Ok((socket, remote)) => {
                    fault_point("admin-accept");
                    self.take(Stream::new(socket, remote));
                }
                // What the next accept may be rid of (accept(2)); the stop is one of them.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.back_off(&error),
            }
        }
        for held in &self.held {
            held.state.ask_to_leave();
        }
        for held in self.held {
            // A panic of the thread has been reported by the panic hook.
            held.thread.join().ok();
        }
    }

    fn back_off(&self, error: &io::Error) {
        let mut is_stopping = self.stop.is_stopping.lock();
        if !*is_stopping {
            error!("the admin listener cannot accept: {error}; trying again");
            self.stop
                .changed
                .wait_for(&mut is_stopping, ACCEPT_BACK_OFF);
        }
    }

    /// Gives it a thread. Where too many have one, the newcomer is dropped unless somebody can leave for it.
    fn take(&mut self, stream: Stream) {
        self.let_leave();
        let staying = self.held.iter().filter(|held| !held.is_leaving).count();
        if staying >= ADMIN_CONNECTIONS_MAX && !self.make_room() {
            self.view.refusals.note(
                Level::Warn,
                format_args!(
                    "{stream}: dropped, {ADMIN_CONNECTIONS_MAX} connections of the admin listener are answered"
                ),
            );
            return;
        }
        let state = Arc::new(State::new(stream));
        let name = format!("{CONNECTION_THREADS}{}", self.next);
        let (view, tokens, own) = (self.view.clone(), self.tokens.clone(), state.clone());
        let spawned = thread::Builder::new()
            .name(name)
            .spawn(move || connection::run(&view, &tokens, &own));
        match spawned {
            Ok(thread) => {
                self.next += 1;
                self.held.push(Held {
                    state,
                    thread,
                    is_leaving: false,
                });
            }
            Err(error) => error!("no thread for a connection of the admin listener: {error}"),
        }
    }

    /// Parts with those that have ended. Where too many are still on their way out, waits a moment for them: a
    /// busy machine lets them end late, and no newcomer is to pay for that.
    fn let_leave(&mut self) {
        let patience = Instant::now() + ADMIN_LEAVE_TIME;
        loop {
            for ended in self.held.extract_if(.., |held| held.thread.is_finished()) {
                // A panic of the thread has been reported by the panic hook.
                ended.thread.join().ok();
            }
            let mut is_stopping = self.stop.is_stopping.lock();
            if self.held.len() < 2 * ADMIN_CONNECTIONS_MAX
                || *is_stopping
                || Instant::now() >= patience
            {
                return;
            }
            self.stop
                .changed
                .wait_for(&mut is_stopping, Duration::from_millis(1));
        }
    }

    /// Has one leave that is done, or else the one that has waited longest for a request, or else the one whose answer takes too
    /// long. True where one is about to leave; its thread is joined later, since it may be in an order still.
    fn make_room(&mut self) -> bool {
        if self.held.len() >= 2 * ADMIN_CONNECTIONS_MAX {
            return false;
        }
        let staying = self.held.iter_mut().filter(|held| !held.is_leaving);
        let waiting = staying.filter_map(|held| Some((held.state.leavable()?, held)));
        let Some((_, held)) = waiting.min_by_key(|(leavable, _)| *leavable) else {
            return false;
        };
        held.is_leaving = true;
        held.state.make_room();
        true
    }
}

impl State {
    /// Whether it still does anything, and since when it has waited for a request, or for its answer to be taken, too
    /// long; none while it is to be let be.
    fn leavable(&self) -> Option<(bool, Instant)> {
        let (doing, since) = self.doing();
        let patience = match doing {
            Doing::Waiting | Doing::Lingering => Duration::ZERO,
            Doing::Answering => ADMIN_ANSWER_TIME,
            Doing::Writing => ADMIN_TAKE_TIME,
        };
        (since.elapsed() >= patience).then_some((doing != Doing::Lingering, since))
    }

    /// It leaves, for another one. Who does not take an answer does not get the rest of it.
    fn make_room(&self) {
        self.leave();
        self.stream.shutdown(match self.doing().0 {
            Doing::Waiting | Doing::Writing | Doing::Lingering => Shutdown::Both,
            Doing::Answering => Shutdown::Read,
        });
    }

    /// It leaves; what is being answered may still go out.
    fn ask_to_leave(&self) {
        self.leave();
        self.stream.shutdown(match self.doing().0 {
            Doing::Waiting | Doing::Lingering => Shutdown::Both,
            Doing::Answering | Doing::Writing => Shutdown::Read,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    use super::{ADMIN_ANSWER_TIME, ADMIN_TAKE_TIME, Doing, State, Stream};
    use crate::http::peer::{Credentials, Remote};

    #[test]
    fn who_takes_no_answer_leaves_for_another_sooner_than_who_waits_for_one() {
        let (socket, _other) = UnixStream::pair().expect("two sockets");
        let remote = Remote::Unix(Credentials {
            pid: 1,
            uid: 0,
            gid: 0,
        });
        let state = State::new(Stream::new(socket, remote));
        let for_so_long = |doing, time: Duration| {
            let since = Instant::now().checked_sub(time);
            state.set(doing, since.expect("the machine has run for longer"));
            state.leavable()
        };
        let short = ADMIN_TAKE_TIME / 2;
        assert!(for_so_long(Doing::Waiting, Duration::ZERO).is_some());
        assert!(for_so_long(Doing::Writing, short).is_none());
        assert!(for_so_long(Doing::Writing, ADMIN_TAKE_TIME).is_some());
        assert!(for_so_long(Doing::Answering, ADMIN_TAKE_TIME).is_none());
        assert!(for_so_long(Doing::Answering, ADMIN_ANSWER_TIME).is_some());
        // Who is done loses nothing, and is the first.
        let done = for_so_long(Doing::Lingering, Duration::ZERO);
        assert!(done < for_so_long(Doing::Waiting, ADMIN_ANSWER_TIME));
    }
}
