//! What is wrong with the settings: every problem, each with its place, in the order of the file.
//!
//! Plain data; the main thread makes it and prints it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::logging::push_visible;

/// A place in the file, both counted from 1; a column is a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Place {
    /// The place of the byte at `offset`, which may be one past the end.
    pub(super) fn of(text: &str, offset: usize) -> Place {
        let before = &text[..text.floor_char_boundary(offset)];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
        }
    }
}

/// Who has given a value, and so what a problem with it names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The file as a whole.
    File,
    /// Something at a place in the file.
    Place(Place),
    /// An option of the command line, such as `--listen`.
    Flag(&'static str),
}

/// One thing that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub source: Source,
    /// What is wrong and what to do, in one line.
    pub text: String,
}

/// All problems of one attempt to read the settings; at least one. Displays one a line, each with
/// the file's name, line and column, or the option of the command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    file: PathBuf,
    problems: Vec<Problem>,
}

impl Problems {
    /// Sorts them by their place, the command line's last, and drops what is said twice.
    pub(super) fn new(file: &Path, mut problems: Vec<Problem>) -> Problems {
        problems.sort();
        problems.dedup();
        Problems {
            file: file.to_owned(),
            problems,
        }
    }

    /// The problems in the order of the file, then those of the command line.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        for (number, Problem { source, text }) in self.problems.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            match source {
                Source::File => write!(f, "{file}: {text}")?,
                Source::Place(Place { line, column }) => {
                    write!(f, "{file}:{line}:{column}: {text}")?;
                }
                Source::Flag(flag) => write!(f, "{flag}: {text}")?,
            }
        }
        Ok(())
    }
}

/// What somebody wrote, for a message: one line, not too long, nothing that steers a terminal.
pub(super) fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    let mut clean = String::new();
    for (number, character) in text.chars().enumerate() {
        if number == CHARACTERS_MAX {
            clean.push_str("...");
            break;
        }
        push_visible(&mut clean, character);
    }
    clean
}

/// What stands at `span` in the file, for a message.
pub(super) fn written(text: &str, span: Range<usize>) -> String {
    excerpt(text.get(span).unwrap_or_default())
}
