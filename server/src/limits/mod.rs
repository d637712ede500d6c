//! Every limit of the server in one place: unit, value and reason. What can be set has its default
//! and range in [`settings`].
//!
//! Constants only; knows nothing of the rest.

use std::time::Duration;

pub mod settings;

/// Share of the stop deadline that is kept to abort what did not close by itself, as a divisor.
pub const STOP_ABORT_DIVISOR: u32 = 10;

/// Bytes of all chunk extensions of one body, which are ignored: nobody sends more than a few.
pub const CHUNK_EXTENSION_BYTES_MAX: usize = 4 * 1024;

/// Requests of one connection before it is closed, as nginx does it: so that a client that never
/// pauses gives its place back now and then.
pub const REQUESTS_PER_CONNECTION_MAX: usize = 1000;

/// How long a request may wait for a message: some of the proxies on the way give up sooner.
pub const POLL_WAIT_MAX: Duration = Duration::from_secs(300);

/// Bytes of the response body that a plugin may give; larger files belong to the proxy.
pub const RESPONSE_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of a file that are read and sent in one go where it is a body: a download holds no more of it in memory, twice.
pub const BODY_FILE_PIECE_BYTES: usize = 128 * 1024;

/// Bytes of a header of the PROXY protocol: the addresses, and what clouds and HAProxy add to them, a
/// client's certificate at the most.
pub const PROXY_HEADER_BYTES_MAX: usize = 4096;

/// First size of the buffer for a request head: most heads fit.
pub const HEAD_BYTES_FIRST: usize = 1024;

/// Fragments of one message: sixteen times what a message of the default size has where each byte is
/// one, and few enough that a flood of empty ones ends within a second.
pub const FRAGMENTS_MAX: u32 = 1 << 20;

/// Bytes of tungstenite's read buffer for a client that is mostly silent: a few chat messages. The
/// default of 128 KiB would be most of the memory of an idle client.
pub const READ_BUFFER_BYTES_LEAST: usize = 512;

/// Bytes of tungstenite's read buffer for a client that sends much. A part of a frame has to fit
/// into a length of 16 bits.
pub const READ_BUFFER_BYTES_MOST: usize = 32 * 1024;

/// A message of up to so many bytes is read into memory that is reserved for all of it, where its client has filled
/// the largest read buffer before: none of it is copied then. What is reserved counts as held.
pub const WHOLE_FRAME_BYTES_MAX: usize = 512 * 1024;

/// The read buffer grows by this factor when a read fills it, and shrinks by it when
/// [`READS_BEFORE_SHRINKING`] reads in a row would have fitted many times.
pub const READ_BUFFER_STEP: usize = 4;

/// See [`READ_BUFFER_STEP`].
pub const READS_BEFORE_SHRINKING: u32 = 256;

/// Frames of one's own that are queued past this are sent before the next read: bounds what a
/// client that pipelines can make us hold.
pub const FLUSH_BYTES: usize = 64 * 1024;

/// Bytes of buffer that an outbox keeps when it is empty, until its client has been silent for a
/// while: the answers to a client that pipelines.
pub const OUTBOX_KEPT_BYTES: usize = 16 * 1024;

/// Bits of the smallest window that a client may ask for: a compressor of the zlib family has none of 8.
pub const WINDOW_BITS_LEAST: u8 = 9;

/// Bits of the largest, which holds where nothing is said (RFC 7692 section 7.1.2).
pub const WINDOW_BITS_MOST: u8 = 15;

/// Compressors that the process shares, of 180 to 310 KiB each, where it has few processors.
pub const COMPRESSORS_LEAST: usize = 4;

/// The same where it has many: 20 MiB at most.
pub const COMPRESSORS_MOST: usize = 64;

/// How long who has something to compress waits for one of them before it goes plain. Each is busy for as long as one
/// message takes, which are microseconds unless it is very large.
pub const COMPRESSOR_WAIT: Duration = Duration::from_millis(50);

/// Bytes of its last message that a compressor that nobody uses keeps memory for.
pub const COMPRESSED_BYTES_KEPT: usize = 16 * 1024;

/// Inflaters of 44 KiB each that are kept for the messages to come.
pub const INFLATERS_KEPT: usize = 4;

