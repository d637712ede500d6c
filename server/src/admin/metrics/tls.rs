//! TLS: how handshakes have ended, and how long certificates hold. Only where a listener speaks it.

use std::fmt;

use super::writer::{Writer, one};
use crate::admin::figures::Figures;
use crate::limits::SECONDS_PER_DAY;

pub(super) fn write(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    if figures.certificates.is_empty() {
        return Ok(());
    }
    let help =
        "Handshakes of TLS by how they have ended; resumed are those by a ticket of one before";
    let rows = figures.handshakes.iter();
    let rows = rows.map(|&(result, count)| (one("result", result), count as f64));
    writer.counters("detent_tls_handshakes", help, rows)?;
    let help = "Whole days that are left of a certificate, below nought where it has ended";
    let rows = figures.certificates.iter().map(|certificate| {
        let mut labels = one("listener", &*certificate.listener);
        labels.push(("file", certificate.file.clone()));
        let seconds = certificate.expires as f64 - figures.now;
        (labels, (seconds / SECONDS_PER_DAY as f64).floor())
    });
    writer.gauges("detent_tls_certificate_days_left", help, rows)
}
