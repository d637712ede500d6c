//! The log.

/// Log lines about refusals and faults of clients that a storm of them may cause at once: enough to
/// see each of a page's mistakes.
pub const REFUSAL_LINES_AT_ONCE: u64 = 200;

/// Such lines a second once a storm has used up [`REFUSAL_LINES_AT_ONCE`]; the rest is counted, and
/// the number logged once a second.
pub const REFUSAL_LINES_PER_SECOND: u64 = 10;

/// Bytes of one log line's message; the rest is cut.
pub const LOG_LINE_BYTES_MAX: usize = 8 * 1024;

/// Bytes up to which a line counts as one against `log.client_rate`; a longer one counts once for each that it
/// begins, so that the rate bounds bytes too.
pub const LOG_UNIT_BYTES: usize = 1024;

/// Addresses that are named each second because lines of theirs were left out; others are counted together.
pub const LOG_ADDRESSES_NAMED_MAX: usize = 10;

/// Lines that wait for the log writer; past it lines are dropped and counted.
pub const LOG_QUEUE_LINES: usize = 4096;

/// Lines of the log that are kept for whoever looks at the server, where somebody may.
pub const LOG_TAIL_LINES: usize = 300;

/// Bytes of these lines.
pub const LOG_TAIL_BYTES: usize = 256 * 1024;