/// A compressed message may be longer than one that it may become by a share of it and some bytes: what cannot be compressed
/// grows by five bytes in 16 KiB.
pub const COMPRESSED_SLACK_DIVISOR: u64 = 64;

/// See [`COMPRESSED_SLACK_DIVISOR`].
pub const COMPRESSED_SLACK_BYTES: u64 = 1024;

/// Bytes of one block of a backlog, unless one message takes more: a block is given back as soon as it is sent.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// Bytes of broadcasts from which on all who wait for them hold one copy together; copying fewer costs less
/// than keeping what stands beside them.
pub const SHARED_BYTES_LEAST: usize = 16 * 1024;

/// Bytes in whole numbers of which holders tell what they hold: fewer are not counted, and a message of fewer
/// costs nothing for it. 2,000 clients hold 64 MiB at most that nobody knows of.
pub const MEMORY_GRAIN_BYTES: usize = 16 * 1024;

/// The same for what comes in: a message of 256 KiB tells of itself four times and not sixteen.
pub const RECEIVED_GRAIN_BYTES: usize = 4 * MEMORY_GRAIN_BYTES;

/// How long reading from those who hold much is paused before the largest of them is closed: backlogs drain meanwhile.
pub const MEMORY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// While memory is short, the drain thread looks again after this: those who were closed need a moment to go.
pub const MEMORY_LOOK_AGAIN: Duration = Duration::from_millis(50);

/// So long all has to be well before the log is told so, and would tell again that it is not.
pub const MEMORY_CALM: Duration = Duration::from_secs(10);

/// Of `limits.memory` clients at rest may take all but the part that this divides: it is for what is under way.
pub const MEMORY_UNDER_WAY_DIVISOR: u64 = 4;

/// Bytes of stack that a client touches that only reads and writes; three pages of 4 KiB were measured.
pub const AT_REST_STACK_BYTES: u64 = 12 * 1024;

/// Bytes of heap of a client at rest: its buffers, and its entries in tables.
pub const AT_REST_HEAP_BYTES: u64 = 1024;

/// Bytes of the kernel's stack of a thread.
pub const AT_REST_KERNEL_STACK_BYTES: u64 = 16 * 1024;

/// Stacks that share a page of the table of pages: with pages of 4 KiB such a page is for 2 MiB.
pub const AT_REST_STACKS_PER_TABLE: u64 = 2;

/// What else the kernel holds for a client: its socket, and what stands for that in tables.
pub const AT_REST_KERNEL_BYTES: u64 = 9 * 1024;

/// Bytes that the kernel takes for a socket and has not begun to send: more wait in the backlog, where they are
/// counted. With as many ten clients that echo 256 KiB cost 16 % less than without a bound, since what is copied is
/// sent while the processor still has it.
pub const SOCKET_UNSENT_BYTES: u32 = 128 * 1024;

/// Bytes that have come for a socket and are not read; half of what the kernel then takes for them. Half of this
/// costs large messages a fifth more.
pub const SOCKET_UNREAD_BYTES: usize = 256 * 1024;

/// How long a page may wait that a pipe passes on to a socket with room, where the kernel has no memory for it.
pub const SOCKET_SPLICE_WAIT: Duration = Duration::from_millis(1);

/// Bytes of a backlog that are sent in one turn, under the lock of the outbox: the hub may wait for that
/// lock, and other full sockets for their turn. Copying as many takes a tenth of a millisecond.
pub const TURN_BYTES: usize = 256 * 1024;

/// Bytes that who is sent something has to take a second, on average: who takes fewer only wants to hold
/// a place, or memory. As many as a telephone line of the nineties.
pub const BYTES_PER_SECOND_LEAST: u64 = 8 * 1024;

/// A client's own backlog above its limit divided by this stops our reading from it: the rest is for what others say.
pub const PAUSE_DIVISOR: usize = 4;

/// A piece of what was missed takes a backlog divided by this at most, so that its rest leaves the other half for
/// what else is said.
pub const PIECE_DIVISOR: usize = 2;

/// What an event in the queue of a route counts for at least, in bytes: so the bound of the queue holds
/// for the number of events too. 1 MiB holds 512: another topic of a flooded room of 1,000 waits for two
/// such queues, the one that is being walked and the one that has filled meanwhile.
pub const EVENT_LOAD_LEAST: u64 = 2048;

