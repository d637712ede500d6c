//! Who may look at the server, and who may change it.
//!
//! Three kinds of strangers are kept out: programs on other machines, by a token; pages in a browser of
//! somebody who may come, by what browsers say of where a request is from (Origin, Sec-Fetch-Site) and by a
//! header that no page can add to a request to elsewhere; and pages whose name was made to mean this machine
//! (DNS rebinding), by the name that they ask for. Who comes by a proxy may be anyone. Pure functions on a request.

use std::fmt::{self, Write};

use http::StatusCode;

use super::stream::Stream;
use crate::http::forwarded::has_traces;
use crate::http::host::Host;
use crate::http::inside::{Asked, Tokens};
use crate::http::origin::{self, AllowedOrigins};
use crate::http::refusal::Refusal;
use crate::http::request::Request;

/// A header that only who means it adds: a page cannot send it elsewhere without being asked first whether it
/// may, and nobody here says yes. Its value is a name for the log.
pub(super) const MARK: &str = "x-detent-admin";

/// Characters of that name which the log repeats.
const MARK_CHARACTERS: usize = 60;

/// How one has shown that he may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// By the token of this number, from 1, in the order of the file.
    Token(usize),
    /// By having reached a listener that asks for none.
    Reach,
}

/// Lets in who may read.
///
/// # Errors
/// 401 without a token where one is wanted, 403 for a page of elsewhere and for who comes by a proxy, 421 for a name that is
/// not this server's.
pub(super) fn check(
    request: &Request,
    stream: &Stream,
    hosts: &[Host],
    tokens: &Tokens,
) -> Result<Shown, Refusal> {
    check_page(request)?;
    if stream.is_unix() {
        // By the permissions of its file; no page leads there.
        return Ok(Shown::Reach);
    }
    if !tokens.is_empty() {
        return match tokens.shown_by(request) {
            Some(index) => Ok(Shown::Token(index + 1)),
            None => Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "show a token of admin.tokens_file: Authorization: Bearer TOKEN",
            )),
        };
    }
    check_place(request, stream, hosts)?;
    // Who comes by it has reached the proxy, and not this machine.
    if has_traces(request) {
        let why = "a proxy leads here, and nobody knows for whom: name a `tokens_file` in [admin] and show a token";
        return Err(Refusal::new(StatusCode::FORBIDDEN, why));
    }
    Ok(Shown::Reach)
}

/// Lets in who asks for a name of this server.
///
/// # Errors
/// 421.
pub(super) fn check_place(
    request: &Request,
    stream: &Stream,
    hosts: &[Host],
) -> Result<(), Refusal> {
    // By a unix socket no page comes, but through a proxy that somebody has led there.
    if stream.is_unix() {
        return Ok(());
    }
    match Asked::of(request.host().as_ref(), hosts, || stream.local()) {
        Asked::ThisMachine | Asked::Named | Asked::Nothing => Ok(()),
        Asked::Foreign => {
            let why =
                "ask for localhost, for the address of this listener, or for a name of `hosts`";
            Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, why))
        }
    }
}

/// Lets in who may change something, of those who may read.
///
/// # Errors
/// 403 without a token and without [`MARK`].
pub(super) fn check_order(request: &Request, shown: Shown) -> Result<(), Refusal> {
    if shown != Shown::Reach || request.header(MARK).is_some() {
        return Ok(());
    }
    let why = "an order wants a token or the header `X-Detent-Admin: YOUR-NAME`, which no page of elsewhere \
               can send";
    Err(Refusal::new(StatusCode::FORBIDDEN, why))
}

/// Who gives an order, for the log.
pub(super) fn who(request: &Request, from: impl fmt::Display, shown: Shown) -> String {
    let mut who = from.to_string();
    if let Shown::Token(number) = shown {
        write!(who, " with token {number}").ok();
    }
    if let Some(mark) = request.header(MARK) {
        let name: String = String::from_utf8_lossy(mark)
            .chars()
            .take(MARK_CHARACTERS)
            .collect();
        write!(who, ", who says to be {name}").ok();
    }
    who
}

/// A browser says where a request comes from: from a page of this listener itself, or from the address line.
fn check_page(request: &Request) -> Result<(), Refusal> {
    origin::check(request, &AllowedOrigins::default())?;
    let site = request.header("sec-fetch-site");
    match site {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => {
            let why = "a page of elsewhere has no business here";
            Err(Refusal::new(StatusCode::FORBIDDEN, why))
        }
    }
}
