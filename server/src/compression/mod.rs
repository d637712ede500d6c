//! Compression of messages: permessage-deflate (RFC 7692), between bytes and bytes.
//!
//! # The way of the data
//!
//! Out: the thread that says something compresses it, never the hub. A server may send any message uncompressed, so that
//! a plain frame is always right; what is compressed is made beside it ([`Deflated`]), and whoever writes for a
//! client that has agreed to a window of that size takes it instead. A broadcast is compressed without reference to what was
//! said before, and so once for all members whose window has room for it; the publisher learns from [`Demand`] which
//! windows the members of its route have. What a client's own thread answers it is compressed there.
//! The compressors, of some 300 KiB each, are few and lent to whoever compresses ([`deflate()`]).
//!
//! In: a message is inflated where its frames are judged, as its bytes come and in steps of bounded size ([`Inflater`]).
//!
//! What was agreed with a client ([`Agreed`]) holds for as long as it is there. Knows no frames, sockets or
//! clients. Any thread.

mod agreed;
mod compressor;
mod deflate;
mod deflated;
mod demand;
mod inflate;
mod pool;
#[cfg(test)]
mod tests;
mod worth;

pub use agreed::{Agreed, Effort, Mode, Need, Shape, Window};
pub use compressor::Compressor;
pub use deflate::deflate;
pub use deflated::{Deflated, Plain};
pub use demand::Demand;
pub use inflate::{BadStream, Inflater, Step};
pub use worth::{is_worth_it, set_worth_it};
