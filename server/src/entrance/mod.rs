//! The way in: listening sockets, and a thread for each that accepts, asks for a place and hands over.
//!
//! Knows who is let in, and how a connection thread begins; knows neither routes nor plugins.
//!
//! # What a connection goes through
//!
//! | it | from | holds | memory at most | may lose its place |
//! | --- | --- | --- | --- | --- |
//! | waits to be accepted | the kernel's handshake | nothing of ours | | |
//! | agrees on TLS, where its listener speaks that | it was accepted | a place, a head's permit | 64 KiB of a handshake | yes, without a word |
//! | waits for a head | it was accepted; or the first byte of a further request | a place, a head's permit | `limits.head` | yes, with 408 |
//! | has a request under way | its head is whole | a place, a request's permit | `limits.body`, and the answer | no |
//! | waits for a request | the answer is out | a place | an empty buffer | yes, without a word |
//! | is a WebSocket | 101 | a place | its backlog | no |
//! | has had its last word | that is queued | a file | that word | cut where files are needed |
//!
//! A *place* is a thread, its stack and an open file; [`capacity`](crate::roster::capacity) says how many
//! there are. *Permits* are counted: `limits.handshakes` is how many heads may be waited for, and how many
//! requests may be under way. A request lasts until its answer is out: who sends a body slowly or reads
//! an answer slowly holds his permit so long.
//!
//! # Who makes room for whom
//!
//! - *Heads.* Where as many are waited for as may be, the newcomer comes in, and the address of which
//!   most are waited for loses the one that has been waited for longest. So whoever opens connections by
//!   the thousand and sends nothing closes them for himself.
//! - *Requests.* Nobody is cut off in one. Where only a tenth of the permits is left
//!   ([`SCARCE_DIVISOR`]), they are for addresses with fewer than [`FEW`] requests under way, and with fewer
//!   still as fewer are left, so that it takes very many addresses to have them all; others get
//!   503 with Retry-After, and may ask again on the same connection.
//! - *Places.* Where only a tenth is left, they are for addresses that hold few, in the same way. Where none
//!   is left, an address that holds few still comes in: whoever waits for a head or for a further request
//!   may have to leave for it, of the address with most of them the oldest.
//! - *Last words.* Every refusal is answered. Sockets that have had their last word hold a file until the
//!   peer closes, two seconds at most; `capacity` counts files for them, and past these the oldest is cut,
//!   after what it has sent is read, so that the answer is not overtaken by a reset. The acceptor waits
//!   where the drain thread, which cuts, cannot follow.
//!
//! One that has to leave is asked: its socket is shut down for reading, its thread wakes, says its word
//! and ends. One with bytes that nobody has read yet is passed over, since they may be the rest of a head.
//!
//! # Whose a connection is
//!
//! An address is an IPv4 address or an IPv6 /64; [`Whose`](crate::roster::whose::Whose) says which. A
//! trusted proxy's connection is the proxy's until its request says whose. It waits for a head under the
//! proxy's address: a proxy that sends whole heads (nginx, HAProxy, Caddy and Apache do) waits for none,
//! so that none of its clients can lose another's place; where one passes bytes through as they come,
//! those of its clients that finish their heads are younger than those that do not, and the oldest goes.
//! Requests count for the client that is named, and so does the place of a WebSocket; the idle
//! connections of a proxy's pool have no permit, and its places are limited by nothing before they are
//! somebody's. Connections of this machine that name nobody take places without a limit.
//!
//! All numbers stand in [`limits`](crate::limits).
//!
//! [`FEW`]: crate::limits::FEW
//! [`SCARCE_DIVISOR`]: crate::limits::SCARCE_DIVISOR

mod acceptor;
pub mod door;
pub mod listeners;
pub mod listening;
pub mod passed;
mod refuser;
pub mod secured;
pub mod socket_file;
mod tcp;
mod way;
