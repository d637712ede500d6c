//! TLS: a client's session, the certificates of a listener, and who may show which; and towards servers that Detent goes
//! to itself (`outward`).
//!
//! The one room that names rustls. Knows bytes, files and names; nothing of sockets, threads or requests.
//!
//! # The way of the data
//!
//! ```text
//!                       read, without a lock         under the outbox's lock
//! socket ----------> connection thread: ciphertext ----> Session::take_in -> Session::read ----> requests, frames
//! socket <- send <- Session::flush <- Session::seal <- backlog, a run, an answer    (whoever has something to say)
//! ```
//!
//! | type | owned by | crosses the border as |
//! | --- | --- | --- |
//! | [`Session`] | one outbox, under its lock | bytes: plain ones up, records down |
//! | [`Credentials`] | the listener, and for each session that is made by it rustls itself | a new session |
//! | [`PeerCertificate`] | the request | text |
//!
//! The handshake is the client's own thread's, under the entrance's deadline and with a head's permit: it passes what it
//! reads on to the session, until that has agreed. From then on the outbox is what it was, with records between it and
//! its socket: the backlog holds plain bytes, so that who is slow loses whole frames, and what is sealed is one record at
//! most. Whatever has its first byte in a record is said, and follows.
//!
//! # Kernel TLS
//!
//! Its seam is [`Session`]: with the keys in the kernel `send` would be what it is without TLS, and a session only what
//! answers to alerts and new keys. What is missing is a kernel to test it with (`CONFIG_TLS`), and from rustls
//! a connection that gives its keys away and goes on to answer: `dangerous_into_kernel_connection` of the unbuffered
//! kind is that, so that the handshake would have to be made with it.

mod choice;
mod credentials;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod identity;
mod outward;
mod peer;
mod provider;
mod session;
#[cfg(test)]
mod tests;

/// What a client is told with whom there is nobody to shake hands: a record with the alert `internal_error`, in the
/// version that every client reads (RFC 8446 sections 5.1 and 6.2).
pub const REFUSAL: [u8; 7] = [21, 3, 1, 0, 2, 2, 80];

/// Whether a client begins as one of TLS does, with a record of a handshake.
pub fn is_hello(first: u8) -> bool {
    first == 22
}

pub use credentials::{Credentials, Files, Shown, Stamp};
pub use identity::IdentityError;
pub use outward::{Outward, OutwardError, OutwardFiles};
pub use peer::PeerCertificate;
pub use session::{Agreement, Flushed, Session, TlsError};
