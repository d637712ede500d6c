//! The server as one route sees it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::abi::{self, Status, TimerId};
use crate::calls::HostCalls;
use crate::client_id::ClientId;
use crate::config::Config;
use crate::message::{Message, SendError, ToMessage, delivery};
use crate::metrics::{MetricError, Metrics};
use crate::topic_error::TopicError;

/// The server as one route sees it. A small value: copy it, keep it for ever, hand it to other threads.
///
/// Any thread may make any call at any time. None waits for a client, none calls back into the plugin.
/// After the route has ended, calls do nothing.
///
/// ```
/// use plugin_api::{Host, Result};
/// use std::time::Duration;
///
/// /// From any thread, at any time.
/// fn tell(host: &Host) -> Result {
///     host.broadcast(format!("{} are here", host.client_count()))?;
///     host.publish("news", "for who has joined `news`")?;
///     host.set_interval(Duration::from_secs(60))?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host(HostCalls);

impl Host {
    pub(crate) fn new(calls: HostCalls) -> Host {
        Host(calls)
    }

    pub(crate) fn calls(self) -> HostCalls {
        self.0
    }

    /// Sends one message to all members of `topic`. All members get the messages of a topic in the
    /// same order.
    ///
    /// # Errors
    /// The topic's name is empty or over 255 bytes, or the server did not take the message.
    pub fn publish(&self, topic: &str, message: impl ToMessage) -> Result<(), SendError> {
        self.publish_to(topic, message.to_message(), None)
    }

    /// Sends one message to all members of `topic` but one.
    ///
    /// # Errors
    /// As [`publish`](Host::publish).
    pub fn publish_except(
        &self,
        topic: &str,
        message: impl ToMessage,
        except: impl Into<Option<ClientId>>,
    ) -> Result<(), SendError> {
        self.publish_to(topic, message.to_message(), except.into())
    }

    fn publish_to(
        self,
        topic: &str,
        message: Message<'_>,
        except: Option<ClientId>,
    ) -> Result<(), SendError> {
        let status = self
            .0
            .publish(topic, message.kind(), message.as_bytes(), number(except));
        if status == abi::INVALID {
            return Err(SendError::Topic);
        }
        delivery(status).map(drop)
    }

    /// Sends one message to all clients of the route. Waits while more than the server can pass on waits on this
    /// route.
    ///
    /// # Errors
    /// The server did not take the message.
    pub fn broadcast(&self, message: impl ToMessage) -> Result<(), SendError> {
        self.broadcast_except(message, None)
    }

    /// Sends one message to all clients of the route but one; `None` leaves nobody out.
    ///
    /// # Errors
    /// The server did not take the message.
    pub fn broadcast_except(
        &self,
        message: impl ToMessage,
        except: impl Into<Option<ClientId>>,
    ) -> Result<(), SendError> {
        let message = message.to_message();
        delivery(
            self.0
                .broadcast(message.kind(), message.as_bytes(), number(except.into())),
        )
        .map(drop)
    }

    /// The way to metrics of the plugin's own, which stand with the server's.
    ///
    /// # Errors
    /// [`MetricError::TooOld`].
    pub fn metrics(&self) -> Result<Metrics, MetricError> {
        self.0
            .metrics()
            .map(Metrics::new)
            .ok_or(MetricError::TooOld)
    }

    /// Runs `say`; nothing that this thread says meanwhile, to whomever and by whatever call, is compressed, whatever the
    /// clients can do: for what is compressed already, such as images, and for secrets that stand beside
    /// what a stranger has chosen. What a client gets is the same.
    pub fn uncompressed<T>(&self, say: impl FnOnce() -> T) -> T {
        struct SetBack(HostCalls, bool);
        impl Drop for SetBack {
            fn drop(&mut self) {
                self.0.set_worth(self.1);
            }
        }
        let _set_back = SetBack(self.0, self.0.set_worth(false));
        say()
    }

    /// Number of clients on the route now.
    pub fn client_count(&self) -> u64 {
        self.0.client_count().1
    }

    /// Number of members of `topic`, after all that this thread asked for before.
    ///
    /// # Errors
    /// See [`TopicError`].
    pub fn member_count(&self, topic: &str) -> Result<u64, TopicError> {
        let (status, count) = self.0.member_count(topic);
        TopicError::check(status).map(|()| count)
    }

    /// Calls `on_timer` once, after `delay` (rounded up to whole milliseconds).
    ///
    /// # Errors
    /// See [`TimerError`].
    pub fn set_timer(&self, delay: Duration) -> Result<Timer, TimerError> {
        self.start_timer(milliseconds(delay)?, 0)
    }

    /// Calls `on_timer` every `period` (rounded up to whole milliseconds), for the first time after
    /// one period. What a long `on_timer` overruns is skipped, not made up for.
    ///
    /// # Errors
    /// See [`TimerError`].
    pub fn set_interval(&self, period: Duration) -> Result<Timer, TimerError> {
        let period_ms = milliseconds(period)?;
        if period_ms == 0 {
            return Err(TimerError::Range);
        }
        self.start_timer(period_ms, period_ms)
    }

