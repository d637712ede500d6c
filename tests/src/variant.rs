//! Versions of the plugin `variant`, made by writing over its mark.

use std::fs;
use std::path::PathBuf;

use crate::{Server, artifacts};

const MARK: &[u8] = b"DETENT-TEST-MARK ";
const MARK_BYTES: usize = 64;

/// The library of a version: its name, then words that tell how it behaves (see the plugin).
#[track_caller]
pub fn variant(words: &str) -> Vec<u8> {
    let mut library = fs::read(artifacts::library("variant")).expect("it was built");
    let mark = [MARK, words.as_bytes()].concat();
    assert!(mark.len() <= MARK_BYTES, "too many words: {words}");
    write_over(&mut library, MARK, &mark, MARK_BYTES);
    library
}

/// Writes `new`, padded with blanks to `length`, over the one place that begins with `old`.
#[track_caller]
fn write_over(library: &mut [u8], old: &[u8], new: &[u8], length: usize) {
    let is_here = |&at: &usize| library[at..].starts_with(old);
    let places: Vec<usize> = (0..library.len()).filter(is_here).collect();
    let &[at] = places.as_slice() else {
        panic!("the mark stands at {places:?} in the library");
    };
    library[at..at + length].fill(b' ');
    library[at..at + new.len()].copy_from_slice(new);
}

/// Writes another state format into a library of that plugin.
#[track_caller]
pub fn set_state_format(library: &mut [u8], old: u32, new: u32) {
    // The descriptor begins with its size and the format.
    let size = size_of::<plugin_api::abi::Descriptor>() as u32;
    let descriptor = [size.to_le_bytes(), old.to_le_bytes()].concat();
    // Behind both stands the name: where it is, and its length.
    let length = "variant".len().to_le_bytes();
    let is_here = |at: &usize| {
        library[*at..].starts_with(&descriptor) && library[at + 16..].starts_with(&length)
    };
    let places: Vec<usize> = (0..library.len()).filter(is_here).collect();
    let &[at] = places.as_slice() else {
        panic!("a descriptor stands at {places:?}");
    };
    library[at + 4..at + 8].copy_from_slice(&new.to_le_bytes());
}

impl Server {
    /// The file of a library in the plugins folder.
    pub fn plugin_file(&self, name: &str) -> PathBuf {
        self.folder().join("plugins").join(name)
    }

    /// Puts a library into the plugins folder in one step, as `mv` does.
    #[track_caller]
    pub fn put_plugin(&self, name: &str, bytes: &[u8]) {
        let hidden = self.plugin_file(&format!(".{name}.new"));
        fs::write(&hidden, bytes).expect("the folder can be written");
        fs::rename(hidden, self.plugin_file(name)).expect("a rename within the folder");
    }
}
