//! Plays a script on a route in memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use plugin_api::Response;
use plugin_api::testing::{Ask, Client, Received, Route, Setup};

use crate::script::{Command, Script};

/// A plugin at work, and who has come so far.
pub(crate) struct Stage {
    route: RefCell<Route>,
    clients: RefCell<HashMap<String, Client>>,
    /// For the next that connects or asks.
    headers: RefCell<Vec<(String, String)>>,
    answer: RefCell<Option<Response>>,
    /// Its options, for what is tried beside it.
    options: Vec<(String, serde_json::Value)>,
    library: PathBuf,
    /// Why an option was refused.
    why: RefCell<Option<String>>,
}

/// Loads the library and makes its value.
///
/// # Errors
/// What the server would say of it.
pub(crate) fn start(library: &Path, script: &Script) -> Result<Stage, String> {
    // The loader looks for a name without a `/` elsewhere.
    let library = library
        .canonicalize()
        .map_err(|error| format!("{}: {error}", library.display()))?;
    let mut setup = with_options(&library, &script.options);
    if let Some(path) = &script.path {
        setup = setup.path(path);
    }
    Ok(Stage {
        route: RefCell::new(setup.try_start()?),
        clients: RefCell::default(),
        headers: RefCell::default(),
        answer: RefCell::default(),
        options: script.options.clone(),
        library,
        why: RefCell::default(),
    })
}

fn with_options(library: &Path, options: &[(String, serde_json::Value)]) -> Setup {
    let setup = Route::of_library(library);
    let set = |setup: Setup, (name, value): &(String, serde_json::Value)| setup.option(name, value);
    options.iter().fold(setup, set)
}

impl Stage {
    /// Plays one line.
    ///
    /// # Errors
    /// What is not as it is expected.
    pub(crate) fn play(&self, command: &Command) -> Result<(), String> {
        match command {
            Command::Header(name, value) => {
                self.headers
                    .borrow_mut()
                    .push((name.clone(), value.clone()));
            }
            Command::Connect(name, target) => self.connect(name, target)?,
            Command::Refused(target, status) => self.refused(target, *status)?,
            Command::Send(name, text) => self.client(name)?.send(text.as_str()),
            Command::SendBytes(name, bytes) => self.client(name)?.send(bytes.as_slice()),
            Command::Expect(name, text) => {
                self.expect(name, &Received::Text(text.clone()))?;
            }
            Command::ExpectBytes(name, bytes) => {
                self.expect(name, &Received::Binary(bytes.clone()))?;
            }
            Command::ExpectNothing(name) => {
                if let Some(more) = self.client(name)?.next() {
                    return Err(format!("{name} got {more:?}, and nothing was expected"));
                }
            }
            Command::ExpectClosed(name, code, reason) => {
                let expected = Some((*code, reason.clone()));
                let closed = self.client(name)?.closed();
                same("how it was closed", &closed, &expected)?;
            }
            Command::Close(name, code, reason) => self.client(name)?.close(*code, reason),
            Command::Cut(name) => self.client(name)?.cut(),
            Command::Vanish(name) => self.client(name)?.vanish(),
            Command::Request(method, target, body) => {
                let ask = self.with_headers(Ask::of(method, target).body(body.as_bytes()));
                let answer = self.route.borrow().request(ask);
                self.answer.replace(Some(answer));
            }
            Command::ExpectStatus(status) => {
                self.of_answer("the status", Response::status_code, status)?;
            }
            Command::ExpectHeader(name, value) => {
                let header = |answer: &Response| answer.header_value(name).map(str::to_owned);
                self.of_answer(name, header, &Some(value.clone()))?;
            }
            Command::ExpectBody(text) => {
                self.of_answer("the body", |answer| answer.body_text().into_owned(), text)?;
            }
            Command::ExpectLog(text) => {
                let log = self.route.borrow().log();
                if !log.iter().any(|line| line.contains(text)) {
                    return Err(format!(
                        "no line of the log has `{text}`:\n{}",
                        log.join("\n")
                    ));
                }
            }
            Command::Advance(milliseconds) => {
                self.route
                    .borrow()
                    .advance(Duration::from_millis(*milliseconds));
            }
            Command::Lose(cause) => self.route.borrow().lose(*cause),
            Command::Replace(None) => self.route.borrow().replace_by_itself()?,
            Command::Replace(Some(library)) => self.route.borrow().replace_by_library(library)?,
            Command::RefusedOption(name, value) => {
                let setup = with_options(&self.library, &self.options).option(name, value);
                let why = setup.check().err();
                let why = why.ok_or_else(|| format!("option `{name}` is taken"))?;
                self.why.replace(Some(why));
            }
            Command::ExpectWhy(text) => {
                let why = self.why.borrow();
                let why = why.as_ref().ok_or("there was no `refused-option` before")?;
                if !why.contains(text) {
                    return Err(format!(
                        "the reason is `{why}`, and `{text}` was expected in it"
                    ));
                }
            }
            Command::Reload(name, value) => {
                self.route.borrow_mut().reload_with(name, value)?;
            }
        }
        Ok(())
    }

