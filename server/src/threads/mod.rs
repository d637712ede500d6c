//! Connection threads: their stacks ([`Stacks`]), their making ([`spawn()`]), how they are scheduled
//! ([`be_patient`]), that stack which is not needed again soon is given back ([`give_back`]), and what heaps may reserve
//! ([`be_frugal`]) and keep ([`give_heaps_back`]). What is said of a fault that ends the process ([`crash`]). And where a thread
//! of any kind can be made to panic, for tests ([`fault_point()`]).
//!
//! Beside `plugin` the one room with `unsafe` in several files; `entrance` has it in `passed` alone. Knows nothing of
//! connections.

pub mod crash;
mod fault_point;
mod heap;
mod own_stack;
mod schedule;
mod spawn;
mod stacks;
mod whose;

pub use fault_point::{fault_point, stall_point};
pub use heap::{be_frugal, give_heaps_back};
pub use own_stack::give_back;
pub use schedule::be_patient;
pub use spawn::{Name, Thread, spawn};
pub use stacks::Stacks;
pub use whose::{is_connection, is_of_the_server};
