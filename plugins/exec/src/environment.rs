//! What a program finds in its environment: the meta-variables of CGI (RFC 3875 section 4.1).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

use plugin_api::Request;

/// Headers that are not for programs: `Proxy` would be taken for a setting of theirs (`HTTP_PROXY`), the others show
/// secrets (section 4.1.18).
const LEFT_OUT: [&str; 3] = ["proxy", "authorization", "proxy-authorization"];

/// Nothing of the server's own environment but `PATH` and `LANG`.
pub(crate) fn set(command: &mut Command, request: &Request, route: &str) {
    command.env_clear();
    for name in ["PATH", "LANG"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let (path, query) = (request.path(), request.query_string());
    let uri = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let address = request.client_address();
    // The start of a route's path is what the program is called by.
    let script = route.split("/{").next().unwrap_or_default();
    let info = path.strip_prefix(script).unwrap_or_default();
    for (name, value) in [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_SOFTWARE", "detent"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_METHOD", request.method()),
        ("REQUEST_URI", &uri),
        ("SCRIPT_NAME", script),
        ("PATH_INFO", info),
        ("QUERY_STRING", query.unwrap_or_default()),
        ("REMOTE_ADDR", address),
        ("REMOTE_HOST", address),
        ("SERVER_NAME", request.header("Host").unwrap_or_default()),
    ] {
        command.env(name, value);
    }
    for (name, value) in headers(request) {
        command.env(name, OsString::from_vec(value));
    }
}

/// `HTTP_` and the header's name; several of one name are one.
fn headers(request: &Request) -> BTreeMap<String, Vec<u8>> {
    let mut all: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, value) in request.headers() {
        let lower = name.to_ascii_lowercase();
        // With an underscore in it, a name would pass for another.
        if LEFT_OUT.contains(&lower.as_str()) || lower.contains('_') {
            continue;
        }
        let parting: &[u8] = if lower == "cookie" { b"; " } else { b", " };
        let variable = format!("HTTP_{}", lower.replace('-', "_").to_ascii_uppercase());
        let joined = all.entry(variable).or_default();
        if !joined.is_empty() {
            joined.extend_from_slice(parting);
        }
        joined.extend_from_slice(value);
    }
    all
}
