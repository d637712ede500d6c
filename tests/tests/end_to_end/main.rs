//! End-to-end tests: the real server, real plugin libraries, real sockets. One module a behaviour.

mod echo;
mod many;
mod push;
mod room;
mod slow;
