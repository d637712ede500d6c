//! The admin listener, and how much of what happens is measured.

use std::time::Duration;

/// Connections of the admin listener at once: a page in two browsers, a scraper, who looks after its health.
pub const ADMIN_CONNECTIONS_MAX: usize = 16;

/// Connections that one answer of the admin listener lists at most: as many as a person can look through.
pub const ADMIN_CLIENTS_MAX: usize = 1000;

/// Time for a whole request to the admin listener.
pub const ADMIN_REQUEST_TIME: Duration = Duration::from_secs(5);

/// Silence between two such requests: longer than any scraper's interval is common.
pub const ADMIN_IDLE_TIME: Duration = Duration::from_secs(75);

/// Time for an answer of the admin listener to be taken. An order has so much until it may have to leave for another.
pub const ADMIN_ANSWER_TIME: Duration = Duration::from_secs(10);

/// Who takes longer for an answer has to leave where all connections of the admin listener are taken.
pub const ADMIN_TAKE_TIME: Duration = Duration::from_secs(1);

/// How long a newcomer to the admin listener waits for those that were asked to leave and have not yet.
pub const ADMIN_LEAVE_TIME: Duration = Duration::from_secs(1);

/// Orders to the admin listener within a second: more than a person gives, and what the log can keep.
pub const ADMIN_ORDERS_PER_SECOND_MAX: u32 = 100;

/// Clients that an order which closes many names in the log, one a line.
pub const ADMIN_CLOSED_NAMED_MAX: usize = 20;

/// Of so many events of a route one tells how long it waits for the hub, where times are taken: a clock for each would
/// cost more than a hundredth of a broadcast to twenty.
pub const WAITS_SAMPLED: u64 = 31;

/// The time of so many calls is taken each, of `on_message` by each thread and of other callbacks by each route ...
pub const CALLS_TIMED_FIRST: u32 = 32;

/// ... and then of one call of `on_message` of so many, which stands for all of them: two looks at a clock would cost a
/// tenth of an echo. No power of two, so that a client that says two things in turns is not seen to say one of them.
pub const MESSAGES_SAMPLED: u32 = 61;

/// The same of other callbacks: to take the time of all that a client causes would cost a hundredth and a half of its
/// coming and going.
pub const CALLS_SAMPLED: u32 = 7;

/// A call that takes so many seconds or longer is counted by itself, whatever is sampled.
pub const CALL_SECONDS_COUNTED: u64 = 2;
