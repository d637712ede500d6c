//! A plugin in C reaches clients of all hosts.

use tests::{Client, Passage, Redis, Server, Setup, becomes_true, compile_c};

/// A host whose plugin is told of gaps, and one beside it that is not, on shared routes.
fn mended(url: &str, more: &str) -> Server {
    let setup = Setup::new();
    let mut text = format!("[redis]\nurl = \"{url}\"\n{more}");
    for plugin in ["mender", "beacon"] {
        compile_c(plugin, &setup.plugins_folder());
        text += &format!("[[route]]\npath = \"/{plugin}\"\nplugin = \"{plugin}\"\nshared = true\n");
    }
    setup.configuration(&text).start()
}

fn host(redis: &Redis) -> Server {
    let text = format!(
        "[redis]\nurl = \"{}\"\n[[route]]\npath = \"/beacon\"\nplugin = \"beacon\"\nshared = true\n",
        redis.url()
    );
    let setup = Setup::new();
    compile_c("beacon", &setup.plugins_folder());
    setup.configuration(&text).start()
}

#[track_caller]
fn ask(client: &mut Client, text: &str) -> String {
    client.send(text);
    client.text()
}

#[test]
fn a_plugin_in_c_counts_lists_tells_and_closes_on_all_hosts() {
    let redis = Redis::start();
    let [one, two] = std::array::from_fn(|_| host(&redis));
    let mut ann = Client::connect(&one, "/beacon");
    let mut bob = Client::connect(&two, "/beacon");
    let [of_ann, of_bob] = [&mut ann, &mut bob].map(|client| {
        let told = ask(client, "id");
        let id = told
            .strip_suffix("-1 1")
            .expect("the first of its host, which shares the route");
        format!("{id}-1")
    });
    assert_ne!(of_ann, of_bob);
    assert!(becomes_true(tests::DEADLINE, || ask(&mut ann, "count") == "status 0, 2"));
    let mut listed = Vec::new();
    // The list is read behind the count.
    assert!(becomes_true(tests::DEADLINE, || {
        ann.send("who");
        listed.clear();
        loop {
            let line = ann.text();
            if let Some(count) = line.strip_prefix("status 0, ") {
                assert_eq!(count, "2");
                break;
            }
            listed.push(line);
        }
        listed.len() == 2
    }));
    listed.sort();
    let mut wanted = [format!("{of_ann}="), format!("{of_bob}=")];
    wanted.sort();
    assert_eq!(listed, wanted);
    assert_eq!(ask(&mut ann, "who nobody"), "status 0, 0");
    assert_eq!(ask(&mut ann, &format!("to {of_bob} hello")), "status 0");
    assert_eq!(bob.text(), "hello");
    assert_eq!(ask(&mut ann, &format!("end {of_bob} bye")), "status 0");
    assert_eq!(bob.closed(), (4001, "bye".to_owned()));
    assert_eq!(ask(&mut ann, "wrong"), "-1 -1 -1");
    // What it says behind its own end nobody hears.
    ann.send(&format!("end {of_ann} bye"));
    assert_eq!(ann.closed(), (4001, "bye".to_owned()));
}

#[test]
fn a_plugin_in_c_is_told_of_a_gap_and_one_that_does_not_want_to_be_costs_nothing() {
    let redis = Redis::on_free_port(&["--appendonly", "no"]);
    let passage = Passage::to(redis.port());
    let one = mended(&redis.url(), "messages = 100\n");
    let other = mended(&format!("redis://127.0.0.1:{}", passage.port()), "");
    let mut here = Client::connect(&one, "/mender");
    let mut there = [
        Client::connect(&other, "/mender"),
        Client::connect(&other, "/beacon"),
    ];
    assert_eq!(ask(&mut there[0], "told"), "nothing");
    assert_eq!(ask(&mut here, "before"), "before");
    assert_eq!(there[0].text(), "before");
    passage.lead_to(None);
    for route in ["/mender", "/beacon"] {
        other.wait_for_log(&[route, "is away: "]);
    }
    for number in 0..1000 {
        let text = number.to_string();
        assert_eq!(ask(&mut here, &text), text);
    }
    // Of the other route too, which nobody speaks on.
    redis.ask("XADD detent:/beacon * from elsewhere");
    passage.lead_to(Some(redis.port()));
    let text = "what other hosts have said is lost: come back";
    for client in &mut there {
        assert_eq!(client.closed(), (1013, text.to_owned()));
    }
    let mut back = Client::connect(&other, "/mender");
    let mut last = String::new();
    let is_told = becomes_true(tests::DEADLINE, || {
        last = ask(&mut back, "told");
        last != "nothing"
    });
    let [why, from, to] = last.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{last}");
    };
    assert!(
        is_told && why == "missed" && from.len() == 24 && from < to,
        "{last}"
    );
    assert_eq!(ask(&mut here, "told"), "nothing", "it has heard all");
    let threads = other.thread_names();
    let timers = threads.iter().filter(|name| *name == "timers");
    assert_eq!(timers.count(), 1, "of the one that is told: {threads:?}");
    let threads = one.thread_names();
    assert!(!threads.contains(&"timers".to_owned()), "{threads:?}");
}
