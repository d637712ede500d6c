//! Reads `[admin]`: where the one who runs the server looks at it, and by which tokens.
//!
//! Main thread only; blocks on the disk.

use std::path::Path;

use super::admin::AdminSettings;
use super::listeners::{Listen, ListenerSettings};
use super::load_inside::read_tokens_file;
use super::load_listeners::{Addresses, is_taken_by, read_access, wrong_path};
use super::problem::Source;
use super::table::Table;

/// Reads it; `others` are the listeners for clients.
pub(super) fn read(
    mut table: Table<'_>,
    folder: &Path,
    others: &[ListenerSettings],
) -> AdminSettings {
    let given = table.given::<Addresses>("listen");
    let access = read_access(&mut table, given.as_ref().map(|given| &given.value));
    let (tokens_file, tokens) = read_tokens_file(&mut table, folder);
    if let Some(place) = table
        .place
        .filter(|_| given.is_none() && tokens_file.is_some())
    {
        let text = "without `listen` in [admin] nobody can show a token of it: name an address";
        table.note_value("tokens_file", &Source::Place(place), text);
    }
    let listen = given.and_then(|given| {
        let (source, written) = (given.source, given.written);
        let Some(listen) = given.value.into_one(folder) else {
            let text = format!("{written} is two addresses at once: name one of them");
            table.note_value("listen", &source, &text);
            return None;
        };
        let has_tokens = tokens_file.is_some();
        if let Some(why) = wrong(&listen, &written, has_tokens, others) {
            table.note_value("listen", &source, &why);
        }
        Some(listen)
    });
    table.finish();
    AdminSettings {
        listen,
        access,
        tokens_file,
        tokens,
    }
}

/// Why it cannot be there.
fn wrong(
    listen: &Listen,
    written: &str,
    has_tokens: bool,
    others: &[ListenerSettings],
) -> Option<String> {
    if listen.passed().is_some() {
        return Some(format!(
            "{written} is for clients only: name an address, or a unix socket"
        ));
    }
    let mut taken = others.iter().map(|other| &other.listen);
    if let Some(other) = taken.find(|other| is_taken_by(listen, other)) {
        return Some(format!(
            "{written} is taken by {other} already, where clients come: name another"
        ));
    }
    // Whoever reaches the listener sees every client and may close them.
    if !has_tokens && matches!(listen, Listen::Tcp(address) if !address.ip().is_loopback()) {
        return Some(format!(
            "{written} can be reached from other machines: name a `tokens_file` beside it, or listen on \
             127.0.0.1"
        ));
    }
    wrong_path(listen)
}
