//! What is counted and let go when a client leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use plugin_api::abi::{BY_PEER, BY_PLUGIN, BY_SERVER};

use super::{Counts, ROUTE, World};
use crate::counters::Amount;
use crate::outbox::cause::Cause;
use crate::roster::Call;

/// Cause: mutants survived in which each `on_close` was told of a fault of the server, and in which nobody who had left
/// was counted.
#[test]
fn who_leaves_does_so_for_its_own_reason_and_is_counted_with_what_it_said() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    for (cause, initiator) in [
        (Cause::peer(1000, ""), BY_PEER),
        (Cause::plugin(1008, "bye"), BY_PLUGIN),
        (Cause::server(1001, "going away"), BY_SERVER),
    ] {
        let (client, mut place, _peer) = world.enter();
        let called = place.call(|plugin, session| plugin.on_text(client, session, "text"));
        called.expect("it has a session").expect("it is taken");
        place.close(&cause).expect("counts does not fail");
        assert_eq!(*COUNTS.last_cause.lock(), (cause.code.into(), initiator));
        world.roster.release(client);
    }
    let counts = world.route.counts();
    let visited = counts.visits.read();
    let closed = visited.closed;
    assert_eq!(
        [closed.by_peer, closed.by_plugin, closed.by_server],
        [1000, 1008, 1001].map(|code| BTreeMap::from([(code, 1)]))
    );
    let said = Amount {
        messages: 3,
        bytes: 12,
    };
    assert_eq!((visited.opened, counts.left().incoming), (3, said));
    world.end();
}

/// Cause: a mutant survived in which what waited for the turn of a client that had gone was kept for whoever came next.
#[test]
fn what_waits_for_the_turn_of_a_client_goes_with_it() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let (client, place, _peer) = world.enter();
    let call: Call = Arc::new(());
    let put = || world.roster.put_call(client, ROUTE, call.clone());
    put().expect("it is here");
    assert_eq!(Arc::strong_count(&call), 2);
    place
        .close(&Cause::peer(1000, ""))
        .expect("counts does not fail");
    assert_eq!(Arc::strong_count(&call), 1);
    assert!(!world.roster.has_calls(client) && put().is_err());
    world.end();
}
