//! What the export macro makes, called through the C function table as the server calls it.
//!
//! The host is a fake one, since this crate must not know the server; the same behaviour against the
//! real one is tested end to end.

#![allow(unsafe_code)]

mod answers;
mod bodies;
mod calls;
mod config;
mod fake_host;
mod folders;
mod instance;
mod panics;
mod sessions;
