//! Files of journals, all together, and the gaps that were told.

use std::fmt;

use super::writer::{Writer, one};
use crate::admin::figures::Figures;

pub(super) fn write(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let store = &figures.store;
    let help = "Clients that came back and were told that something they have missed cannot be had, by why";
    let gaps = store
        .gaps
        .map(|(why, count)| (one("why", why), count as f64));
    writer.counters("detent_journal_gaps", help, gaps)?;
    for (name, help, count) in [
        (
            "detent_journal_stored",
            "Messages that are in a file",
            store.stored,
        ),
        (
            "detent_journal_unstored",
            "Messages that were kept in memory alone, since the file did not take them",
            store.unstored,
        ),
        (
            "detent_journal_batches",
            "Batches in which messages came into files",
            store.batches,
        ),
        (
            "detent_journal_fetched",
            "Pieces that were read from files for clients that came back",
            store.fetched,
        ),
        (
            "detent_journal_troubles",
            "Times that something began to be wrong with a file",
            store.troubles,
        ),
        (
            "detent_journal_set_aside",
            "Damaged files that were set aside",
            store.set_aside,
        ),
    ] {
        writer.counter(name, help, count)?;
    }
    let help = "Bytes that wait for the disk, on their way into files";
    writer.gauge(
        "detent_journal_waiting_bytes",
        help,
        store.waiting_bytes as f64,
    )?;
    let help = "Messages whose publishers wait until the disk has them";
    let waiting = store.durable_waiting as f64;
    writer.gauge("detent_journal_durable_waiting", help, waiting)
}
