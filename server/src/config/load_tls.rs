//! One `tls` of a `[[listener]]`: which certificates it shows, and what it asks its clients for.
//!
//! Says where files are; what stands in them is looked at by who uses them (`tls::Credentials`).

use std::path::{Path, PathBuf};

use super::forms::{Text, Time};
use super::listeners::TlsSettings;
use super::problem::Source;
use super::table::{Given, Table};
use crate::limits::settings as limits;
use crate::tls::Files;

/// Reads the table; none where something of it cannot be used, which is noted. `folder` is where relative paths begin.
pub(super) fn read(mut table: Table<'_>, folder: &Path) -> Option<TlsSettings> {
    let certificates = paths(&mut table, "certificate", folder);
    let keys = paths(&mut table, "key", folder);
    let client_ca = table.given::<Text>("client_ca");
    let is_required = table.given::<bool>("client_required");
    let hsts = table.given_bounded::<Time>("hsts", &limits::HSTS);
    let watch = table.given_bounded::<Time>("watch", &limits::TLS_WATCH);
    let place = table.place;
    let none = "names no file: tls needs `certificate` and `key`";
    let wrong = match (certificates.len(), keys.len()) {
        (0, _) => Some(("certificate", none)),
        (_, 0) => Some(("key", none)),
        (some, others) if some != others => Some((
            "key",
            "as many keys have to be there as certificates, in the same order",
        )),
        _ => None,
    };
    if let (Some(given), None) = (&is_required, &client_ca) {
        let text =
            "has no effect without `client_ca`, which says whose certificates clients may show";
        table.note_value("client_required", &given.source, text);
    }
    if let (Some((key, text)), Some(place)) = (wrong, place) {
        table.note_value(key, &Source::Place(place), text);
    }
    table.finish();
    let pairs: Vec<_> = certificates.into_iter().zip(keys).collect();
    (wrong.is_none() && !pairs.is_empty()).then(|| TlsSettings {
        files: Files {
            pairs,
            client_ca: client_ca.map(|given| path(&given, folder)),
            is_client_required: is_required.is_none_or(|given| given.value),
        },
        hsts: hsts.map(|given| given.value.0),
        watch: watch.map(|given| given.value.0),
    })
}

/// One path, or a list of them.
fn paths(table: &mut Table<'_>, key: &'static str, folder: &Path) -> Vec<PathBuf> {
    let given = match table.is_list(key) {
        true => table.list::<Text>(key).unwrap_or_default(),
        false => table.given::<Text>(key).into_iter().collect(),
    };
    given.iter().map(|one| path(one, folder)).collect()
}

fn path(given: &Given<Text>, folder: &Path) -> PathBuf {
    folder.join(&given.value.0)
}
