//! When a client that is silent is looked at again, and what is due then.
//!
//! Pure arithmetic on instants, for the client's own thread. The socket's read timeout does the
//! waiting, so that no clock is read while messages come; only an idle timeout and a lifetime cost a
//! look at it.

use std::time::{Duration, Instant};

use crate::limits::LOOK_AGAIN;

/// The times that hold for a client; none stands for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// Silence before a ping.
    pub(super) ping_interval: Option<Duration>,
    /// Time for its answer; any byte is one.
    pub(super) pong_timeout: Duration,
    /// Time without a message.
    pub(super) idle_timeout: Option<Duration>,
    /// Time from the handshake.
    pub(super) lifetime: Option<Duration>,
}

/// What is to be done about a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// It is to be asked whether it is there.
    Ping,
    /// It has not answered.
    Vanished,
    /// It has sent no message for too long.
    Idle,
    /// It has been here for as long as a client may.
    Expired,
}

/// The state of one client's deadlines.
pub(super) struct Deadlines {
    times: Times,
    opened: Instant,
    last_message: Instant,
    /// When the silence began, once a read has timed out in it.
    silent_since: Option<Instant>,
    pong_due: Option<Instant>,
    /// The read timeout that is set on the socket.
    timeout: Duration,
}

impl Deadlines {
    /// For a client that has just come.
    pub(super) fn new(times: Times, now: Instant) -> Deadlines {
        let mut deadlines = Deadlines {
            times,
            opened: now,
            last_message: now,
            silent_since: None,
            pong_due: None,
            timeout: Duration::ZERO,
        };
        deadlines.timeout = deadlines.first_timeout(now);
        deadlines
    }

    /// How long the next read may wait.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Other times hold from now on.
    pub(super) fn set_times(&mut self, times: Times, now: Instant) {
        self.times = times;
        self.pong_due = None;
        self.silent_since = None;
        self.timeout = self.first_timeout(now);
    }

    /// Bytes have come. True where the read timeout is another now.
    pub(super) fn on_bytes(&mut self) -> bool {
        if self.silent_since.take().is_none() {
            return false;
        }
        self.pong_due = None;
        self.timeout = self.first_timeout(Instant::now());
        true
    }

    /// A message has come.
    pub(super) fn on_message(&mut self) {
        if self.times.idle_timeout.is_some() {
            self.last_message = Instant::now();
        }
    }

    /// What is due about a client that is never silent: bytes that make no message, such as pings
    /// or a frame that trickles, must not keep it here for ever.
    pub(super) fn overdue(&self) -> Due {
        if self.times.lifetime.is_none() && self.times.idle_timeout.is_none() {
            return Due::Nothing;
        }
        self.ended(Instant::now()).unwrap_or(Due::Nothing)
    }

    fn ended(&self, now: Instant) -> Option<Due> {
        if is_over(self.opened, self.times.lifetime, now) {
            Some(Due::Expired)
        } else if is_over(self.last_message, self.times.idle_timeout, now) {
            Some(Due::Idle)
        } else {
            None
        }
    }

    /// A read has timed out: what is due, and from then on another timeout.
    pub(super) fn on_silence(&mut self, now: Instant) -> Due {
        let since = *self
            .silent_since
            .get_or_insert(now - self.timeout.min(now - self.opened));
        let due = self.due(since, now);
        if due == Due::Ping {
            self.pong_due = Some(now + self.times.pong_timeout);
        }
        self.timeout = self.next_timeout(since, now);
        due
    }

    /// The client cannot be asked, or cannot have heard the question: the silence before a ping begins anew.
    pub(super) fn ask_later(&mut self, now: Instant) {
        self.pong_due = None;
        self.silent_since = Some(now);
        self.timeout = self.next_timeout(now, now);
    }

    fn due(&self, since: Instant, now: Instant) -> Due {
        if let Some(ended) = self.ended(now) {
            ended
        } else if let Some(pong_due) = self.pong_due {
            if pong_due <= now {
                Due::Vanished
            } else {
                Due::Nothing
            }
        } else if is_over(since, self.times.ping_interval, now) {
            Due::Ping
        } else {
            Due::Nothing
        }
    }

    fn first_timeout(&self, now: Instant) -> Duration {
        self.next_timeout(now, now)
    }

    fn next_timeout(&self, since: Instant, now: Instant) -> Duration {
        let left = |from: Instant, time: Option<Duration>| {
            time.map(|time| (from + time).saturating_duration_since(now))
        };
        let ping = match self.pong_due {
            Some(due) => Some(due.saturating_duration_since(now)),
            None => left(since, self.times.ping_interval),
        };
        [
            ping,
            left(self.last_message, self.times.idle_timeout),
            left(self.opened, self.times.lifetime),
        ]
        .into_iter()
        .flatten()
        .fold(LOOK_AGAIN, Duration::min)
        // Zero would mean for ever.
        .max(Duration::from_millis(1))
    }
}