    /// Stops the route: every session is closed once, and none is left.
    ///
    /// # Errors
    /// Which were not.
    pub(crate) fn end(self) -> Result<(), String> {
        let route = self.route.into_inner();
        // It fails as a test does, by a panic that has been told.
        let counts = catch_unwind(AssertUnwindSafe(|| route.stop()));
        let counts = counts.map_err(|_| "sessions leak, as told above".to_owned())?;
        same("how many were closed", &counts.closed, &counts.opened)
    }

    fn connect(&self, name: &str, target: &str) -> Result<(), String> {
        let ask = self.with_headers(Ask::get(target));
        let client = self.route.borrow().try_connect(ask).map_err(|refusal| {
            let (status, body) = (refusal.status_code(), refusal.body_text());
            format!("{name} is refused: {status} {}", body.trim_end())
        })?;
        self.clients.borrow_mut().insert(name.to_owned(), client);
        Ok(())
    }

    fn refused(&self, target: &str, status: u16) -> Result<(), String> {
        let ask = self.with_headers(Ask::get(target));
        match self.route.borrow().try_connect(ask) {
            Ok(_) => Err(format!("it was let in, and {status} was expected")),
            Err(refusal) => same("the refusal", &refusal.status_code(), &status),
        }
    }

    fn with_headers(&self, ask: Ask) -> Ask {
        let headers = self.headers.take();
        let add = |ask: Ask, (name, value): (String, String)| ask.header(&name, value);
        headers.into_iter().fold(ask, add)
    }

    fn client(&self, name: &str) -> Result<Client, String> {
        let found = self.clients.borrow().get(name).cloned();
        found.ok_or_else(|| format!("no client `{name}` has connected"))
    }

    fn expect(&self, name: &str, expected: &Received) -> Result<(), String> {
        let client = self.client(name)?;
        match client.next() {
            Some(received) => same(&format!("what {name} got"), &received, expected),
            None => {
                let log = self.route.borrow().log().join("\n");
                let end = client.closed().map_or_else(String::new, |(code, reason)| {
                    format!("; it was closed with {code} {reason}")
                });
                Err(format!(
                    "{name} got nothing, and {expected:?} was expected{end}\n{log}"
                ))
            }
        }
    }

    fn of_answer<T: PartialEq + std::fmt::Debug>(
        &self,
        what: &str,
        of: impl FnOnce(&Response) -> T,
        expected: &T,
    ) -> Result<(), String> {
        let answer = self.answer.borrow();
        let answer = answer.as_ref().ok_or("there was no `request` before")?;
        same(what, &of(answer), expected)
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "{what} is {found:?}, and {expected:?} was expected"
    ))
}
