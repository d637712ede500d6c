//! A route that is shared with other hosts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Counts, World};
use crate::engine::hosts::Hosts;
use crate::engine::{Address, Server, Terms, WhenAway};
use crate::ids::RouteId;
use crate::outbox::cause::Cause;

/// Cause: a mutant survived in which other hosts were shown the clients of all routes but this one.
#[test]
fn other_hosts_are_shown_who_is_on_the_route_and_nobody_else() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    let here = world.route.here();
    let (client, place, _peer) = world.enter_held();
    let (stranger, outbox, _strangers_peer) = world.come();
    world.hold(stranger, outbox);
    world.roster.open(stranger, RouteId(1));
    let (newcomer, outbox, _newcomers_peer) = world.come();
    world.hold(newcomer, outbox);
    let mut shown = Vec::new();
    (here.each)(&mut |client, _| shown.push(client));
    assert_eq!(
        (shown, here.count.load(Ordering::Relaxed)),
        (vec![client], 1)
    );
    place
        .close(&Cause::peer(1000, ""))
        .expect("counts does not fail");
    world.roster.close(stranger);
    for client in [client, stranger, newcomer] {
        world.release(client);
    }
    world.end();
}

/// Cause: a mutant survived in which whoever looks at the server heard nothing of other hosts.
#[test]
fn a_route_that_is_shared_says_so_though_redis_is_away() {
    static COUNTS: Counts = Counts::new();
    let world = World::new(&COUNTS);
    assert!(world.route.shared().is_none());
    let terms = Terms {
        address: Address {
            // Nobody listens there.
            servers: vec![Server::parse("redis+unix:///dev/null/redis.sock").expect("an address")],
            ..Address::default()
        },
        prefix: "detent:".to_owned(),
        messages: 1,
        wait: Duration::ZERO,
        when_away: WhenAway::Wait,
    };
    let hosts = Hosts::start(&terms).expect("a thread is to be had");
    let engine = world.route.share(&terms, &hosts);
    let engine = engine.expect("threads are to be had");
    let shared = world.route.shared();
    assert!(shared.is_some_and(|shared| Arc::ptr_eq(shared, &engine.shared())));
    engine.end();
    engine.join();
    hosts.end();
    hosts.join();
    world.end();
}
