//! End-to-end tests: the real server, real plugin libraries, real sockets. One module a behaviour.

mod calls;
mod causes;
mod command_line;
mod cuts;
mod echo;
mod faults;
mod frames;
mod harness;
mod http;
mod keepalive;
mod libraries;
mod log_file;
mod many;
mod origins;
mod protocol;
mod push;
mod refusals;
mod room;
mod service;
mod slow;
mod start;
mod stop;
mod stuck;
mod upgrade;
