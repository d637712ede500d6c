//! What is served where: the table that requests are looked up in ([`table`]), how settings and libraries
//! become routes ([`mounts`]) or are tried out ([`check`]), and who tells of callbacks that take long ([`watchdog`]).
//!
//! The main thread changes it; connection threads look things up. Whether there is anything to serve says [`readiness`].

pub mod check;
pub mod mounts;
mod engines;
mod options;
pub mod readiness;
mod stores;
pub mod table;
mod wanted;
pub mod watchdog;
