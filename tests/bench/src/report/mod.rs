//! What came out of it: stored, shown, compared.

mod chart;
mod compare;
mod machine;
mod results;
mod save;
mod table;

pub use chart::{Theme, chart};
pub use compare::compare;
pub use machine::Machine;
pub use results::{Results, Row, ServerInfo, Spread};
pub use save::save;
pub use table::{details, number, overview};
