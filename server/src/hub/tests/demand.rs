//! What publishers are told to compress: what those who are here need.

use super::*;
use crate::compression::{Agreed, Shape, Window};

impl Room {
    /// A client whose messages are compressed.
    fn open_compressed(&self, id: u64) -> Guest {
        let guest = self.guest(id);
        let agreed = Agreed {
            window: Window::MOST,
            refers_back: false,
            peer_refers_back: None,
        };
        guest.outbox.become_websocket(false, Some(agreed));
        self.post(guest.opened());
        guest
    }

    /// As it is once the hub has taken everything that was posted.
    fn needs_compressed(&self) -> bool {
        self.route.count(Audience::Everyone);
        self.route.demand().needs(Shape::Bare)
    }
}

/// Cause: mutants survived in which nobody was told to compress, or everybody for ever.
#[test]
fn publishers_compress_as_long_as_somebody_is_here_who_needs_it() {
    let room = Room::new();
    let mut guests = vec![room.open(1)];
    assert!(!room.needs_compressed());
    guests.extend([2, 3].map(|id| room.open_compressed(id)));
    assert!(room.needs_compressed());
    // One stays: an empty route begins anew in any case.
    for (client, is_needed) in [(2, true), (3, false)] {
        let client = ClientId(client);
        room.post(Event::Closed { client });
        assert_eq!(room.needs_compressed(), is_needed, "{client} has left");
    }
    guests.push(room.open_compressed(4));
    assert!(room.needs_compressed());
    room.heard(guests);
}
