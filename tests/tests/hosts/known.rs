//! Hosts know of each other however they come to Redis: by TLS, and by a Sentinel that names one master after the other.

use tests::{Admin, Client, DEADLINE, Redis, Sentinel, Server, becomes_true};

use crate::ROUTE;
use crate::counts::{connect, wait_until_known};
use crate::reach::{PAIR, Secured, has_all, replica_of, setup};

/// What one host tells of all clients: the addresses of those of other hosts are there too.
#[track_caller]
fn assert_listed(server: &Server, clients: &[Client]) {
    let wanted: Vec<String> = clients
        .iter()
        .map(|client| client.stream().local_addr().expect("it stands").to_string())
        .collect();
    let mut listed = String::new();
    let all = becomes_true(DEADLINE, || {
        listed = Admin::of(server).ask("GET", "/clients", &[]).2;
        wanted.iter().all(|address| listed.contains(address))
    });
    assert!(all, "{wanted:?} are not all in {listed}");
}

#[test]
fn hosts_that_reach_redis_by_tls_know_of_each_other() {
    let secured = Secured::start();
    let port = secured.port;
    let shown = "certificate_file = \"host.crt\"\nkey_file = \"host.key\"\n";
    let table = format!("url = \"rediss://localhost:{port}\"\nca_file = \"ca.crt\"\n{shown}");
    let [one, mut two] = [(); 2].map(|()| secured.setup(&table).start());
    let of_one = connect(&one, 1);
    let of_two = connect(&two, 2);
    wait_until_known(&one, 1, &[2]);
    wait_until_known(&two, 2, &[1]);
    assert_listed(&one, &of_two);
    assert_listed(&two, &of_one);
    // It says goodbye by TLS too.
    two.stop();
    wait_until_known(&one, 1, &[]);
    assert_eq!(secured.redis.ask("SCARD detent:hosts"), ":1\n");
    assert_eq!(one.count_log(&["so hosts do not know"]), 0, "{}", one.log());
}

#[test]
fn hosts_follow_a_sentinel_and_know_of_each_other_at_the_next_master() {
    let mut master = Redis::on_free_port(PAIR);
    let replica = replica_of(&master);
    let sentinel = Sentinel::watching(master.port());
    let port = sentinel.port();
    let table = format!("url = \"redis://127.0.0.1:{port}\"\nsentinel = \"mymaster\"\n");
    let [one, two] = [(); 2].map(|()| setup(&table).start());
    let of_one = connect(&one, 1);
    let _of_two = connect(&two, 2);
    wait_until_known(&one, 1, &[2]);
    wait_until_known(&two, 2, &[1]);
    has_all(&replica, &master);
    master.kill();
    // What comes from here on can be known by the next master alone.
    let more = connect(&two, 1);
    drop(of_one);
    wait_until_known(&one, 0, &[3]);
    wait_until_known(&two, 3, &[0]);
    assert_listed(&one, &more);
    assert_eq!(replica.ask("SCARD detent:hosts"), ":2\n");
    let told = one.wait_for_log(&[ROUTE, &replica.url()]);
    assert!(told.contains("is shared with other hosts by"), "{told}");
}
