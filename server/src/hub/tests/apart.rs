//! Those that are apart: on the route, and not among everyone before they ask for it.

use super::past::after;
use super::*;
use crate::journal::{Outcome, Since};

#[test]
fn what_is_said_to_everyone_is_kept_and_who_comes_apart_gets_it_in_order() {
    let room = Room::new();
    let guest = room.open(1);
    room.post(everyone("lost", None));
    let first = room.keep("", "a").position;
    room.post(everyone("b", Some(guest.id)));
    room.post(everyone("c", None));
    let back = room.open_apart(2);
    room.post(everyone("d", None));
    room.post(to_one(back.id, "own"));
    let joined = room.join_from(&back, "", after(first));
    assert_eq!(joined.outcome, Outcome::Recovered);
    room.post(everyone("e", None));
    let never = room.open_apart(3);
    room.post(everyone("f", Some(back.id)));
    let again = room.join_from(&back, "", after(first));
    assert_eq!(again.outcome, Outcome::Recovered, "nothing comes of it");
    room.post(everyone("g", None));
    assert_eq!(room.route.count(Audience::Everyone), Some(3));
    assert_eq!(room.keep("", "h").members, 2);
    assert_eq!(
        room.heard(vec![guest, back, never]),
        ["lost a c d e f g h ", "own b c d e g h ", ""]
    );
}

#[test]
fn those_that_are_apart_are_closed_with_everyone_and_leave_no_hole_in_any_table() {
    let room = Room::new();
    let apart: Vec<_> = (1..=4).map(|id| room.open_apart(id)).collect();
    let together: Vec<_> = (5..=7).map(|id| room.open(id)).collect();
    // One in the middle of each goes, and one comes over.
    for id in [2, 6] {
        room.post(Event::Closed {
            client: ClientId(id),
        });
    }
    room.join_from(&apart[0], "", Since::Now);
    room.keep("", "a");
    room.join_from(&apart[3], "", Since::Last(1));
    room.keep("", "b");
    assert_eq!(room.route.count(Audience::Everyone), Some(5));
    let cause = Cause::server(1001, "");
    room.post(Event::CloseAll { cause });
    assert_eq!(room.route.count(Audience::Everyone), Some(5));
    let closed = |guests: &[Guest]| {
        let closed = guests.iter().map(|guest| guest.outbox.is_closing());
        closed.collect::<Vec<_>>()
    };
    assert_eq!(closed(&apart), [true, false, true, true]);
    assert_eq!(closed(&together), [true, false, true]);
}
