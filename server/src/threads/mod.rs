//! Connection threads: their stacks ([`Stacks`]), their making ([`spawn()`]), how they are scheduled
//! ([`be_patient`]), and that stack which is not needed again soon is given back ([`give_back`]).
//!
//! Beside `plugin` the one room with `unsafe`. Knows nothing of connections.

mod own_stack;
mod schedule;
mod spawn;
mod stacks;

pub use own_stack::give_back;
pub use schedule::be_patient;
pub use spawn::{Thread, spawn};
pub use stacks::Stacks;
