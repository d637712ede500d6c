//! What a unit test's own thread logs, for the test.
//!
//! The logger of the process while its unit tests run. Threads that do not listen log nothing, as without it.

use std::cell::RefCell;
use std::sync::Once;

use log::kv::Key;
use log::{Level, LevelFilter, Log, Metadata, Record};

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) text: String,
    /// The close code that it has as a field.
    pub(crate) code: Option<u64>,
}

thread_local! {
    static HEARD: RefCell<Option<Vec<Line>>> = const { RefCell::new(None) };
}

struct Ear;

impl Log for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        HEARD.with_borrow(Option::is_some)
    }

    fn log(&self, record: &Record<'_>) {
        HEARD.with_borrow_mut(|heard| {
            if let Some(heard) = heard {
                let code = record.key_values().get(Key::from_str("code"));
                heard.push(Line {
                    level: record.level(),
                    text: record.args().to_string(),
                    code: code.and_then(|code| code.to_u64()),
                });
            }
        });
    }

    fn flush(&self) {}
}

/// What this thread logs while it does `work`, up to debug.
pub(crate) fn while_doing(work: impl FnOnce()) -> Vec<Line> {
    static START: Once = Once::new();
    START.call_once(|| {
        log::set_logger(&Ear).expect("unit tests start no log");
        log::set_max_level(LevelFilter::Debug);
    });
    HEARD.set(Some(Vec::new()));
    work();
    HEARD.take().unwrap_or_default()
}
