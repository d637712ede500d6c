//! What a plugin or its file may bring, as a fuzzer and the tests drive it.

pub(crate) mod host_calls;
pub(crate) mod library_file;

mod input;
mod model;
mod world;

/// A query as plugins read it.
pub(crate) fn query_pairs(query: &[u8]) -> Vec<(String, String)> {
    plugin_api::reading::query_pairs(query)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}
