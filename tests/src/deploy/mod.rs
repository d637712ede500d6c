//! The real programs of a deployment, run with the texts of `scripts/deploy` as they stand there: only
//! ports, paths, certificates and the lengths of waits are put in.
//!
//! Each runs in a temporary folder, in the foreground, on ports of loopback addresses, and ends with its
//! test. Visitors come over TLS from an address of their own.

mod authority;
mod front;
mod port;
mod programs;
mod prometheus;
mod site;
mod text;
mod visitor;

pub use authority::NAME;
pub use front::Front;
pub use programs::Program;
pub use prometheus::Prometheus;
pub use site::{server, server_and, server_with};
pub use text::Text;
pub use visitor::{Answer, VISITOR, Visitor};
