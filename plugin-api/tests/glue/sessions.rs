//! A session is made once and freed once, whatever happens in between.

use std::sync::atomic::{AtomicIsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use plugin_api::{Cause, Client, Config, Host, Message, Plugin, Request, Result, abi};

use crate::instance::{DONE, Instance};

/// Sessions that are alive.
static ALIVE: AtomicIsize = AtomicIsize::new(0);

/// The tests of this file count in the same place, so one runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[derive(Debug)]
struct Counted {
    messages: usize,
    panics_when_dropped: bool,
}

impl Default for Counted {
    fn default() -> Counted {
        ALIVE.fetch_add(1, SeqCst);
        Counted {
            messages: 0,
            panics_when_dropped: false,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, SeqCst);
        assert!(!self.panics_when_dropped, "the session's destructor panics");
    }
}

#[derive(serde::Deserialize)]
struct Counting {
    open_panics: bool,
    close_panics: bool,
}

impl Plugin for Counting {
    type Session = Counted;

    fn create(_: Host, config: Config) -> Result<Self> {
        Ok(config.parse()?)
    }

    fn on_open(&self, _: &Client, _: &Request) -> Result<Counted> {
        let session = Counted::default();
        assert!(!self.open_panics, "on_open panics");
        Ok(session)
    }

    fn on_message(&self, client: &Client, session: &mut Counted, message: Message) -> Result {
        session.messages += 1;
        match message.as_text() {
            Some("panic") => panic!("on_message panics"),
            Some("panic when dropped") => session.panics_when_dropped = true,
            _ => client.send(session.messages.to_string()).map(drop)?,
        }
        Ok(())
    }

    fn on_close(&self, _: &Client, session: Counted, cause: &Cause) -> Result {
        assert!(!self.close_panics, "on_close panics");
        log::info!("closed after {} messages: {cause}", session.messages);
        Ok(())
    }
}

// The symbol is exported once a library; this one has it in `panics.rs`.
impl plugin_api::declaration::Exported for Counting {
    plugin_api::export!(@session Counting);

    const DECLARATION: plugin_api::declaration::Declaration =
        plugin_api::declaration::Declaration::new("counting", "1.0.0", module_path!(), "/counting");
}

fn counting(config: &str) -> (MutexGuard<'static, ()>, Instance<Counting>) {
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(ALIVE.load(SeqCst), 0);
    (turn, Instance::with_config(config).unwrap())
}

const QUIET: &str = r#"{"open_panics":false,"close_panics":false}"#;

#[test]
fn on_close_gets_the_session_and_frees_it() {
    let (_turn, counting) = counting(QUIET);
    let (opened, session) = counting.open();
    assert_eq!((opened, ALIVE.load(SeqCst)), (DONE, 1));
    for count in 1..=2 {
        assert_eq!(counting.message(session, abi::TEXT, b"hi"), DONE);
        assert_eq!(counting.host.noted(), [format!("send 12 1 {count}")]);
    }
    assert_eq!((counting.close(session), ALIVE.load(SeqCst)), (DONE, 0));
    counting.destroy();
}

#[test]
fn a_panic_in_on_message_leaves_the_session_alive() {
    let (_turn, counting) = counting(QUIET);
    let (_, session) = counting.open();
    assert_eq!(
        counting.message(session, abi::TEXT, b"panic").0,
        abi::PANICKED
    );
    assert_eq!(
        counting.error(session),
        (abi::FAILED, "the fault".to_owned())
    );
    assert_eq!(counting.message(session, abi::TEXT, b"hi"), DONE);
    assert_eq!(counting.host.noted(), ["send 12 1 2"]);
    assert_eq!((counting.close(session), ALIVE.load(SeqCst)), (DONE, 0));
    counting.destroy();
}

#[test]
fn a_panic_in_on_open_leaves_no_session() {
    let (_turn, counting) = counting(r#"{"open_panics":true,"close_panics":false}"#);
    let (opened, session) = counting.open();
    assert_eq!(opened.0, abi::PANICKED);
    assert!(session.is_null());
    assert_eq!(ALIVE.load(SeqCst), 0);
    assert_eq!(
        counting.error(session),
        (abi::FAILED, "the fault".to_owned())
    );
    counting.destroy();
}

#[test]
fn a_panic_in_on_close_frees_the_session_too() {
    let (_turn, counting) = counting(r#"{"open_panics":false,"close_panics":true}"#);
    let (_, session) = counting.open();
    assert_eq!(counting.close(session).0, abi::PANICKED);
    assert_eq!(ALIVE.load(SeqCst), 0);
    counting.destroy();
}

#[test]
fn a_panic_in_the_sessions_destructor_stays_inside() {
    let (_turn, counting) = counting(QUIET);
    let (_, session) = counting.open();
    assert_eq!(
        counting.message(session, abi::TEXT, b"panic when dropped"),
        DONE
    );
    let (status, text) = counting.close(session);
    assert_eq!(status, abi::PANICKED);
    assert!(
        text.starts_with("the session's destructor panics, at "),
        "{text}"
    );
    let (_, session) = counting.open();
    assert_eq!(
        counting.message(session, abi::TEXT, b"panic when dropped"),
        DONE
    );
    counting.drop_session(session);
    assert_eq!(ALIVE.load(SeqCst), 0);
    counting.destroy();
}

#[test]
fn drop_session_frees_it_without_on_close() {
    let (_turn, counting) = counting(r#"{"open_panics":false,"close_panics":true}"#);
    let (_, session) = counting.open();
    counting.drop_session(session);
    assert_eq!(ALIVE.load(SeqCst), 0);
    counting.destroy();
}
