//! What is said while Redis is away, as it is heard on this host alone.
//!
//! Any thread that speaks, under the lock of what is in flight.

use crate::hub::{Audience, Event, Message, RouteHandle};
use crate::journal::store::Line;
use crate::journal::{POSITION_BYTES, Position};

/// The event by which the members here hear a message now, as the one of this number that is heard so; none where there is
/// nothing to hear. What is kept stays, and gets its place when Redis has it. Until then it says the position of the last entry
/// that was `read`: who comes back with it misses nothing, and hears this again.
pub(super) fn event(
    event: &mut Option<Event>,
    read: Option<Position>,
    number: u64,
    hub: &RouteHandle,
) -> Option<Event> {
    match event.take()? {
        Event::Publish {
            audience,
            message,
            except,
        } => Some(Event::Local {
            number,
            audience,
            message,
            except,
        }),
        Event::Keep(keep) => {
            let mut payload = keep.message.payload().to_vec();
            if let (Some(at), Some(position)) = (keep.position_at, read) {
                payload[at..at + POSITION_BYTES].copy_from_slice(&position.text());
            }
            let name = Some(&*keep.topic).filter(|name| !name.is_empty());
            let message = Message::read(keep.message.kind(), &payload);
            let local = message.map(|message| Event::Local {
                number,
                audience: Audience::of_journal(keep.topic.clone()),
                message: message.compressed(name, hub.demand()),
                except: keep.except,
            });
            *event = Some(Event::Keep(keep));
            local
        }
        // News for the others.
        other => {
            *event = Some(other);
            None
        }
    }
}
