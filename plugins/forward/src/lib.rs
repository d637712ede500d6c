//! Asks a page of HTTP what to do: each event of a client is a request, and the answer says what becomes of it.
//!
//! The request is made on the client's own thread, so that a slow page holds up one client and nobody else.
#![forbid(unsafe_code)]
mod answer;
mod event;
mod options;
mod page;
mod turns;

use std::collections::BTreeSet;
use std::sync::Arc;

use plugin_api::{
    Cause, Client, Config, Host, Message, Plugin, Request, Response, Result, Upgrade,
};
use plugin_api::{Saved, load, log, save};
use serde_json::Value;

use event::{Event, Origin};
use options::{EventKind, Options};
use page::{Line, Page};

struct Forward {
    host: Host,
    page: Option<Arc<Page>>,
    events: BTreeSet<EventKind>,
}

/// What is kept of a client: its line to the page, and what the page wants to be told again with each event.
#[derive(Default)]
struct Session {
    line: Option<Line>,
    state: Value,
}

impl Plugin for Forward {
    type Session = Session;

    fn create(host: Host, config: Config) -> Result<Self> {
        let options: Options = config.parse()?;
        let page = Page::new(&options)?.map(Arc::new);
        if page.is_none() {
            log::info!(
                "{}: nobody is let in until the option `url` is set",
                host.path()
            );
        }
        Ok(Forward {
            host,
            page,
            events: options.events,
        })
    }

    fn on_upgrade(&self, request: &Request) -> Result<Upgrade> {
        let Some(page) = &self.page else {
            let why = "no page is set for this route\n";
            return Ok(Upgrade::refuse(Response::text(why).status(503)));
        };
        if !self.events.contains(&EventKind::Admit) {
            return Ok(Upgrade::accept());
        }
        let event = Event::Admit(Origin::of(request));
        match page.line().admit(&event) {
            Ok(None) => Ok(Upgrade::accept()),
            Ok(Some(refusal)) => Ok(Upgrade::refuse(refusal)),
            Err(error) => {
                log::warn!("{}: {error}", self.host.path());
                let why = "the page behind this route does not answer\n";
                Ok(Upgrade::refuse(Response::text(why).status(502)))
            }
        }
    }

    fn on_open(&self, client: &Client, request: &Request) -> Result<Session> {
        let mut session = Session {
            line: self.page.as_ref().map(Page::line),
            state: Value::Null,
        };
        let event = Event::Open(client.id().get(), Origin::of(request));
        self.ask(client, &mut session, &event)?;
        Ok(session)
    }

    fn on_message(&self, client: &Client, session: &mut Session, message: Message) -> Result {
        let state = session.state.clone();
        let event = Event::Message(client.id().get(), state, message);
        self.ask(client, session, &event)
    }

    fn on_close(&self, client: &Client, mut session: Session, cause: &Cause) -> Result {
        let state = session.state.clone();
        let event = Event::Close(client.id().get(), state, cause);
        self.ask(client, &mut session, &event)
    }

    // What the page has said of a client outlives the code; the line to the page is made anew.

    fn save_session(&self, _: &Client, session: &Session) -> Result<Option<Vec<u8>>> {
        save(&session.state)
    }

    fn on_resume(
        &self,
        client: &Client,
        request: &Request,
        state: Option<Saved<'_>>,
    ) -> Result<Session> {
        let Some(state) = state else {
            return self.on_open(client, request);
        };
        Ok(Session {
            line: self.page.as_ref().map(Page::line),
            state: load(state)?,
        })
    }
}

impl Forward {
    /// Asks the page, where it wants to hear of this, and does what it says.
    fn ask(&self, client: &Client, session: &mut Session, event: &Event<'_>) -> Result {
        let Some(line) = &mut session.line else {
            return Ok(());
        };
        if !self.events.contains(&event.kind()) {
            return Ok(());
        }
        let answer = line.ask(event)?;
        if let Some(state) = &answer.state {
            session.state = state.clone();
        }
        answer.carry_out(client)
    }
}

plugin_api::export!(
    Forward,
    path = "/forward",
    options = Options,
    state_format = 1
);

#[cfg(test)]
mod tests;
