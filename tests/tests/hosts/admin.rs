//! Whoever runs one host sees the clients of all, and closes one of another.

use tests::{Admin, Client, Redis, becomes_true, run_server, wait_until};

use crate::everywhere::{ask, host, probe};

#[test]
fn clients_of_all_hosts_are_listed_and_closed_by_one() {
    let redis = Redis::start();
    let [one, two] = std::array::from_fn(|_| host(&redis));
    let (mut ann, mut bob) = (probe(&one), probe(&two));
    let _chatting = Client::connect(&two, "/chat");
    // What is not shared is nobody else's.
    let _alone = Client::connect(&two, "/alone");
    assert_eq!(ask(&mut bob, "label bob"), "labelled");
    let of_bob = ask(&mut bob, "everywhere id");
    let admin = Admin::of(&one);
    wait_until("the other host's are known", || {
        admin.json("/clients")["elsewhere"]
            .as_array()
            .is_some_and(|of| of.len() == 2 && of.iter().any(|of| of["label"] == "bob"))
    });
    let list = admin.json(&format!("/clients?client={of_bob}"));
    assert_eq!(
        (&list["found"], &list["found_elsewhere"]),
        (&0.into(), &1.into())
    );
    let listed = &list["elsewhere"][0];
    assert_eq!(
        (&listed["client"], &listed["route"]),
        (&of_bob.as_str().into(), &"/probe".into())
    );
    assert!(
        listed["address"]
            .as_str()
            .is_some_and(|of| of.starts_with("127.0.0.1:")),
        "{listed}"
    );
    assert!(
        listed["machine"].as_str().is_some_and(|of| !of.is_empty()),
        "{listed}"
    );
    assert!(
        listed["age_seconds"].as_u64().is_some_and(|of| of < 600),
        "{listed}"
    );
    for (query, found) in [
        ("route=/chat", 1),
        ("route=/alone", 0),
        ("address=127.0.0.1", 2),
        ("address=192.0.2.1", 0),
        ("client=1", 0),
        ("client=00000001-1", 0),
    ] {
        let list = admin.json(&format!("/clients?{query}"));
        assert_eq!(list["found_elsewhere"], found, "{query}: {list}");
    }
    assert_eq!(
        admin.json("/clients?limit=1")["elsewhere"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );

    let closed = |who: &str| admin.order(&format!("/kick?client={who}&reason=too%20loud"));
    let done = |words: &str| (200, format!("{{\"result\":\"{words}\"}}\n"));
    assert_eq!(
        closed(&of_bob),
        done("1 connection closed, on another host")
    );
    assert_eq!(bob.closed(), (1008, "too loud".to_owned()));
    one.wait_for_log(&[
        "admin: ",
        " closes 127.0.0.1:",
        &format!("client {of_bob} of "),
        "on /probe: too loud",
    ]);
    two.wait_for_log(&["closed 1: 1008 by Server", "too loud"]);
    // Looked at, and not ordered until it is so: orders are counted.
    wait_until("the other host's list is without it", || {
        admin.json(&format!("/clients?client={of_bob}"))["found_elsewhere"] == 0
    });
    assert_eq!(closed(&of_bob).0, 404);
    assert!(closed("00000001-1").1.contains("ask its own host"));
    assert_eq!(closed(&format!("{of_bob}&route=/probe")).0, 400);
    assert_eq!(closed("5f3a09c1-x").0, 400);
    // One of its own is one of its own by this number too.
    assert_eq!(ann.text(), "client 1 has left");
    let of_ann = ask(&mut ann, "everywhere id");
    assert_eq!(closed(&of_ann), done("1 connection closed"));
    assert_eq!(ann.closed(), (1008, "too loud".to_owned()));
}

#[test]
fn the_command_line_lists_and_closes_clients_of_another_host() {
    let redis = Redis::start();
    let [one, two] = std::array::from_fn(|_| host(&redis));
    let mut bob = probe(&two);
    let of_bob = ask(&mut bob, "everywhere id");
    let admin = Admin::of(&one).0.to_string();
    let run = |arguments: &[&str]| run_server(&[arguments, &["--admin", &admin]].concat());
    let mut listed = String::new();
    let is_listed = becomes_true(tests::DEADLINE, || {
        listed = run(&["clients"]).stdout;
        listed.contains(&of_bob)
    });
    assert!(
        is_listed && listed.contains("ON OTHER HOSTS  MACHINE"),
        "{listed}"
    );
    let finished = run(&["kick", &of_bob]);
    finished.assert_code(0);
    assert_eq!(finished.stdout, "1 connection closed, on another host\n");
    assert_eq!(bob.closed().0, 1008);
    run(&["kick", "nobody"]).assert_code(2);
}