/// Events for which the queue of a silent route keeps memory: a few clients that speak.
pub const QUEUE_KEPT_EVENTS: usize = 16;

/// How long the hub works on a busy route before others that have something to say: what they wait for at most
/// for each such route, and long enough that the change from one to another, less than a microsecond, is nothing.
pub const TURN: Duration = Duration::from_millis(1);

/// Sends to members, a few µs each, before the hub looks at the clock and at other routes.
pub const STEPS_PER_LOOK: usize = 16;

/// Bytes of one send that count as one further step of [`STEPS_PER_LOOK`]: what it takes as long to copy.
pub const STEP_BYTES: usize = 4096;

/// Events that are held back for an instance that is not at work yet: what a greeting to each of
/// tens of thousands of clients needs.
pub const HELD_EVENTS_MAX: usize = 64 * 1024;

/// Bytes of such events: 256 for each of so many.
pub const HELD_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Events of one round of a route at the hub, so that what is touched is flushed soon.
pub const ROUND_EVENTS_MAX: usize = 1024;

/// Messages that each send of a round held on average, from which on the hub waits for more before
/// it sends those of the next: many are speaking at once.
pub const GATHER_MESSAGES_LEAST: usize = 8;

/// That wait is the time which the last round took to send, divided by this: it costs a member a
/// quarter of what the walk through the room costs it anyway.
pub const GATHER_SHARE: u32 = 4;

/// The wait ends early when the queue of the route is full to this share of its bound, as a divisor: somebody
/// floods it, and would have to wait in turn.
pub const GATHER_ENOUGH_DIVISOR: u64 = 4;

/// What a round has queued for others is flushed before a walk through a room of so many times as many members:
/// to send it together with what the walk sends would win little, and the walk may be long.
pub const FEW_TOUCHED_DIVISOR: usize = 8;

/// The longest such wait, since it holds up who is in the room; less than a tenth of it is no
/// wait, since a thread sleeps 50 µs longer than it asked for.
pub const GATHER_MAX: Duration = Duration::from_millis(1);

/// Bytes of one run of broadcasts; past it the run is sent and another begins.
pub const RUN_BYTES_MAX: usize = 64 * 1024;

/// Bytes for which a route keeps memory while it is silent: the runs of a room in which a few speak.
pub const RUN_KEPT_BYTES: usize = 4 * 1024;

/// Bytes that a message in a journal counts for beside its own: what keeping it takes.
pub const JOURNAL_ENTRY_BYTES: usize = 64;

/// Topics of one route that have a journal no more and of which it is known up to where something was said on them;
/// some 60 bytes each.
pub const JOURNAL_FORGOTTEN_MAX: usize = 16 * 1024;

/// Bytes of a route's journals that are held in memory where they are in a file: what is asked for most.
pub const JOURNAL_TAIL_BYTES: u64 = 4 * 1024 * 1024;

/// Pieces that the hub has asked of one file and that it has not been given: so many are in memory at most.
pub const FETCHES_MAX: usize = 16;

/// Pieces that are to be asked of one file, past which those that nobody waits for any more are looked for.
pub const FETCHES_SWEEP: usize = 1024;

/// Bytes that wait to be written into one file; past it what is said is not stored: a disk that stands still for seconds.
pub const STORE_QUEUE_BYTES: usize = 16 * 1024 * 1024;

/// Time in which more is waited for before a batch is written, where nobody waits for it.
pub const STORE_GATHER: Duration = Duration::from_millis(10);

/// Offsets that a file says may be given out ahead of those that were: a disk that is full for months uses them up,
/// and 100,000 starts behind a failure of the machine.
pub const STORE_RESERVED: u64 = 1 << 36;

/// Messages that are let go and that one batch deletes, where it does not write half as many.
pub const STORE_DELETED: usize = 512;

/// What is let go of a topic in a file is let go when it is over its bounds by this share of them, as a divisor.
pub const STORE_SLACK_DIVISOR: u64 = 8;

/// Time without anything to write after which more of what was let go is deleted.
pub const STORE_IDLE: Duration = Duration::from_millis(20);

/// Time after which a file that cannot be opened is tried again: at first, and at last.
pub const STORE_RETRY_LEAST: Duration = Duration::from_millis(100);
/// See [`STORE_RETRY_LEAST`].
pub const STORE_RETRY_MOST: Duration = Duration::from_secs(10);

