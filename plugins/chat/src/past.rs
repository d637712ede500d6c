//! The board's past: its last lines for newcomers, and what was missed for who comes back.

use plugin_api::{Client, Host, Outcome, Request, Result, Since};

/// The topic that has the board's journal.
pub(crate) const BOARD: &str = "board";

/// Makes a client read the board: from behind the position of `?since=` on, or else the last `lines` of what was said, and
/// then what is said.
pub(crate) fn read(client: &Client, request: &Request, lines: u64) -> Result {
    let since = request.query("since").filter(|since| !since.is_empty());
    let since = match since.as_deref() {
        Some(position) => Since::After {
            position,
            or_last: lines,
        },
        None => Since::Last(lines),
    };
    let joined = client.join_from(BOARD, since)?;
    // One that is not new here, but taken over from older code, reads it already.
    if joined.outcome != Outcome::Later && wants_envelope(request) {
        // Comes behind the past, and tells where that ends: no line is empty.
        client.send("")?;
    }
    Ok(())
}

/// Whether a client wants each line with its position.
pub(crate) fn wants_envelope(request: &Request) -> bool {
    request.query("envelope").is_some_and(|of| of == "1")
}

/// The highest number of a client among the lines that are kept, which newcomers count on from.
pub(crate) fn last_id(host: &Host) -> Result<u64> {
    let mut last = 0;
    let all = Since::Last(u64::MAX);
    host.read_kept(BOARD, all, u64::MAX, u64::MAX, |_, line| {
        let line = String::from_utf8_lossy(line.as_bytes());
        let id = line
            .strip_prefix("Client ")
            .and_then(|rest| rest.split(':').next());
        last = last.max(id.and_then(|id| id.parse().ok()).unwrap_or(0));
    })?;
    Ok(last)
}