fn is_over(from: Instant, time: Option<Duration>, now: Instant) -> bool {
    time.is_some_and(|time| now.saturating_duration_since(from) >= time)
}

#[cfg(test)]
mod tests {
    use super::{Deadlines, Due, Times};
    use crate::limits::LOOK_AGAIN;
    use std::time::{Duration, Instant};

    const SECOND: Duration = Duration::from_secs(1);

    fn times(ping: u64, idle: u64, lifetime: u64) -> Times {
        let some = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
        Times {
            ping_interval: some(ping),
            pong_timeout: 10 * SECOND,
            idle_timeout: some(idle),
            lifetime: some(lifetime),
        }
    }

    /// What is due, second for second, where no byte comes.
    fn silence(times: Times) -> Vec<(u64, Due)> {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(times, start);
        let mut now = start;
        let mut seen = Vec::new();
        while now < start + 100 * SECOND {
            now += deadlines.timeout();
            match deadlines.on_silence(now) {
                Due::Nothing => {}
                due => {
                    seen.push(((now - start).as_secs(), due));
                    if due != Due::Ping {
                        break;
                    }
                }
            }
        }
        seen
    }

    #[test]
    fn a_silent_client_is_pinged_and_then_has_vanished() {
        assert_eq!(
            silence(times(25, 0, 0)),
            [(25, Due::Ping), (35, Due::Vanished)]
        );
        assert_eq!(silence(times(0, 0, 0)), []);
    }

    #[test]
    fn the_first_deadline_counts() {
        assert_eq!(
            silence(times(25, 30, 0)),
            [(25, Due::Ping), (30, Due::Idle)]
        );
        assert_eq!(silence(times(0, 70, 65)), [(65, Due::Expired)]);
        assert_eq!(silence(times(0, 7, 0)), [(7, Due::Idle)]);
    }

    #[test]
    fn who_says_something_is_not_idle() {
        let now = Instant::now();
        let mut deadlines = Deadlines::new(times(0, 70, 0), now - 50 * SECOND);
        deadlines.on_message();
        assert_eq!(deadlines.on_silence(now + 30 * SECOND), Due::Nothing);
        assert_eq!(deadlines.on_silence(now + 100 * SECOND), Due::Idle);
    }

    /// Pings, or a frame that trickles, are no silence and no message either.
    #[test]
    fn who_is_never_silent_is_idle_and_at_its_end_all_the_same() {
        let before = Instant::now() - 80 * SECOND;
        let overdue = |times| Deadlines::new(times, before).overdue();
        assert_eq!(overdue(times(25, 0, 0)), Due::Nothing);
        assert_eq!(overdue(times(0, 70, 0)), Due::Idle);
        assert_eq!(overdue(times(0, 0, 70)), Due::Expired);
        assert_eq!(overdue(times(0, 900, 900)), Due::Nothing);
    }

    #[test]
    fn bytes_answer_a_ping_but_are_no_message() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(times(25, 60, 0), start);
        assert_eq!(deadlines.on_silence(start + 25 * SECOND), Due::Ping);
        assert!(deadlines.on_bytes(), "the timeout is that of a ping again");
        assert!(!deadlines.on_bytes());
        assert_eq!(deadlines.on_silence(start + 60 * SECOND), Due::Idle);
    }

    #[test]
    fn one_that_could_not_hear_the_ping_is_asked_again_after_the_interval() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(times(25, 0, 0), start);
        assert_eq!(deadlines.on_silence(start + 25 * SECOND), Due::Ping);
        assert_eq!(deadlines.on_silence(start + 35 * SECOND), Due::Vanished);
        deadlines.ask_later(start + 35 * SECOND);
        assert_eq!(deadlines.timeout(), 25 * SECOND);
        assert_eq!(deadlines.on_silence(start + 60 * SECOND), Due::Ping);
        assert_eq!(deadlines.on_silence(start + 70 * SECOND), Due::Vanished);
    }

    #[test]
    fn settings_that_change_are_seen_within_a_minute() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(times(0, 0, 0), start);
        assert_eq!(deadlines.timeout(), LOOK_AGAIN);
        assert_eq!(deadlines.on_silence(start + LOOK_AGAIN), Due::Nothing);
        assert_eq!(deadlines.timeout(), LOOK_AGAIN);
    }
}
