//! The HTTP edge: a request head by deadline, what it asks for, and plain answers.
//!
//! Runs on connection threads. Knows sockets only through a reader that honours the deadline;
//! knows neither routes nor plugins.

pub mod origin;
pub mod provenance;
pub mod reader;
pub mod request;
pub mod response;
pub mod upgrade;
