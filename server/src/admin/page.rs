//! `/status`: one page for a person, whole in itself.
//!
//! Text that is put together here and nowhere changed. Nothing of it is fetched from elsewhere, and what the
//! browser may run of it is marked by a number that is another for each answer.

use std::hash::{BuildHasher, RandomState};

use http::{HeaderValue, StatusCode, header};

use crate::http::response::Response;

const HTML: &str = include_str!("page/page.html");
const CSS: &str = include_str!("page/page.css");
const JS: &str = include_str!("page/page.js");

/// The page, with what the browser is to hold it to.
pub(super) fn answer() -> Response {
    // Keyed by what the system gives for chance.
    let nonce = format!("{:016x}{:016x}", chance(), chance());
    let page = HTML
        .replace("@NONCE@", &nonce)
        .replace("@CSS@", CSS)
        .replace("@JS@", JS);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = Response::new(StatusCode::OK);
    response.headers = vec![(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    )];
    // It has nothing in it but what stands above.
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response
            .headers
            .push((header::CONTENT_SECURITY_POLICY, policy));
    }
    response.body = page.into_bytes();
    response
}

fn chance() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::{CSS, HTML, JS};

    #[test]
    fn the_page_fetches_nothing_from_elsewhere() {
        for part in [HTML, CSS, JS] {
            let elsewhere = part.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("://"), "it names another place");
        }
        // Text of a client is never taken for markup.
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!JS.contains(way), "{way}");
        }
    }
}