/// Time that the start of a route waits for its file to be opened.
pub const STORE_OPENING: Duration = Duration::from_secs(10);

/// Time that a client waits for the disk to have what it has published.
pub const DURABLE_WAIT: Duration = Duration::from_secs(30);

/// How often it is looked meanwhile whether the client is still there.
pub const DURABLE_LOOK: Duration = Duration::from_millis(250);

/// Times that one request may have something read from a disk.
pub const READS_MAX: usize = 16;

/// Durable messages of one request.
pub const DURABLE_MAX: usize = 1024;

/// Seconds after which journals are looked through for what is too old and takes memory on a silent topic.
pub const SWEEPS_PER_TIDYING: u64 = 60;

/// Bytes of one piece in which a client gets what it has missed, if its backlog may hold twice as many; one message
/// may be larger. What one send takes well.
pub const PIECE_BYTES: usize = 64 * 1024;

/// Pieces that the hub gives out on one route before it looks at what is said there: a few milliseconds.
pub const PIECES_PER_ROUND: usize = 16;

/// Topics of one client; a join past it is ignored with a log line.
pub const TOPICS_PER_CLIENT_MAX: usize = 1024;

/// Topics of one client whose members are told when it leaves; its ends in further ones are not told.
pub const LAST_WORDS_PER_CLIENT_MAX: usize = 16;

/// Bytes of what they are told, of either kind.
pub const LAST_WORD_BYTES_MAX: usize = 1024;

/// Calls of a plugin that wait for the turn of one client.
pub const CALLS_PER_CLIENT_MAX: usize = 64;

/// Timers of the clients of one route.
pub const CLIENT_TIMERS_MAX: usize = 65_536;

/// Clients that one list of members or of a route's clients tells of.
pub const LISTED_MAX: usize = 10_000;

/// Bytes of a topic's name.
pub const TOPIC_BYTES_MAX: usize = 255;

/// Timers of one route.
pub const TIMERS_MAX: usize = 1024;

/// Longest delay and period of a timer: ten years.
pub const TIMER_MS_MAX: u64 = 10 * 366 * 24 * 60 * 60 * 1000;

/// Bytes of the reason in a Close frame (RFC 6455 section 5.5: 125 less the code).
pub const CLOSE_REASON_BYTES_MAX: usize = 123;

