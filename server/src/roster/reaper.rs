//! The thread `reaper`: joins connection threads that have ended and frees their permits.
//!
//! Who is about to end says so; between that and its real end lies the drop of its thread-local values, and
//! those of a plugin may take as long as they like. To join is to wait for one thread and none else, so that
//! the reaper waits for none: it looks a moment later whether one has ended, and where it has not, looks
//! again after a pause that doubles. So nobody's end waits for another's, and a place stays taken just as
//! long as its thread is there.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use log::Level;

use crate::ids::ClientId;
use crate::limits::{
    DEPARTED_QUEUE, DEPARTED_WARNING, LOOK_AT_DEPARTED_FIRST, LOOK_AT_DEPARTED_LAST,
};
use crate::logging::refusal_log::RefusalLog;
use crate::roster::Roster;
use crate::threads::fault_point;

/// Starts the thread. It takes the numbers of clients whose thread does nothing more but end, and
/// ends itself when the last sender is gone: nobody is left then, since the senders are held by the
/// threads that it waits for.
///
/// # Errors
/// No thread is to be had.
pub fn start(
    roster: Arc<Roster>,
    refusals: RefusalLog,
) -> io::Result<(Sender<ClientId>, JoinHandle<()>)> {
    let (departed, inbox) = bounded(DEPARTED_QUEUE);
    let reaper = Reaper {
        roster,
        refusals,
        departed: VecDeque::new(),
        lingering: BTreeSet::new(),
    };
    let thread = thread::Builder::new()
        .name("reaper".to_owned())
        .spawn(move || reaper.run(&inbox))?;
    Ok((departed, thread))
}

/// State of the thread; nobody else sees it.
struct Reaper {
    roster: Arc<Roster>,
    refusals: RefusalLog,
    /// Those that nobody has looked at yet, and since when: mostly a thread needs a moment to end.
    departed: VecDeque<(Instant, ClientId)>,
    /// Those that had not ended when they were looked at, the next to be looked at first.
    lingering: BTreeSet<Lingering>,
}

/// A thread that is about to end and has not yet. Ordered by its first field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Lingering {
    look_at: Instant,
    pause: Duration,
    since: Instant,
    is_told: bool,
    client: ClientId,
}

impl Lingering {
    /// One whose thread was about to end at `since`, for the first look at it.
    fn new(since: Instant, client: ClientId) -> Lingering {
        Lingering {
            look_at: since + LOOK_AT_DEPARTED_FIRST,
            pause: LOOK_AT_DEPARTED_FIRST,
            since,
            is_told: false,
            client,
        }
    }

    fn is_late(&self) -> bool {
        self.look_at.duration_since(self.since) >= DEPARTED_WARNING
    }

    /// Whether this is the first look at it that finds it late.
    fn is_to_be_told(&self) -> bool {
        self.is_late() && !self.is_told
    }

    /// For the look after this one.
    fn next(self) -> Lingering {
        Lingering {
            look_at: self.look_at + self.pause,
            pause: (2 * self.pause).min(LOOK_AT_DEPARTED_LAST),
            is_told: self.is_late(),
            ..self
        }
    }
}

impl Reaper {
    fn run(mut self, inbox: &Receiver<ClientId>) {
        loop {
            let departed = match self.next_look() {
                None => inbox.recv().map_err(RecvTimeoutError::from),
                Some(look_at) => inbox.recv_deadline(look_at),
            };
            let now = Instant::now();
            match departed {
                Ok(client) => self.departed.push_back((now, client)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Some(&(since, client)) = self.departed.front()
                && since + LOOK_AT_DEPARTED_FIRST <= now
            {
                self.departed.pop_front();
                self.look(Lingering::new(since, client));
            }
            while self
                .lingering
                .first()
                .is_some_and(|next| next.look_at <= now)
                && let Some(next) = self.lingering.pop_first()
            {
                self.look(next);
            }
        }
    }

    fn next_look(&self) -> Option<Instant> {
        let departed = self.departed.front();
        let departed = departed.map(|&(since, _)| since + LOOK_AT_DEPARTED_FIRST);
        let lingering = self.lingering.first().map(|next| next.look_at);
        match (departed, lingering) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Frees the place of one that has ended; another is looked at again later.
    fn look(&mut self, departed: Lingering) {
        fault_point("reaper");
        let client = departed.client;
        if self.roster.release(client) {
            return;
        }
        if departed.is_to_be_told() {
            let (name, time) = (self.roster.name(client), DEPARTED_WARNING.as_secs());
            self.refusals.note(
                Level::Warn,
                format_args!("{name} has left, but its thread has not ended for {time} s: a plugin's thread-local value that is dropped with the thread holds it up; its place stays taken until then"),
            );
        }
        self.lingering.insert(departed.next());
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{DEPARTED_WARNING, LOOK_AT_DEPARTED_FIRST, LOOK_AT_DEPARTED_LAST, Lingering};
    use crate::ids::ClientId;

    /// Cause: mutants survived that told of a thread that hangs with each look, or never, and that looked every millisecond.
    #[test]
    fn a_thread_that_does_not_end_is_looked_at_ever_more_seldom_and_told_of_once() {
        let since = Instant::now();
        let mut departed = Lingering::new(since, ClientId(1));
        let (mut expected, mut pause) = (LOOK_AT_DEPARTED_FIRST, LOOK_AT_DEPARTED_FIRST);
        let mut told = Vec::new();
        for _ in 0..100 {
            let time = departed.look_at.duration_since(since);
            assert_eq!(time, expected);
            if departed.is_to_be_told() {
                told.push(time);
            }
            departed = departed.next();
            expected += pause;
            pause = (2 * pause).min(LOOK_AT_DEPARTED_LAST);
        }
        let [time] = told[..] else {
            panic!("told at {told:?}");
        };
        let late = time.saturating_sub(DEPARTED_WARNING);
        assert!(time >= DEPARTED_WARNING && late < LOOK_AT_DEPARTED_LAST);
        assert!(expected > Duration::from_secs(80), "one look a second");
    }
}
