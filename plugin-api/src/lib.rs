//! Plugin API of Detent.
pub mod abi;