    fn start_timer(self, delay_ms: u64, period_ms: u64) -> Result<Timer, TimerError> {
        match self.0.set_timer(delay_ms, period_ms) {
            (abi::EXHAUSTED, _) => Err(TimerError::TooMany),
            (abi::INVALID, _) => Err(TimerError::Range),
            (status, _) if status < abi::OK => Err(TimerError::Refused(status)),
            (_, id) => Ok(Timer(id)),
        }
    }

    /// Ends a timer; nothing happens where it has ended. An `on_timer` that runs now still finishes.
    pub fn cancel_timer(&self, timer: Timer) {
        self.0.cancel_timer(timer.0);
    }

    /// Path of the route, such as `/chat`.
    pub fn path(&self) -> String {
        String::from_utf8_lossy(&self.0.route_path()).into_owned()
    }

    /// The route's configuration as it is now.
    pub fn config(&self) -> Config {
        Config::from_json(&self.0.config())
    }

    /// Where relative paths in the options begin: the folder of the server's configuration file, or the
    /// one that the server was started in where it has none. Join a path of yours to it; one that is
    /// absolute stays what it is.
    ///
    /// # Errors
    /// The server is older than plugin ABI 1.1.
    pub fn config_folder(&self) -> Result<PathBuf, FolderError> {
        folder(self.0.config_folder())
    }

    /// A folder for what the plugin keeps from one run of the server to the next. It is there, and no
    /// other plugin's; all routes of this one share it. Blocks on the disk.
    ///
    /// # Errors
    /// See [`FolderError`].
    pub fn state_folder(&self) -> Result<PathBuf, FolderError> {
        folder(self.0.state_folder())
    }
}

/// Why there is no folder.
///
/// ```
/// use plugin_api::{FolderError, Host, Result};
/// use std::path::PathBuf;
///
/// /// Where a plugin keeps its file; none where nothing is to be kept.
/// fn file(host: &Host) -> Result<Option<PathBuf>> {
///     match host.state_folder() {
///         Ok(folder) => Ok(Some(folder.join("scores.json"))),
///         Err(FolderError::None) => Ok(None),
///         Err(error) => Err(error.into()),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FolderError {
    /// The server has no folder for what plugins keep.
    #[error("the server has no `state_dir`: set it, or give the service a StateDirectory")]
    None,
    /// The server does not know the question.
    #[error("the server is older than plugin ABI 1.1, which tells folders: update it")]
    TooOld,
    /// It cannot be made: the server's words.
    #[error("{0}")]
    Unusable(String),
}

fn folder((status, bytes): (Status, Vec<u8>)) -> Result<PathBuf, FolderError> {
    match status {
        abi::OK => Ok(OsString::from_vec(bytes).into()),
        abi::ABSENT => Err(FolderError::None),
        abi::UNSUPPORTED => Err(FolderError::TooOld),
        _ => Err(FolderError::Unusable(
            String::from_utf8_lossy(&bytes).into_owned(),
        )),
    }
}

/// Number of a timer, never used twice by one route.
///
/// ```
/// use plugin_api::{Host, Result, Timer};
/// use std::time::Duration;
///
/// struct Clock {
///     host: Host,
///     hourly: Timer,
/// }
///
/// impl Clock {
///     fn create(host: Host) -> Result<Clock> {
///         Ok(Clock { host, hourly: host.set_interval(Duration::from_secs(3600))? })
///     }
///     fn on_timer(&self, timer: Timer) -> Result {
///         if timer == self.hourly {
///             self.host.broadcast("one hour more")?;
///         }
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timer(pub(crate) TimerId);

/// Why a timer was not set.
///
/// ```
/// use plugin_api::{Host, Timer, TimerError};
/// use std::time::Duration;
///
/// /// A route has 1,024 timers at most: for more, one timer and a list of one's own.
/// fn remind(host: &Host, after: Duration) -> Option<Timer> {
///     match host.set_timer(after) {
///         Ok(timer) => Some(timer),
///         Err(TimerError::TooMany) => None,
///         Err(error) => panic!("{error}"),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimerError {
    /// The route has 1,024 timers already.
    #[error("too many timers")]
    TooMany,
    /// The time is too long to count in milliseconds, or the period of an interval is zero.
    #[error("the time of the timer is out of range")]
    Range,
    /// The server refused for another reason: a status of the plugin ABI.
    #[error("the server did not set the timer (status {0})")]
    Refused(Status),
}

fn number(client: Option<ClientId>) -> abi::ClientId {
    client.map_or(abi::NO_CLIENT, |id| id.0)
}

pub(crate) fn milliseconds(time: Duration) -> Result<u64, TimerError> {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).map_err(|_| TimerError::Range)
}
