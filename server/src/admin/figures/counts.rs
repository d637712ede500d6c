//! What has happened since the start, all routes together.

use serde::Serialize;

use crate::counters::{Amount, ByCode, Closed, OTHER, SqueezedTotal, Totals};

/// By whom, close code, number.
pub(in crate::admin) type Closes = Vec<(&'static str, String, u64)>;

/// What has happened since the start.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct Counts {
    pub(in crate::admin) accepted: u64,
    pub(in crate::admin) opened: u64,
    pub(in crate::admin) closed: u64,
    pub(in crate::admin) refused: u64,
    pub(in crate::admin) messages_in: u64,
    pub(in crate::admin) bytes_in: u64,
    pub(in crate::admin) messages_answered: u64,
    pub(in crate::admin) bytes_answered: u64,
    pub(in crate::admin) messages_delivered: u64,
    pub(in crate::admin) bytes_delivered: u64,
    /// Messages that were compressed, their bytes, and the bytes that were left; the same of what came compressed.
    pub(in crate::admin) compressed: [u64; 3],
    pub(in crate::admin) inflated: [u64; 3],
    pub(in crate::admin) dropped: u64,
    pub(in crate::admin) stalled: u64,
    /// Requests and newcomers by the status of their answer.
    pub(in crate::admin) statuses: Vec<(String, u64)>,
    /// Clients that left.
    pub(in crate::admin) closes: Closes,
    /// Messages that were put into a journal, clients that came back and got all that they had missed, or were told that
    /// something is missing, and those that were closed since it was let go meanwhile.
    pub(in crate::admin) kept: u64,
    pub(in crate::admin) recovered: u64,
    pub(in crate::admin) gaps: u64,
    pub(in crate::admin) lost: u64,
    pub(in crate::admin) log_lines_lost: u64,
    pub(in crate::admin) log_lines_left_out: u64,
    #[serde(skip)]
    pub(in crate::admin) refused_at_door: ByCode,
    #[serde(skip)]
    pub(in crate::admin) answered: ByCode,
    #[serde(skip)]
    pub(in crate::admin) unanswered: u64,
}

impl Counts {
    pub(super) fn of(totals: Totals) -> Counts {
        let of = |codes: &ByCode| codes.values().sum::<u64>();
        let mut statuses = totals.refused.clone();
        for (status, count) in &totals.answered {
            *statuses.entry(*status).or_default() += count;
        }
        let Amount { messages, bytes } = totals.incoming;
        Counts {
            accepted: totals.accepted,
            opened: totals.opened,
            closed: totals.closed.all(),
            refused: of(&totals.refused) + totals.unanswered,
            messages_in: messages,
            bytes_in: bytes,
            messages_answered: totals.answers.messages,
            bytes_answered: totals.answers.bytes,
            messages_delivered: totals.deliveries.messages,
            bytes_delivered: totals.deliveries.bytes,
            compressed: of_squeezed(totals.compressed),
            inflated: of_squeezed(totals.inflated),
            dropped: totals.dropped,
            stalled: totals.stalled,
            statuses: statuses
                .iter()
                .map(|(&status, &count)| (code_text(status), count))
                .collect(),
            closes: closes(&totals.closed),
            kept: totals.kept,
            recovered: totals.recovered,
            gaps: totals.gaps,
            lost: totals.lost,
            log_lines_lost: totals.log_lines_lost,
            log_lines_left_out: totals.log_lines_left_out,
            refused_at_door: totals.refused,
            answered: totals.answered,
            unanswered: totals.unanswered,
        }
    }
}

fn of_squeezed(total: SqueezedTotal) -> [u64; 3] {
    [total.messages, total.bytes, total.compressed]
}

/// One row for each who began and each close code.
pub(super) fn closes(closed: &Closed) -> Closes {
    let tables = closed.tables().into_iter();
    let rows = tables.flat_map(|(by, codes)| {
        let row = move |(&code, &count): (&u16, &u64)| (by, code_text(code), count);
        codes.iter().map(row)
    });
    rows.collect()
}

/// A status or close code as labels have it.
pub(in crate::admin) fn code_text(code: u16) -> String {
    match code {
        OTHER => "other".to_owned(),
        code => code.to_string(),
    }
}