/// Time in which we read and drop what a peer still sends after our last byte, so that it gets
/// that byte and not a reset.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest wait of a connection thread in one read, so that it sees within this time that settings
/// have changed.
pub const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Reserved, not committed, stack of a connection thread: room for what plugins use (SQLite,
/// regular expressions); only touched pages cost memory.
#[cfg(target_pointer_width = "64")]
pub const CONNECTION_STACK_BYTES: usize = 1024 * 1024;
/// Reserved stack of a connection thread where address space is scarce.
#[cfg(not(target_pointer_width = "64"))]
pub const CONNECTION_STACK_BYTES: usize = 256 * 1024;

/// What the handler of a fault that ends the process runs on, out of the above: the kernel writes up to 12 KB of
/// registers there, the rest is ours. Touched by such a fault alone.
pub const CRASH_STACK_BYTES: usize = 16 * 1024;

/// Address space that has to be left beside the stack of a new connection: for what it and the others
/// allocate, since an allocation that fails ends the process. Matters under `ulimit -v` only.
pub const MEMORY_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// Bytes from which on a block of memory is a mapping of its own, which is given back when it is freed: more
/// than nearly all messages, since making one and touching its pages costs 0.1 µs for each KiB.
pub const HEAP_MAPPED_BYTES_LEAST: i32 = 1024 * 1024;

/// Bytes that stay free at the top of a heap: what a message below the size above takes again and again.
pub const HEAP_TOP_BYTES_KEPT: i32 = 2 * 1024 * 1024;

/// The same for a moment when memory is given back.
pub const HEAP_TOP_BYTES_RESTING: i32 = 128 * 1024;

/// Heaps for each processor, the C library's own number: ten clients that echo 256 KiB in four heaps cost 10 % more
/// than in sixteen.
pub const HEAPS_PER_PROCESSOR: usize = 8;

/// Heaps at most, whatever the processors.
pub const HEAPS_MAX: usize = 32;

/// Bytes that have to have been let go before the heaps are asked to give back what is free in them.
pub const EBB_BYTES_LEAST: u64 = 8 * 1024 * 1024;

/// How long so much has to have been gone: each heap is locked while it gives back, 0.1 ms for each MiB, and so
/// nobody is to be about to need it again.
pub const EBB_CALM: Duration = Duration::from_secs(5);

/// After what time the heaps are asked once more: what is let go late stands in the way of what was free before it.
pub const EBB_AGAIN: Duration = Duration::from_secs(20);

/// Bytes of stack that are given back after a handshake and from a silent client: as deep as plugin
/// callbacks reach, if they do nothing unusual.
pub const STACK_GIVEN_BACK_BYTES: usize = 64 * 1024;

/// Free stacks that keep their memory for the next clients; of more, it is given back.
pub const WARM_STACKS: u32 = 32;

/// Bytes that a client's thread leaves to the drain thread to send; more it sends by itself.
pub const QUIET_BYTES_MAX: usize = 4096;

/// Sends without a pause, of few bytes each, after which a client is busy and its thread sends by itself: the
/// answer to a handshake, a greeting and a few messages are not.
pub const QUIET_SENDS_MAX: u32 = 8;

/// What is a pause between two sends. A busy client answers within milliseconds, a ping comes once in many
/// seconds.
pub const QUIET_PAUSE: Duration = Duration::from_millis(100);

/// Memory mappings kept for what is no client: libraries, files, heaps, other threads.
pub const MAPPINGS_RESERVED: u64 = 400 + MAPPINGS_PER_LIBRARY * LIBRARY_LOADS_MAX as u64;

/// Memory mappings of one library: its segments, and those of its allocator.
pub const MAPPINGS_PER_LIBRARY: u64 = 8;

/// Open files kept for what is no client: listeners, libraries, log, and plugins' own.
pub const FILES_RESERVED: u64 = 100;

/// Of [`FILES_RESERVED`], those of libraries: each that was ever loaded keeps one.
pub const LIBRARIES_RESERVED: u64 = 16;

/// Where many files may be open, so large a share of them is kept for libraries, up to
/// [`LIBRARY_LOADS_MAX`]; more may be loaded where connections leave files over.
pub const LIBRARY_FILES_DIVISOR: u64 = 16;

/// From so few libraries on that may still be loaded, the log tells how many.
pub const LIBRARY_LOADS_LOW: usize = 10;

/// Threads kept for what is no client.
pub const THREADS_RESERVED: u64 = 100;

/// Connections above this are not offered even where the machine would: the table of clients is
/// allocated at start.
pub const CONNECTIONS_MAX: u64 = 1 << 20;

/// Queue of connections that the kernel holds while the acceptor is busy.
pub const LISTEN_BACKLOG: i32 = 4096;

/// Servers that bind a unix socket in one folder wait for each other so long at most, and look so often.
pub const SOCKET_LOCK_WAIT: Duration = Duration::from_secs(2);
/// See [`SOCKET_LOCK_WAIT`].
pub const SOCKET_LOCK_LOOK: Duration = Duration::from_millis(5);

/// Connection threads that wait to be joined; a full queue holds up threads that end anyway.
pub const DEPARTED_QUEUE: usize = 1024;

/// Places, and requests under way, that are scarce: the last of all of them divided by this. They are
/// for addresses that hold few.
pub const SCARCE_DIVISOR: usize = 10;

/// Places, or requests under way, of an address that may not have more of them where they begin to be
/// scarce: a household or a page with several sockets has fewer. It is fewer still as fewer are left.
pub const FEW: usize = 8;

/// Of an address that is to lose one of those who wait for a request, so many are looked at, the oldest
/// first, for one that has nothing unread: bounds the time under the lock.
pub const EVICTION_LOOKS_MAX: usize = 8;

/// Addresses that hold nothing at the entrance any more and are kept in its books, beyond as many as
/// hold something: who comes back is found there.
pub const EMPTY_ACCOUNTS_KEPT: usize = 256;

/// How long a newcomer waits for the place of one who has been asked to leave for it: a thread that
/// wakes and ends takes less than a millisecond, unless the machine is busy.
pub const PLACE_WAIT: Duration = Duration::from_secs(1);

/// Sockets that have had their last word and stay open up to [`LINGER_TIMEOUT`], so that it arrives, at
/// most; past it the oldest is cut. Two seconds of 2,000 a second.
pub const LEAVING_MAX: u64 = 4096;

/// Such sockets for which there is always a file, of those in [`FILES_RESERVED`].
pub const LEAVING_LEAST: u64 = 32;

/// Open files for which [`LEAVING_LEAST`] is enough; of those above it, one in
/// [`FILES_PER_LEAVING`] is for sockets that have had their last word.
pub const FILES_FEW: u64 = 256;

/// See [`FILES_FEW`].
pub const FILES_PER_LEAVING: u64 = 8;

/// Sockets by which the drain thread may be behind with cutting, of those in [`FILES_RESERVED`].
pub const LEAVING_BEHIND_MAX: usize = 32;

/// Wait of the acceptor until the drain thread has caught up.
pub const CROWD_WAIT: Duration = Duration::from_millis(1);

/// After this the reaper looks at a thread that was about to end: as long as an end usually takes, many times
/// over. Where it has not ended, the pause doubles up to [`LOOK_AT_DEPARTED_LAST`].
pub const LOOK_AT_DEPARTED_FIRST: Duration = Duration::from_millis(1);

/// See [`LOOK_AT_DEPARTED_FIRST`]: a look costs a microsecond.
pub const LOOK_AT_DEPARTED_LAST: Duration = Duration::from_secs(1);

/// A thread that takes so long to end is logged.
pub const DEPARTED_WARNING: Duration = Duration::from_secs(5);

/// Log lines about refusals and faults of clients that a storm of them may cause at once: enough to
/// see each of a page's mistakes.
pub const REFUSAL_LINES_AT_ONCE: u64 = 200;

/// Such lines a second once a storm has used up [`REFUSAL_LINES_AT_ONCE`]; the rest is counted, and
/// the number logged once a second.
pub const REFUSAL_LINES_PER_SECOND: u64 = 10;

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

/// Wait of the acceptor after an error such as too many open files.
pub const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

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

/// Bytes of one log line's message; the rest is cut.
pub const LOG_LINE_BYTES_MAX: usize = 8 * 1024;

/// Bytes up to which a line counts as one against `log.client_rate`; a longer one counts once for each that it
/// begins, so that the rate bounds bytes too.
pub const LOG_UNIT_BYTES: usize = 1024;

/// Addresses that are named each second because lines of theirs were left out; others are counted together.
pub const LOG_ADDRESSES_NAMED_MAX: usize = 10;

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

/// Lines that wait for the log writer; past it lines are dropped and counted.
pub const LOG_QUEUE_LINES: usize = 4096;

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

/// Lines of the log that are kept for whoever looks at the server, where somebody may.
pub const LOG_TAIL_LINES: usize = 300;

/// Bytes of these lines.
pub const LOG_TAIL_BYTES: usize = 256 * 1024;

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

const _: () =
    assert!(LEAVING_LEAST + LEAVING_BEHIND_MAX as u64 + LIBRARIES_RESERVED < FILES_RESERVED);
const _: () = assert!(OUTBOX_KEPT_BYTES <= FLUSH_BYTES);
const _: () = assert!(FLUSH_BYTES <= BLOCK_BYTES);
const _: () = assert!(RUN_BYTES_MAX >= SHARED_BYTES_LEAST);
const _: () = assert!(HEAD_BYTES_FIRST as u64 <= settings::HEAD_BYTES.least);
const _: () = assert!(FRAGMENTS_MAX >= 1 << 16);
const _: () = assert!(READ_BUFFER_BYTES_LEAST <= READ_BUFFER_BYTES_MOST);
const _: () = assert!(READ_BUFFER_BYTES_MOST <= u16::MAX as usize);
// Mapped memory would be taken from the kernel and given back with each message.
const _: () = assert!(2 * WHOLE_FRAME_BYTES_MAX <= HEAP_MAPPED_BYTES_LEAST as usize);
const _: () = assert!(EVENT_LOAD_LEAST <= settings::ROUTE_QUEUE_BYTES.least);
const _: () = assert!(RUN_KEPT_BYTES <= RUN_BYTES_MAX);
const _: () = assert!(STEP_BYTES > 0 && STEPS_PER_LOOK > 1);
