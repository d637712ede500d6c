//! A plugin in C reaches clients of all hosts.

use tests::{Client, Redis, Server, Setup, becomes_true, compile_c};

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
