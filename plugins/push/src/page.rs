//! The page that a browser gets: what is said, live, and a field to say something where one may.

use plugin_api::{Request, Response, Result, json};
use serde::Serialize;

use crate::Push;
use crate::publish::Refusal;
use crate::tokens::Right;
use crate::topics;

/// What the page is to know.
#[derive(Serialize)]
struct Facts<'p> {
    /// Topics that it listens to.
    names: Vec<&'p str>,
    may_publish: bool,
    /// All topics with their listeners; empty for who may not know.
    listeners: Vec<(String, u64)>,
    /// The path of the topic that has no name of its own.
    home: &'p str,
}

impl Push {
    /// The page, for a browser; who asks for none is told what the path speaks.
    ///
    /// # Errors
    /// None that happens.
    pub(crate) fn page(&self, request: &Request) -> Result<Response> {
        if !is_wanted(request) {
            return Ok(Response::upgrade_required());
        }
        let topics = match topics::of(request) {
            Ok(topics) => topics,
            Err(why) => return Ok(Refusal::new(400, why).answer(request)),
        };
        let facts = Facts {
            names: topics.iter().map(|topic| &**topic).collect(),
            may_publish: self.may(Right::Write, request, &topics).is_ok(),
            // Whoever knows the name of a topic may be let in; only insiders are told all names.
            listeners: if request.is_inside() {
                self.listeners.all()
            } else {
                Vec::new()
            },
            home: &self.host.path(),
        };
        // Inside a script element `<` could end it.
        let facts = json(&facts)?.replace('<', "\\u003c");
        let html = include_str!("page.html").replacen("FACTS", &facts, 1);
        Ok(Response::page(request, html).header("Vary", "Accept"))
    }
}

/// Whether the client names HTML among what it likes, as browsers do and `curl` does not.
fn is_wanted(request: &Request) -> bool {
    let accept = request.header("accept").unwrap_or_default();
    accept.split(',').any(|member| {
        let kind = member.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("text/html")
    })
}
