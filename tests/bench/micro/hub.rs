//! A round of the hub: from the first event told to the last member sent to.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use server::hub::{Audience, Event, Hub, Message, RouteHandle};
use server::ids::{ClientId, RouteId};
use server::outbox::drain::Drain;
use server::outbox::frame::Opcode;

use crate::guest::Guest;

const ROUTE: RouteId = RouteId(0);
const MEMBERS: u64 = 100;

pub(crate) fn bench(criterion: &mut Criterion) {
    let drain = Drain::start().expect("a thread");
    let hub = Hub::start(|_| {}).expect("a thread");
    let handle = hub.handle().open(ROUTE);
    let ids = (1..=MEMBERS).map(ClientId);
    let mut guests: Vec<_> = ids.map(|id| (id, Guest::new(id, &drain))).collect();
    for (client, guest) in &guests {
        handle.post(Event::Opened {
            client: *client,
            outbox: guest.outbox.clone(),
        });
    }
    let mut group = criterion.benchmark_group("hub");
    for broadcasts in [1, 16] {
        group.throughput(Throughput::Elements(broadcasts * MEMBERS));
        let name = format!("{broadcasts} broadcasts to {MEMBERS} members");
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut time = Duration::ZERO;
                for _ in 0..iterations {
                    let start = Instant::now();
                    round(&handle, broadcasts);
                    time += start.elapsed();
                    for (_, guest) in &mut guests {
                        guest.drop_what_came();
                    }
                }
                time
            });
        });
    }
    group.finish();
    hub.end();
    for (_, guest) in &guests {
        guest.outbox.abort();
    }
    drain.end();
}

fn round(hub: &RouteHandle, broadcasts: u64) {
    for _ in 0..broadcasts {
        hub.post(Event::Publish {
            audience: Audience::Everyone,
            message: Message::new(Opcode::Text, &[b'x'; 64]),
            except: None,
        });
    }
    // The first answer may come from within the round that sends; the second cannot.
    hub.count(Audience::Everyone);
    hub.count(Audience::Everyone);
}
