//! Libraries, their calls, their timers and what they count.

use std::time::Duration;

use super::settings;

/// Calls of a plugin that wait for the turn of one client.
pub const CALLS_PER_CLIENT_MAX: usize = 64;

/// Timers of the clients of one route.
pub const CLIENT_TIMERS_MAX: usize = 65_536;

/// Timers of one route.
pub const TIMERS_MAX: usize = 1024;

/// Longest delay and period of a timer: ten years.
pub const TIMER_MS_MAX: u64 = 10 * 366 * 24 * 60 * 60 * 1000;

/// Memory mappings of one library: its segments, and those of its allocator.
pub const MAPPINGS_PER_LIBRARY: u64 = 8;

/// Of [`FILES_RESERVED`](super::FILES_RESERVED), those of libraries: each that was ever loaded keeps one.
pub const LIBRARIES_RESERVED: u64 = 16;

/// Where many files may be open, so large a share of them is kept for libraries, up to
/// [`LIBRARY_LOADS_MAX`]; more may be loaded where connections leave files over.
pub const LIBRARY_FILES_DIVISOR: u64 = 16;

/// From so few libraries on that may still be loaded, the log tells how many.
pub const LIBRARY_LOADS_LOW: usize = 10;

/// Seconds that a callback may run before it is reported.
pub const CALLBACK_SECONDS_MAX: u64 = 5;

/// Time for which the clients of a route are held up while its plugin's running callbacks are waited
/// for; past it the replacement is put off.
pub const HAND_OVER_WAIT: Duration = Duration::from_secs(2);

/// Panics of one route within [`PANIC_WINDOW`] that take it out of service.
pub const PANICS_MAX: usize = 10;

/// See [`PANICS_MAX`].
pub const PANIC_WINDOW: Duration = Duration::from_secs(60);

/// Bytes of an error text that is taken from a plugin.
pub const ERROR_TEXT_BYTES_MAX: usize = 4 * 1024;

/// Metrics that the plugin of one route may have of its own.
pub const METRICS_MAX: usize = 64;

/// Series of these, over all labels: a few hundred KiB, and what Prometheus takes from one process without a word.
pub const METRIC_SERIES_MAX: usize = 1000;

/// Labels of one such metric.
pub const METRIC_LABELS_MAX: usize = 8;

/// Bytes of a label's value.
pub const METRIC_LABEL_BYTES_MAX: usize = 128;

/// Bytes of the name of a metric or a label.
pub const METRIC_NAME_BYTES_MAX: usize = 64;

/// Bytes of what a metric means.
pub const METRIC_HELP_BYTES_MAX: usize = 256;

/// Bounds of a histogram.
pub const METRIC_BOUNDS_MAX: usize = 32;

/// Bytes of what a plugin says that a client is called.
pub const LABEL_BYTES_MAX: usize = 64;

/// Libraries that one process may load: each may cost a pthread key, and about 1,000 of them end it.
pub const LIBRARY_LOADS_MAX: usize = settings::LIBRARY_LOADS.default as usize;

/// Bytes of one plugin library; it is read into memory once.
pub const LIBRARY_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// How often `--watch` looks at the plugins folder: a developer does not notice, and neither does the processor.
pub const ARRIVAL_LOOKS: Duration = Duration::from_millis(200);

/// How long a changed library has to be still before it is taken for written: less than two looks are apart.
pub const ARRIVAL_STILL: Duration = Duration::from_millis(150);

/// How long a library may be cut or gone before that is told: linkers take their time between its parts.
pub const ARRIVAL_PATIENCE: Duration = Duration::from_secs(2);

/// Tries to seal the copy of a library, of a tenth of a second each where the kernel holds its pages.
pub const SEAL_TRIES_MAX: u32 = 20;
