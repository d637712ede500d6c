//! The configuration as a fuzzer and the tests drive it: the bytes of a file, with and without
//! options of the command line.

use std::path::Path;
use std::sync::LazyLock;

use clap::Parser;

use super::{Args, Place, Settings, Source};

/// Options that the file's keys meet: some win over them.
const ARGUMENTS: &str = "server --plugins p --listen 127.0.0.1:0 --max-message 1KiB --set echo.a=1 \
                         --set chat.b.c=[2] --ping-interval 1s";

/// No options, the least, and the whole line; read once, since clap takes longer than all the rest.
static COMMAND_LINES: LazyLock<[Args; 3]> = LazyLock::new(|| {
    ["server", "server --plugins p", ARGUMENTS].map(|line| {
        let words = line.split(' ').filter(|word| !word.is_empty());
        Args::try_parse_from(words).expect("known options")
    })
});

/// Asserts that every problem of `bytes` has a place within them, and that what is read does not
/// change from one time to the next.
pub(crate) fn settings_hold(bytes: &[u8]) {
    for args in &*COMMAND_LINES {
        let read = || Settings::decode(bytes.to_vec(), Path::new("folder/detent.toml"), args);
        let settings = read();
        assert_eq!(settings, read());
        match settings {
            Ok(settings) => {
                let places = settings.routes.iter().map(|route| route.place);
                places.for_each(|place| assert_within(bytes, place));
            }
            Err(problems) => {
                assert!(problems.iter().next().is_some(), "refused without a reason");
                for problem in problems.iter() {
                    assert!(!problem.text.contains('\n'), "{problem:?}");
                    if let Source::Place(place) = problem.source {
                        assert_within(bytes, place);
                    }
                }
            }
        }
    }
}

/// One past the end of a line is where something is missing.
fn assert_within(bytes: &[u8], place: Place) {
    let text = String::from_utf8_lossy(bytes);
    let line = (place.line > 0).then(|| text.split('\n').nth(place.line - 1));
    let characters = line.flatten().map(|line| line.chars().count());
    assert!(
        characters.is_some_and(|count| (1..=count + 1).contains(&place.column)),
        "{place:?} is outside of {text:?}"
    );
}
