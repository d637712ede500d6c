//! What has happened on all routes together: who came and left, what was said, what was missed.

use std::fmt;

use super::writer::{Writer, one};
use crate::admin::figures::{Figures, code_text};

pub(super) fn write(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let counts = &figures.counts;
    let help = "Connections that were accepted, refused ones included";
    writer.counter("detent_accepted", help, counts.accepted)?;
    let by_status =
        |(&status, &count): (&u16, &u64)| (one("status", code_text(status)), count as f64);
    let gone = (one("status", "none"), counts.unanswered as f64);
    let refused = counts.refused_at_door.iter().map(by_status).chain([gone]);
    let help = "Connections that were refused before their request was read, by status";
    writer.counters("detent_refused", help, refused)?;
    let help = "Requests by the status of their answer; 101 is a client that was let in";
    writer.counters(
        "detent_requests",
        help,
        counts.answered.iter().map(by_status),
    )?;
    let help = "Clients that came onto a route";
    writer.counter("detent_opened", help, counts.opened)?;
    let closed = counts.closes.iter().map(|(by, code, count)| {
        let labels = vec![("by", (*by).to_owned()), ("code", code.clone())];
        (labels, *count as f64)
    });
    let help = "Clients that left their route, by who began and by close code";
    writer.counters("detent_closed", help, closed)?;
    let ways = [
        ("in", counts.messages_in, counts.bytes_in),
        ("answered", counts.messages_answered, counts.bytes_answered),
        (
            "delivered",
            counts.messages_delivered,
            counts.bytes_delivered,
        ),
    ];
    let messages = ways.map(|(way, messages, _)| (one("way", way), messages as f64));
    let help = "Messages: what clients said, what callbacks answered their own client, what the hub delivered, \
                once for each client";
    writer.counters("detent_messages", help, messages)?;
    let bytes = ways.map(|(way, _, bytes)| (one("way", way), bytes as f64));
    let help = "Bytes of these messages: of the payload, of what was delivered as frames";
    writer.counters("detent_message_bytes", help, bytes)?;
    compression(figures, writer)?;
    let what_happened: [(&str, &str, u64); 5] = [
        (
            "detent_dropped_messages",
            "Messages that a full backlog did not take",
            counts.dropped,
        ),
        (
            "detent_stalled_clients",
            "Clients that were cut off since their socket took no byte for too long",
            counts.stalled,
        ),
        (
            "detent_journal_kept",
            "Messages that were put into a journal",
            counts.kept,
        ),
        (
            "detent_journal_recovered",
            "Clients that came back and got all that they had missed",
            counts.recovered,
        ),
        (
            "detent_journal_lost_clients",
            "Clients that were closed since what they were about to get was let go",
            counts.lost,
        ),
    ];
    for (name, help, count) in what_happened {
        writer.counter(name, help, count)?;
    }
    Ok(())
}

/// A broadcast is compressed once, however many get it.
fn compression(figures: &Figures, writer: &mut Writer<'_>) -> fmt::Result {
    let counts = &figures.counts;
    let ways = [("out", counts.compressed), ("in", counts.inflated)];
    let messages = ways.map(|(way, [messages, ..])| (one("way", way), messages as f64));
    let help =
        "Messages that were compressed by the server, a broadcast once, and that came compressed";
    writer.counters("detent_compressed_messages", help, messages)?;
    let bytes = ways.map(|(way, [_, bytes, _])| (one("way", way), bytes as f64));
    let help = "Bytes of these messages";
    writer.counters("detent_compressed_message_bytes", help, bytes)?;
    let bytes = ways.map(|(way, [.., compressed])| (one("way", way), compressed as f64));
    let help = "Bytes of these messages in their compressed form";
    writer.counters("detent_compressed_bytes", help, bytes)
}
