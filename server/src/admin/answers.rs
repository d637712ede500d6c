//! Which path is answered with what.
//!
//! Runs on the thread of one connection.

use std::time::Instant;

use http::{HeaderName, HeaderValue, StatusCode, header};
use log::Level;
use serde::Serialize;

use super::figures::Figures;
use super::query::Query;
use super::stream::Stream;
use super::{View, access, actions, clients, metrics, page};
use crate::http::inside::Tokens;
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::logging::about::About;
use crate::logging::tail;
use crate::threads::fault_point;

/// What is said of each path, for who asks for none.
const INDEX: &str = "\
/healthz      200 while the server is at work
/readyz       200 while clients may be sent here, 503 and the reason otherwise
/metrics      for Prometheus
/status.json  everything that is counted
/clients      who is connected, slow ones first: ?route=/chat&address=203.0.113.7&client=7&limit=100
/status       a page for a person, with all of this
/log          the last lines of the log
POST /kick    closes ?client=7 (5f3a09c1-7 on another host), ?address=203.0.113.7 or ?route=/chat, with &reason=...
POST /route   ?path=/chat&service=out or in
POST /log     ?level=debug, with &target=plugin::chat for one target, until the next reload
POST /reload  as SIGHUP, and answers how it went";

/// The answer to one request.
pub(super) fn answer(view: &View, tokens: &Tokens, stream: &Stream, request: &Request) -> Response {
    fault_point("admin");
    let mut response = find(view, tokens, stream, request).unwrap_or_else(|refusal| {
        note(view, stream, request, &refusal);
        let mut response = Response::text(refusal.status, &refusal.why);
        if refusal.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"detent admin\"");
            response.headers.push((header::WWW_AUTHENTICATE, challenge));
        }
        response
    });
    for (name, value) in HEADERS {
        let is_there = response.headers.iter().any(|(of, _)| of == name);
        if !is_there {
            response
                .headers
                .push((name, HeaderValue::from_static(value)));
        }
    }
    response
}

/// Whoever is refused is in the log, and cannot fill it.
fn note(view: &View, stream: &Stream, request: &Request, refusal: &Refusal) {
    let (method, path, status) = (request.method(), request.path(), refusal.status.as_u16());
    let line = format_args!("admin: {stream} {method} {path}: {status} {}", refusal.why);
    view.refusals
        .note_about(Level::Info, &About::answered(status), line);
}

/// Of every answer: nobody keeps it, guesses what it is, or shows it in a page of his own.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

fn find(
    view: &View,
    tokens: &Tokens,
    stream: &Stream,
    request: &Request,
) -> Result<Response, Refusal> {
    let is_get = matches!(request.method(), "GET" | "HEAD");
    // Who looks whether it lives has no token, and asks for it by whatever name.
    match request.path() {
        "/healthz" if is_get => return Ok(Response::text(StatusCode::OK, "ok")),
        "/readyz" if is_get => return Ok(Response::health(view.readiness.check())),
        // It has nothing to tell, and asks for a token itself where one is wanted: then by any name too.
        "/status" if is_get => {
            if tokens.is_empty() {
                access::check_place(request, stream, &view.hosts())?;
            }
            return Ok(page::answer());
        }
        _ => {}
    }
    let shown = access::check(request, stream, &view.hosts(), tokens)?;
    let is_order = request.method() == "POST" || request.path() != "/log";
    if let Some((path, words)) = actions::PATHS
        .iter()
        .find(|(path, _)| *path == request.path() && is_order)
    {
        check_method(request, "POST")?;
        access::check_order(request, shown)?;
        view.pace.take(Instant::now())?;
        let query = Query::read(request.query(), words)?;
        let who = access::who(request, stream, shown);
        let result = actions::carry_out(view, path, &query, &who)?;
        return Ok(json(&serde_json::json!({ "result": result })));
    }
    let answer = |view: &View| match request.path() {
        "/" => Some(Ok(Response::text(StatusCode::OK, INDEX))),
        "/metrics" => {
            let text = metrics::text(Figures::read(view));
            Some(Ok(of_type(metrics::TYPE, text.into_bytes())))
        }
        "/log" => {
            let kind = "text/plain; charset=utf-8";
            Some(Ok(of_type(kind, tail::text().into_bytes())))
        }
        "/status.json" => Some(Ok(json(&Figures::read(view)))),
        "/clients" => {
            let query = Query::read(request.query(), &["route", "address", "client", "limit"]);
            let list = query.and_then(|query| clients::list(view, &query));
            Some(list.map(|list| json(&list)))
        }
        _ => None,
    };
    let nothing = || Refusal::new(StatusCode::NOT_FOUND, "nothing here: / says what there is");
    // A path that there is not is told as such, whatever the method.
    let found = answer(view).ok_or_else(nothing)?;
    check_method(request, "GET")?;
    found
}

fn check_method(request: &Request, wanted: &str) -> Result<(), Refusal> {
    let is_wanted = request.method() == wanted || (wanted == "GET" && request.method() == "HEAD");
    if is_wanted {
        return Ok(());
    }
    let why = format!("this path takes {wanted}");
    Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, why))
}

fn json(value: &impl Serialize) -> Response {
    // Numbers, texts and lists of them can always be written.
    let mut body = serde_json::to_vec(value).unwrap_or_default();
    body.push(b'\n');
    of_type("application/json", body)
}

fn of_type(kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(StatusCode::OK);
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers.push(kind);
    response.body = body;
    response
}
