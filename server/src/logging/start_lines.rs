//! Where the lines of the start go: they are printed for who waits for them, and logged; where stdout and
//! the log end in the same place, a terminal or the journal, they stand there once.
//!
//! Main thread.

use std::io::{self, IsTerminal};

use log::{Level, log_enabled};
use rustix::fs::{Stat, fstat};
use rustix::net::getpeername;

use super::{LogFormat, LogSettings};

/// Whose level says whether they are logged.
const LOGGED_BY: &str = "server::life::server";

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLines {
    /// On stdout and in the log.
    Both,
    /// On stdout only.
    Printed,
    /// In the log only.
    Logged,
}

impl StartLines {
    /// Looks where the two go.
    pub fn of(log: &LogSettings) -> StartLines {
        let is_one_place = log.file.is_none() && have_one_end();
        let is_for_people = io::stdout().is_terminal() && log.format == LogFormat::Text;
        StartLines::decide(
            is_one_place,
            is_for_people,
            log_enabled!(target: LOGGED_BY, Level::Info),
        )
    }

    fn decide(is_one_place: bool, is_for_people: bool, is_logged: bool) -> StartLines {
        match (is_one_place, is_logged) {
            (false, _) => StartLines::Both,
            (true, true) if !is_for_people => StartLines::Logged,
            (true, _) => StartLines::Printed,
        }
    }

    /// Whether they are printed.
    pub fn are_printed(self) -> bool {
        self != StartLines::Logged
    }

    /// Whether they are logged.
    pub fn are_logged(self) -> bool {
        self != StartLines::Printed
    }
}

/// Whether stdout and stderr are one file, or two sockets to the same one (the journal).
fn have_one_end() -> bool {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let file = |of: rustix::io::Result<Stat>| of.ok().map(|of| (of.st_dev, of.st_ino));
    let (printed, logged) = (file(fstat(&stdout)), file(fstat(&stderr)));
    if printed.is_some() && printed == logged {
        return true;
    }
    let peers = (getpeername(&stdout), getpeername(&stderr));
    matches!(peers, (Ok(printed), Ok(logged)) if printed == logged)
}

#[cfg(test)]
mod tests {
    use super::StartLines;

    #[test]
    fn in_two_places_they_stand_in_both() {
        for (is_for_people, is_logged) in [(true, true), (false, true), (true, false)] {
            let both = StartLines::decide(false, is_for_people, is_logged);
            assert_eq!(both, StartLines::Both);
        }
    }

    #[test]
    fn in_one_place_they_stand_once() {
        assert_eq!(StartLines::decide(true, true, true), StartLines::Printed);
        assert_eq!(StartLines::decide(true, false, true), StartLines::Logged);
        // A log that leaves them out leaves them to stdout.
        assert_eq!(StartLines::decide(true, false, false), StartLines::Printed);
    }
}
