//! The numbers as they are read: added up over all threads, plain values, and a sentence for the log.

use std::fmt;

use super::{Amount, ByCode, Closed, Count, Counters, Exchanged, OTHER, SqueezedTotal, Visited};

/// Everything that was counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connections that were accepted, refused ones included.
    pub accepted: u64,
    /// Connections that were refused before their request was read, by status.
    pub refused: ByCode,
    /// Connections that were to be refused and had left before they could be told.
    pub unanswered: u64,
    /// Requests by the status of their answer.
    pub answered: ByCode,
    /// Clients that came onto a route.
    pub opened: u64,
    /// Clients that left it.
    pub closed: Closed,
    /// What clients said.
    pub incoming: Amount,
    /// What callbacks answered their own client.
    pub answers: Amount,
    /// What the hub gave to outboxes, once for each client.
    pub deliveries: Amount,
    /// What was compressed.
    pub compressed: SqueezedTotal,
    /// What clients sent compressed.
    pub inflated: SqueezedTotal,
    /// Messages that a full backlog did not take.
    pub dropped: u64,
    /// Clients whose socket took no byte for too long.
    pub stalled: u64,
    /// Callbacks that answered with an error.
    pub failed: u64,
    /// Callbacks that panicked.
    pub panicked: u64,
    /// Rounds of the hub.
    pub hub_rounds: u64,
    /// Events that the hub took.
    pub hub_events: u64,
    /// Messages that were put into a journal.
    pub kept: u64,
    /// Clients that came back and got all that they had missed.
    pub recovered: u64,
    /// Clients that came back and were told that they could not get all of it.
    pub gaps: u64,
    /// Clients that were closed since what they were about to get was let go.
    pub lost: u64,
    /// Messages that are in a file of journals.
    pub stored: u64,
    /// Messages that such a file did not take.
    pub unstored: u64,
    /// Times that something began to be wrong with such a file.
    pub store_troubles: u64,
    /// Damaged files that were set aside.
    pub set_aside: u64,
    /// Log lines that were not written.
    pub log_lines_lost: u64,
    /// Log lines about refusals and faults of clients that were too many.
    pub log_lines_left_out: u64,
}

impl Totals {
    pub(super) fn of(counters: &Counters, traffic: Exchanged) -> Totals {
        let Counters {
            acceptors,
            main: _,
            hub,
            store,
            drain,
            log,
            callbacks,
            compression,
            clients,
        } = counters;
        let mut totals = Totals {
            accepted: acceptors.accepted.get(),
            unanswered: acceptors.unanswered.get(),
            incoming: traffic.incoming,
            answers: traffic.answers,
            deliveries: Amount {
                messages: hub.messages.get(),
                bytes: hub.bytes.get(),
            },
            stalled: drain.stalled.get(),
            failed: callbacks.failed.get(),
            panicked: callbacks.panicked.get(),
            hub_rounds: hub.rounds.get(),
            hub_events: hub.events.get(),
            kept: hub.kept.get(),
            recovered: hub.recovered.get(),
            gaps: hub.gaps.iter().map(Count::get).sum(),
            lost: hub.lost.get(),
            stored: store.written.get(),
            unstored: store.lost.get(),
            store_troubles: store.troubles.get(),
            set_aside: store.set_aside.get(),
            log_lines_lost: log.lost.get(),
            log_lines_left_out: log.left_out.get(),
            compressed: compression.sent.total(),
            inflated: compression.received.total(),
            ..Totals::default()
        };
        acceptors.refused.add_to(&mut totals.refused);
        let mut visited = Visited::default();
        for share in clients {
            share.answered.add_to(&mut totals.answered);
            share.visits.add_to(&mut visited);
        }
        Totals {
            opened: visited.opened,
            closed: visited.closed,
            dropped: visited.dropped,
            ..totals
        }
    }
}

impl fmt::Display for Totals {
    /// In one line, what never happened left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |codes: &ByCode| codes.values().sum::<u64>();
        write!(f, "{} connections", self.accepted)?;
        write_codes(
            f,
            "refused",
            of(&self.refused),
            &[(String::new(), &self.refused)],
        )?;
        write_codes(
            f,
            "requests",
            of(&self.answered),
            &[(String::new(), &self.answered)],
        )?;
        write!(f, "; {} clients", self.opened)?;
        let closed = self
            .closed
            .tables()
            .map(|(by, codes)| (format!(" by {by}"), codes));
        write_codes(f, "closed", self.closed.all(), &closed)?;
        write!(
            f,
            "; {} in, {} answered, {} delivered",
            self.incoming, self.answers, self.deliveries
        )?;
        for (what, number) in [
            (
                "connections that left before they were refused",
                self.unanswered,
            ),
            ("messages dropped", self.dropped),
            ("messages kept", self.kept),
            ("clients recovered", self.recovered),
            ("gaps told", self.gaps),
            ("clients closed behind what is kept", self.lost),
            ("messages stored", self.stored),
            ("messages not stored", self.unstored),
            ("troubles with journals", self.store_troubles),
            ("damaged journals set aside", self.set_aside),
            ("clients stalled", self.stalled),
            ("callbacks failed", self.failed),
            ("callbacks panicked", self.panicked),
            ("log lines lost", self.log_lines_lost),
            ("log lines left out", self.log_lines_left_out),
        ] {
            if number > 0 {
                write!(f, "; {number} {what}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages ({} bytes)", self.messages, self.bytes)
    }
}

/// `, 3 closed (1001 by server: 2, other by peer: 1)`; nothing where there are none.
fn write_codes(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    sum: u64,
    tables: &[(String, &ByCode)],
) -> fmt::Result {
    if sum == 0 {
        return Ok(());
    }
    write!(f, ", {sum} {what}")?;
    let mut open = " (";
    for (who, codes) in tables {
        for (&code, number) in *codes {
            match code {
                OTHER => write!(f, "{open}other{who}: {number}")?,
                code => write!(f, "{open}{code}{who}: {number}")?,
            }
            open = ", ";
        }
    }
    write!(f, ")")
}
