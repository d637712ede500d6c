//! One reading: the file's text, the command line beside it, and everything that is wrong with either.

use std::cell::RefCell;

use super::args::Args;
use super::problem::{Place, Problem, Source};

/// What all tables of one reading share.
pub(super) struct Document<'d> {
    /// The file's text; empty without a file.
    pub(super) text: &'d str,
    /// The command line, which wins.
    pub(super) args: &'d Args,
    problems: RefCell<Vec<Problem>>,
}

impl<'d> Document<'d> {
    pub(super) fn new(text: &'d str, args: &'d Args) -> Document<'d> {
        Document {
            text,
            args,
            problems: RefCell::default(),
        }
    }

    /// Notes what is wrong.
    pub(super) fn note(&self, source: Source, text: String) {
        self.problems.borrow_mut().push(Problem { source, text });
    }

    /// The place of a byte.
    pub(super) fn place(&self, offset: usize) -> Place {
        Place::of(self.text, offset)
    }

    /// Everything that was noted.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}
