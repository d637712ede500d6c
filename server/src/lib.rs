//! Detent: a runtime-free WebSocket server whose routes are plugins.
//!
//! # The way of the data
//!
//! ```text
//! accept -> request head -> route -> 101 -> connection thread -> plugin callback
//!                                               |   ^                |
//!                                               |   | own answers    | publish, join, close ...
//!                                               v   |                v
//!                                            outbox <------------  hub thread
//!                                               |
//!                                               v
//!                                            socket   (when it is full: the drain thread waits for it)
//! ```
//!
//! Every client has a thread of its own ([`connection`]), which reads its socket and runs the
//! plugin's callbacks for it; a callback that blocks holds up that client and no other. What a
//! callback sends to its own client goes straight into that client's [`outbox`], which is flushed
//! before the thread blocks again. Everything that concerns others is an event for the [`hub`],
//! the one owner of who is here: it takes the routes in turn, writes each broadcast once and offers it to every
//! member's socket without ever waiting for one. What a socket does not take waits in its outbox for the
//! drain thread ([`outbox::drain`]).
//!
//! | thread | number | runs | waits on |
//! | --- | --- | --- | --- |
//! | main | 1 | start, signals, reload, watchdog, stop | signals, a tick |
//! | `signals` | 1 | signals to messages | signals |
//! | `accept` | 1 a listener | permits, connection threads | accept |
//! | `client-N` | 1 a client | handshake, reads, callbacks | its socket; its route's queue to the hub while it is full |
//! | `hub` | 1 | membership, broadcasts | the routes' queues; a moment for more in a busy room |
//! | `drain` | 1 | full sockets, closing and lingering ones; what is done where memory is short | epoll |
//! | `timers` | 1 a route with timers | `on_timer`, turns of clients that are silent, `on_gap` | the next deadline |
//! | `journal` | 1 a route with a file | writes and reads what is kept | its queue, the disk |
//! | `engine`, `engine-in` | 1 each a shared route | what is said goes to Redis, and comes from there | Redis; its queue; the hub's while it is full |
//! | `engine-hosts` | 1 where a route is shared | tells other hosts who is here, and reads what they tell | Redis; the next second |
//! | `reaper` | 1 | joins connection threads that have ended | its queue, the next look |
//! | `admin`, `admin-N` | 1, and 1 a connection of the admin listener | health, figures, orders | accept; its socket, the main thread |
//! | `log` | 1 | writes the log | its queue, the disk |
//! | `heap` | some, for a moment after much was let go | gives back what is free in the heaps | each other |
//! | `deadline` | 1 while the server stops | ends the process where the stop does not end | the deadline |
//!
//! # The rooms
//!
//! From the top down; a module imports only what stands below it.
//!
//! | room | holds |
//! | --- | --- |
//! | [`life`] | the run as a whole: start, signals, reload, stop |
//! | [`caller`] | the other side: `server push`, `server listen`, and what asks the admin listener |
//! | [`admin`] | the listener for the one who runs it: health, figures, orders |
//! | [`entrance`] | from the listening socket to a connection thread, or to a refusal |
//! | [`connection`] | the thread of one client: its requests, its messages, its deadlines, its end |
//! | [`routes`] | which path leads to which plugin, and how that changes at a reload |
//! | [`plugin`] | libraries, instances of them, and the host that they call |
//! | [`roster`] | who is here: places, permits, sessions, what callbacks are running |
//! | [`config`] | what the user asked for, checked |
//! | [`http`] | requests and answers before there is a WebSocket |
//! | [`engine`] | the way of a route to other hosts, by a stream of Redis |
//! | [`hub`] | topics, members, broadcasts |
//! | [`journal`] | what is kept of topics for who was away |
//! | [`outbox`] | the write path of one client, and the drain thread for full sockets |
//! | [`compression`] | messages made smaller and large again: permessage-deflate between bytes and bytes |
//! | [`tls`] | one client's TLS, certificates, and who may show which |
//! | [`logging`] | lines to stderr or a file, never waited for |
//! | [`threads`] | connection threads on stacks of our own |
//! | [`private_file`] | secrets in files of their own |
//! | [`counters`] | what has happened since the start, in numbers |
//! | [`limits`] | every bound, every default; what is held for clients, added up and bounded ([`limits::memory`]) |
//! | [`ids`] | the numbers of clients and routes |
//!
//! # Invariants
//!
//! - The hub never runs plugin code and takes no lock that is held across a blocking call. It waits for
//!   nobody but the next event, and in a busy room a millisecond at most for more of them
//!   (`hub::gather`). No client map stands behind a mutex.
//! - What one thread does through the host its client sees in that order: an answer past the hub waits for what that
//!   thread has said through it (`outbox::own`).
//! - What a client said before it went is delivered: a write that has failed ends nothing that has come in.
//! - All bytes to a client pass its outbox, whole frames only; tungstenite never writes to a socket.
//! - Nothing is sent message by message: a connection thread flushes before it blocks, the hub at
//!   the end of a round.
//! - Routes do not hold each other up: each has its own queue to the hub, which takes them in turn by the time
//!   they cost and can leave a walk midway. A client's slot is free when the hub has taken its end.
//! - Every queue and buffer has a bound, and it stands in [`limits`]; what they hold together has one too,
//!   but for two queues ([`limits::memory`]).
//! - `on_close` comes exactly once for each `on_open` that succeeded.
//! - A module imports only what stands below it in the list of rooms, and no two files import each
//!   other. Inside `plugin` the order is instance, library, host.
//! - A library that stands for a concern is named where that concern is: tungstenite in `connection`,
//!   `http::upgrade` and `caller`, rusqlite in `journal::store`, flate2 in `compression`, redis in `engine`, rustls and
//!   x509-parser in `tls`, libloading in `plugin::library::loader`, signal-hook in `life::signals`. `unsafe` is for single
//!   files in `plugin` and `threads`, and for `entrance::passed`.
//!
//! The test `architecture` holds the last two, and has the whole list.
//!
//! # How far it grows
//!
//! *Connections.* Each takes a thread and a descriptor, of which about 12 KiB are resident and 18 KiB are the kernel's stack
//! and page tables; with its socket and the client's own 38 KiB of the machine's memory (`limits.memory` counts 40). A
//! thread that sends by itself holds 32 KiB more, which a quiet client's therefore does not (`outbox::quiet`). Their stacks
//! are carved out of few memory mappings ([`threads`]); before Linux 6.13 a stack and its guard take two. The lowest of
//! `kernel.pid_max`, `kernel.threads-max`, the control group's `pids.max`, the open files, what `vm.max_map_count` allows
//! and what `limits.memory` has for clients at rest is the capacity; [`roster::capacity`] reads them all and the start line
//! names the one that counts. With a kernel's defaults that is 32,000 by `pid_max`; raised, a million by the table of
//! clients. Idle threads cost the scheduler nothing.
//!
//! *Messages to their own sender* (echo, request and answer) never meet the hub: they take no lock
//! that another client takes, and grow with the processors.
//!
//! *Broadcasts* all pass one hub thread. A delivery is one `send`, 3 to 4 µs of which nearly all is
//! the kernel's, so that one thread makes about 250,000 deliveries a second of single messages,
//! whatever the number of processors; where broadcasts come faster than that, they are joined into
//! runs, and one `send` carries many of them: a busy room of 1,000 gets millions of messages a second.
//! On 16 processors the hub is the first to be full when many rooms are each too quiet for runs.
//!
//! *Then* the hub is to be split by member, not by topic, since one topic may be all the load: each
//! shard has a share of the clients, with their memberships, and a part of every topic. One order
//! stays one order if every publish passes one numbered queue that all shards read from start to end,
//! and each shard works in rounds as the hub does now: all members of a topic still see its messages
//! in the same order, and shards only differ in how far they are. A publish then costs each shard a
//! look (some 50 ns) and a delivery still costs its `send`, so that `n` shards deliver about `n` times
//! as much as long as a room has many more than `n` members; below that the look is most of the work,
//! and one hub is better. Events of one client (opened, join, closed) go to its own shard through the
//! same queue, or a member could miss what was published after it joined. The bench target `growth`
//! simulates this with the costs above.
//!
//! *Several hosts* that share a route ([`engine`]) read one stream of Redis, which is one thread. A message costs it 1.2 us
//! to put in and 0.27 us for each host to read, each batch 6 us and each read 7.5 us beside that; a host that only hears it
//! takes 1.1 us until its hub has looked at it (measured: 1.7 us of Redis and 1.1 us of the host for each of 140,000
//! messages a second between two hosts). Under load reads bring many, so that the limit is `1 / (1.2 us + hosts * 0.27 us)`:
//! 570,000 messages a second with 2 hosts, 256,000 with 10, 83,000 with 40, and what `growth` simulates is near that: 10
//! hosts have 100,000 a second 0.7 ms after they were said (99th percentile, a way between machines being 0.1 ms) with Redis
//! 94 % busy, 40 hosts have 50,000 and not 100,000. Below that the stream is not what is full first: at 10,000 messages a
//! second 40 hosts keep Redis at 98 %, but only since they ask as often as they can.
//!
//! *Then* a route is more than one stream, on more than one Redis: neither is there yet. All routes of a server share the
//! one that `[redis]` names, whose one thread serves all their streams; the server does not speak the protocol of Redis
//! Cluster, which would spread them, as each key is one stream's. A route whose topics are spread over `s` streams by a hash
//! of their names, each with a Redis of its own, is `s` times as far, and gives up nothing but the order between topics: by
//! the simulation 16 streams carry 200,000 messages a second to 40 hosts (1.1 ms), where one carries 19 % of them. What
//! grows with each host all the same is that it reads every message of the route: 200,000 a second are 0.22 of one of its
//! processors, and beyond a million a second (one thread for each stream, several processors) hosts have to read only the
//! topics that they have members of.
//!
//! *A million clients on 40 hosts* are 25,000 for each: 25,000 x 38 KiB = 1.0 GB of its memory, and 25,000 threads of the
//! 32,000 that `pid_max` allows. The hub is full long before the stream: at 250,000 deliveries a second each client hears 10
//! messages a second, all 40 hosts together 10,000,000. A word to all million is one entry, 12 us of Redis' time (1.2 + 40 x
//! 0.27) plus 40 reads, 0.3 ms, and 25,000 x 3.5 us = 88 ms of each hub. In 20,000 rooms of 50, each spread over all hosts,
//! 200,000 messages a second are those ten per client: the 16 streams above, once there are any.

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod tests;
pub mod life;
pub mod caller;
pub mod admin;
pub mod entrance;
pub mod connection;
pub mod routes;
pub mod plugin;
pub mod roster;
pub mod config;
pub mod http;
pub mod engine;
pub mod hub;
pub mod journal;
pub mod outbox;
pub mod compression;
pub mod tls;
pub mod logging;
pub mod threads;
pub mod private_file;
pub mod counters;
pub mod limits;
pub mod ids;
