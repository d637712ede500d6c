//! Panics and errors in every callback, through the function table.

use std::panic;

use plugin_api::{
    Cause, Client, Config, Error, Fault, Host, Message, Plugin, Request, Response, Result, Timer,
    Upgrade, abi,
};

use crate::fake_host::FakeRequest;
use crate::instance::{DONE, Instance, Outcome, log_lines};

#[derive(Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    Fail,
    Panic,
    PanicWithSpitefulPayload,
    FailWithSpitefulError,
}

/// Misbehaves in the one callback that its configuration names.
#[derive(serde::Deserialize)]
struct Bomb {
    place: String,
    how: How,
}

/// Panics as soon as anybody drops it or asks for its text.
#[derive(Debug)]
struct Spiteful;

impl Drop for Spiteful {
    fn drop(&mut self) {
        panic!("a destructor panics");
    }
}

impl std::fmt::Display for Spiteful {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a text panics")
    }
}

impl std::error::Error for Spiteful {}

/// An error with a cause.
#[derive(Debug, thiserror::Error)]
#[error("cannot work in {place}")]
struct Failure {
    place: String,
    source: std::num::ParseIntError,
}

impl Bomb {
    fn visit(&self, place: &str) -> Result {
        if self.place != place {
            return Ok(());
        }
        match self.how {
            How::Fail => {
                let source = "x".parse::<u8>().unwrap_err();
                Err(Failure {
                    place: place.to_owned(),
                    source,
                }
                .into())
            }
            How::Panic => panic!("bomb in {place}"),
            How::PanicWithSpitefulPayload => panic::panic_any(Spiteful),
            How::FailWithSpitefulError => Err(Box::new(Spiteful) as Error),
        }
    }
}

impl Plugin for Bomb {
    type Session = ();

    fn create(_: Host, config: Config) -> Result<Self> {
        let bomb: Bomb = config.parse()?;
        bomb.visit("create")?;
        Ok(bomb)
    }

    fn on_upgrade(&self, _: &Request) -> Result<Upgrade> {
        self.visit("on_upgrade")?;
        Ok(Upgrade::accept())
    }

    fn on_open(&self, _: &Client, _: &Request) -> Result {
        self.visit("on_open")
    }

    fn on_message(&self, _: &Client, (): &mut (), _: Message) -> Result {
        self.visit("on_message")
    }

    fn on_close(&self, _: &Client, (): (), _: &Cause) -> Result {
        self.visit("on_close")
    }

    fn on_error(&self, _: &Client, (): &mut (), _: &Fault) -> Result {
        self.visit("on_error")
    }

    fn on_request(&self, _: &Request) -> Result<Response> {
        self.visit("on_request")?;
        Ok(Response::new(200))
    }

    fn on_timer(&self, _: Timer) -> Result {
        self.visit("on_timer")
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.place == "destroy" {
            panic!("bomb in destroy");
        }
    }
}

plugin_api::export!(Bomb, path = "/bomb", name = "bomb");

/// Calls every callback once; gives what came of those that did not just work.
fn misbehaved(place: &str, how: &str) -> Vec<(&'static str, Outcome)> {
    let config = format!(r#"{{"place":"{place}","how":"{how}"}}"#);
    let bomb = match Instance::<Bomb>::with_config(&config) {
        Ok(bomb) => bomb,
        Err(outcome) => return vec![("create", outcome)],
    };
    let mut outcomes = vec![("on_upgrade", bomb.upgrade(&FakeRequest::default()).0)];
    let (opened, session) = bomb.open();
    outcomes.push(("on_open", opened));
    if !session.is_null() {
        outcomes.push(("on_message", bomb.message(session, abi::TEXT, b"hi")));
        outcomes.push(("on_error", bomb.error(session)));
        outcomes.push(("on_close", bomb.close(session)));
    }
    outcomes.push(("on_request", bomb.request(&FakeRequest::default()).0));
    outcomes.push(("on_timer", bomb.timer()));
    bomb.destroy();
    outcomes.retain(|(_, outcome)| *outcome != DONE);
    outcomes
}

const CALLBACKS: [&str; 8] = [
    "create",
    "on_upgrade",
    "on_open",
    "on_message",
    "on_close",
    "on_error",
    "on_request",
    "on_timer",
];

#[test]
fn every_callback_that_panics_answers_with_message_and_place() {
    for place in CALLBACKS {
        let outcomes = misbehaved(place, "panic");
        let [(callback, (status, text))] = &outcomes[..] else {
            panic!("{place}: {outcomes:?}")
        };
        assert_eq!((*callback, *status), (place, abi::PANICKED));
        assert!(text.starts_with(&format!("bomb in {place}, at ")), "{text}");
        assert!(text.contains("panics.rs:"), "{text}");
        // The server says it, with the client that it was: a second line would say it again.
        let mut lines = log_lines().into_iter();
        let found = lines.find(|(_, _, message)| message.contains(&format!("bomb in {place}")));
        assert_eq!(found, None);
    }
}

#[test]
fn every_callback_that_fails_answers_with_the_error_and_its_cause() {
    for place in CALLBACKS {
        let text = format!("cannot work in {place}: invalid digit found in string");
        assert_eq!(misbehaved(place, "fail"), [(place, (abi::FAILED, text))]);
    }
}

#[test]
fn a_payload_that_panics_when_dropped_does_no_harm() {
    for place in CALLBACKS {
        let outcomes = misbehaved(place, "panic_with_spiteful_payload");
        let [(callback, (status, text))] = &outcomes[..] else {
            panic!("{place}: {outcomes:?}")
        };
        assert_eq!((*callback, *status), (place, abi::PANICKED));
        assert!(text.starts_with("a value that is no text, at "), "{text}");
    }
}

#[test]
fn an_error_that_panics_when_it_is_read_or_dropped_does_no_harm() {
    for place in CALLBACKS {
        let outcomes = misbehaved(place, "fail_with_spiteful_error");
        let [(callback, (status, text))] = &outcomes[..] else {
            panic!("{place}: {outcomes:?}")
        };
        assert_eq!((*callback, *status), (place, abi::PANICKED));
        assert!(text.starts_with("a text panics, at "), "{text}");
    }
}

#[test]
fn a_panic_in_destroy_stays_inside() {
    assert_eq!(misbehaved("destroy", "panic"), []);
}

#[test]
fn a_panic_on_a_thread_of_the_plugins_own_is_logged_with_the_thread() {
    misbehaved("nowhere", "fail");
    let thread = std::thread::Builder::new().name("own".to_owned());
    thread
        .spawn(|| panic!("all alone"))
        .unwrap()
        .join()
        .unwrap_err();
    let message = log_lines().into_iter().map(|(_, _, message)| message);
    let found = message
        .filter(|line| line.starts_with("thread \"own\" panicked at "))
        .count();
    assert_eq!(found, 1);
}
