//! Clients that come with a position that this host has not read up to yet: they have heard more elsewhere, of a route that
//! several hosts share. They wait, for a moment as a rule, until what they have heard was read here too.

use std::time::Instant;

use log::debug;

use super::behind::{Ahead, Beginning, File, Standing};
use super::{Past, now};
use crate::counters::COUNTERS;
use crate::hub::message::Message;
use crate::hub::requests::StreamNews;
use crate::journal::store::From;
use crate::journal::{Bounds, Cursor, Journals, Outcome, Since};
use crate::limits::AHEAD_WAIT;
use crate::outbox::Outbox;

impl Past {
    /// The place of one who has heard more than was read here.
    pub(super) fn ahead(&self, since: Since) -> Option<Ahead> {
        match since {
            Since::After {
                position: Some(position),
                or_last,
            } if self.journals.are_before(position) => Some(Ahead {
                position,
                or_last,
                since: Instant::now(),
            }),
            _ => None,
        }
    }

    /// More of the stream was read: those whose places were reached go on. For the others it is a gap after a time, in which
    /// everything has long come that there was when they came.
    pub(in crate::hub) fn come_to_those_ahead(&mut self) {
        if !std::mem::take(&mut self.has_ahead) {
            return;
        }
        let journals = &mut self.journals;
        let mut reached = Vec::new();
        for (&client, behind) in &mut self.behind {
            let outbox = behind.outbox.clone();
            for standing in &mut behind.topics {
                let File::Ahead(ahead) = &standing.file else {
                    continue;
                };
                if journals.are_before(ahead.position) && ahead.since.elapsed() < AHEAD_WAIT {
                    self.has_ahead = true;
                    continue;
                }
                debug!(client = client.0; "client {client}: has come to {}", ahead.position);
                let since = Since::After {
                    position: Some(ahead.position),
                    or_last: ahead.or_last,
                };
                begin(standing, journals, since, &outbox);
                reached.push(client);
            }
        }
        for client in reached {
            self.has_room(client);
        }
    }

    /// What the stream tells beside what is said in it.
    pub(in crate::hub) fn hear_of_stream(&mut self, news: StreamNews, bounds: Bounds) {
        match news {
            StreamNews::Begins { epoch, begin } => self.journals.begin_epoch(epoch, begin),
            StreamNews::Anew { epoch, begin, from } => {
                self.begin_anew(Journals::of_stream(bounds, epoch, begin, from));
            }
        }
    }
}

fn begin(standing: &mut Standing, journals: &mut Journals<Message>, since: Since, outbox: &Outbox) {
    let start = journals.start(&standing.topic, since, now());
    match start.outcome {
        Outcome::Fresh => {}
        Outcome::Recovered => COUNTERS.hub.recovered.add(1),
        Outcome::Gap(gap) => COUNTERS.hub.gaps[gap as usize].add(1),
    }
    standing.file = File::Idle;
    standing.at = Cursor {
        offset: 0,
        hole: start.hole,
    };
    if let Some(beginning) = &mut standing.beginning {
        *beginning = Beginning {
            from: start.from,
            outcome: start.outcome,
            notices: std::mem::take(&mut beginning.notices),
        };
    }
    // Nothing of a stream is in a file, and so it is known where it begins.
    if let From::Offset(offset) = start.from {
        standing.begin(journals.position(offset), outbox);
    }
}
