//! What is said while Redis is away, as it is heard on this host alone.
//!
//! Any thread that speaks, the hub's too, under the lock of what is in flight: copies, and compresses nothing.

use crate::hub::{Audience, Event};
use crate::journal::Position;

/// The event by which the members here hear a message now, as the one of this number that is heard so; none where there is
/// nothing to hear. What is kept stays, and gets its place when Redis has it. Until then it says the position of the last entry
/// that was `read`: who comes back with it misses nothing, and hears this again.
pub(super) fn event(
    event: &mut Option<Event>,
    read: Option<Position>,
    number: u64,
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
            let local = Event::Local {
                number,
                audience: Audience::of_journal(keep.topic.clone()),
                message: keep.message.before_it_is_kept(keep.position_at, read),
                except: keep.except,
            };
            *event = Some(Event::Keep(keep));
            Some(local)
        }
        // News for the others.
        other => {
            *event = Some(other);
            None
        }
    }
}
