//! What the main thread wants of the thread `engine-hosts`. Shared by both; locked by that thread while it looks at who is
//! here, which is some milliseconds where there are many.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::ids::{ClientId, RouteId};
use crate::limits::HOSTS_ASK_LEAST;
use crate::outbox::Outbox;

/// Shows each client that is open on a route to a function. Takes no lock that anybody holds for long.
pub type EachClient = Box<dyn Fn(&mut dyn FnMut(ClientId, &Arc<Outbox>)) + Send>;

/// Which clients a route has here.
pub struct Here {
    /// How many.
    pub count: Arc<AtomicU64>,
    /// Who.
    pub each: EachClient,
}

/// A route of this host that is shared.
pub(super) struct OwnRoute {
    pub(super) id: RouteId,
    pub(super) path: Arc<str>,
    pub(super) here: Here,
}

/// Between the main thread and that of the hosts.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) state: Mutex<Orders>,
    /// Signalled where there is something to do before the next look is due.
    pub(super) bell: Condvar,
    /// Signalled where a look has ended.
    looked: Condvar,
}

#[derive(Default)]
pub(super) struct Orders {
    pub(super) routes: Vec<OwnRoute>,
    pub(super) has_changed: bool,
    pub(super) is_ending: bool,
    /// Somebody waits for a look that is not due yet.
    is_asked: bool,
    /// Looks that have begun, and of those the last that found what there is.
    begun: u64,
    done: u64,
}

impl Desk {
    /// Waits so long, or until there is something to do; whether that is to end. Where others ask again and again it waits
    /// all the same, for a moment.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let now = Instant::now();
        let (deadline, least) = (now + time, now + time.min(HOSTS_ASK_LEAST));
        let mut state = self.state.lock();
        while !state.is_ending && !std::mem::take(&mut state.has_changed) {
            let until = if state.is_asked { least } else { deadline };
            if self.bell.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        state.is_asked = false;
        state.is_ending
    }

    /// A look begins: it finds what there is from now on.
    pub(super) fn begin_look(&self) {
        self.state.lock().begun += 1;
    }

    /// It has found that.
    pub(super) fn end_look(&self) {
        let mut state = self.state.lock();
        state.done = state.begun;
        drop(state);
        self.looked.notify_all();
    }

    /// Any thread: lets the thread look, and waits until it has found what there is now, so long at most; whether it has.
    pub(super) fn look_anew(&self, time: Duration) -> bool {
        let mut state = self.state.lock();
        let look = state.begun + 1;
        state.is_asked = true;
        drop(state);
        self.bell.notify_all();
        self.wait_for(look, time)
    }

    /// Waits for the end of this look, so long at most; whether it has come.
    pub(super) fn wait_for(&self, look: u64, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut state = self.state.lock();
        while state.done < look && !state.is_ending {
            if self.looked.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.done >= look
    }

    /// A route is shared from now on; gives the next look, which is made at once.
    pub(super) fn add(&self, route: OwnRoute) -> u64 {
        let mut state = self.state.lock();
        state.routes.push(route);
        state.has_changed = true;
        let look = state.begun + 1;
        drop(state);
        self.bell.notify_all();
        look
    }

    pub(super) fn is_ending(&self) -> bool {
        self.state.lock().is_ending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::Desk;
    use crate::limits::HOSTS_ASK_LEAST;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn who_asks_waits_for_a_look_that_begins_behind_the_question() {
        let desk = Arc::<Desk>::default();
        let asking = |desk: &Arc<Desk>| {
            let desk = desk.clone();
            thread::spawn(move || desk.look_anew(LONG))
        };
        let is_asked = |desk: &Desk| {
            while !desk.state.lock().is_asked {
                thread::yield_now();
            }
        };
        // One is under way, and may have passed what is asked for.
        desk.begin_look();
        let asker = asking(&desk);
        is_asked(&desk);
        desk.end_look();
        assert!(
            !desk.wait(LONG),
            "it does not end, and does not wait so long"
        );
        assert!(!asker.is_finished());
        desk.begin_look();
        desk.end_look();
        assert!(asker.join().expect("no panic"));
        // Nobody looks.
        assert!(!desk.look_anew(Duration::from_millis(1)));
        let asker = asking(&desk);
        desk.state.lock().is_ending = true;
        desk.looked.notify_all();
        assert!(!asker.join().expect("no panic"));
    }

    #[test]
    fn many_questions_are_few_looks() {
        let desk = Desk::default();
        desk.state.lock().is_asked = true;
        let begun = Instant::now();
        assert!(!desk.wait(LONG));
        assert!(begun.elapsed() >= HOSTS_ASK_LEAST);
        assert!(!desk.state.lock().is_asked);
        // What the main thread wants does not wait.
        desk.state.lock().has_changed = true;
        assert!(!desk.wait(LONG));
    }
}
