//! A file of `scripts/deploy` as it stands there, with only what differs between machines put in.

use std::fs;
use std::path::Path;

use crate::artifacts;

/// The text of a file of `scripts/deploy`.
#[derive(Clone)]
pub struct Text {
    file: String,
    text: String,
}

impl Text {
    /// Reads `scripts/deploy/FILE`.
    #[track_caller]
    pub fn of(file: &str) -> Text {
        let path = artifacts::root().join("scripts/deploy").join(file);
        let text = fs::read_to_string(&path);
        Text {
            file: file.to_owned(),
            text: text.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        }
    }

    /// Puts `here` everywhere where `written` stands, which has to stand there.
    #[track_caller]
    pub fn put(mut self, written: &str, here: &str) -> Text {
        assert!(
            self.text.contains(written),
            "scripts/deploy/{} does not hold `{written}`",
            self.file
        );
        self.text = self.text.replace(written, here);
        self
    }

    /// What it says now.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Writes it into a file of the test's own.
    #[track_caller]
    pub fn write(&self, path: &Path) {
        fs::write(path, &self.text).expect("the folder can be written");
    }
}
