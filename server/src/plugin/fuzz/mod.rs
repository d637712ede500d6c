//! What a plugin or its file may bring, as a fuzzer and the tests drive it.

pub(crate) mod host_calls;
pub(crate) mod library_file;

mod input;
mod model;
mod world;
