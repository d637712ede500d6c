//! The way in: listening sockets, and a thread for each that accepts, asks for permits and hands over.
//!
//! Knows who is let in, and how a connection thread begins; knows neither routes nor plugins.

pub mod acceptor;
pub mod door;
pub mod listeners;
pub mod listening;
mod refuser;
