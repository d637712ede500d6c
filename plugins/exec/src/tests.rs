use std::time::{Duration, Instant};

use plugin_api::testing::{Ask, Client, Received, Route, Setup};
use serde_json::json;

use super::Exec;

fn serve(program: &[&str]) -> Setup {
    Route::of::<Exec>().option("program", program)
}

fn sh(script: &str) -> Setup {
    serve(&["sh", "-c", script])
}

/// Programs take their time: looks again and again, for long on a busy machine.
#[track_caller]
fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} does not come");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[track_caller]
fn text(client: &Client) -> String {
    match wait_for("a message", || client.next()) {
        Received::Text(text) => text,
        other => panic!("no text: {other:?}"),
    }
}

#[track_caller]
fn closed(client: &Client) -> (u16, String) {
    wait_for("the end", || client.closed())
}

fn is_alive(process: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{process}/stat"));
    state.is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn each_client_talks_to_a_program_of_its_own_line_by_line() {
    let route = sh("while read -r line; do echo \"$line\"; done").start();
    let (ann, bob) = (route.connect("/exec"), route.connect("/exec"));
    ann.send("one");
    bob.send("two");
    assert_eq!((text(&ann), text(&bob)), ("one".into(), "two".into()));
    ann.send(&b"three"[..]);
    assert_eq!(text(&ann), "three");
}

#[test]
fn its_end_closes_the_client_and_says_how_it_was() {
    for (script, code, reason) in [
        ("exit 0", 1000, ""),
        ("exit 3", 1011, "the program ended with 3"),
        ("kill -9 $$", 1011, "the program was ended by signal 9"),
    ] {
        let route = sh(script).start();
        let client = route.connect("/exec");
        assert_eq!(closed(&client), (code, reason.to_owned()), "{script}");
    }
    // Its last words come first, also without the end of a line.
    let route = sh("printf 'a\\nb'").start();
    let client = route.connect("/exec");
    assert_eq!((text(&client), text(&client)), ("a".into(), "b".into()));
    assert_eq!(closed(&client).0, 1000);
}

#[test]
fn it_finds_its_client_in_its_environment_and_nothing_of_the_servers() {
    let route = serve(&["env"]).option("environment", json!({ "COLOUR": "red" }));
    let route = route.path("/run/{*what}").start();
    let ask = Ask::get("/run/it/now?a=b%20c")
        .from("192.0.2.7")
        .header("X-Colour", "blue")
        .header("X-Colour", "green")
        .header("X_Colour", "forged")
        .header("Proxy", "http://evil.example")
        .header("Authorization", "Bearer secret");
    let client = route.connect(ask);
    closed(&client);
    let all = client.texts();
    for line in [
        "COLOUR=red",
        "REMOTE_ADDR=192.0.2.7",
        "QUERY_STRING=a=b%20c",
        "REQUEST_URI=/run/it/now?a=b%20c",
        "SCRIPT_NAME=/run",
        "PATH_INFO=/it/now",
        "REQUEST_METHOD=GET",
        "HTTP_X_COLOUR=blue, green",
    ] {
        assert!(all.iter().any(|of| of == line), "{line} is not in {all:#?}");
    }
    let absent = ["HTTP_PROXY", "HTTP_AUTHORIZATION", "CARGO", "HOME"];
    for name in absent {
        let found = all.iter().find(|line| line.starts_with(name));
        assert_eq!(found, None);
    }
}

#[test]
fn no_shell_reads_the_arguments() {
    let route = serve(&["echo", "$HOME; exit 3", "`id`"]).start();
    let client = route.connect("/exec");
    assert_eq!(text(&client), "$HOME; exit 3 `id`");
    assert_eq!(closed(&client).0, 1000);
}

#[test]
fn in_binary_mode_bytes_come_as_they_are() {
    let route = serve(&["cat"]).option("binary", true).start();
    let client = route.connect("/exec");
    client.send(&b"\0\xff\n\n"[..]);
    let mut got = Vec::new();
    while got.len() < 4 {
        match wait_for("bytes", || client.next()) {
            Received::Binary(bytes) => got.extend(bytes),
            other => panic!("no bytes: {other:?}"),
        }
    }
    assert_eq!(got, b"\0\xff\n\n");
}

#[test]
fn it_goes_with_its_client_and_so_does_what_it_has_started() {
    // One that heeds SIGTERM, and one that has to be killed; each with a child.
    for script in [
        "sleep 1000 & echo $! $$; wait",
        "trap '' TERM; sleep 1000 & echo $! $$; while :; do sleep 1000; done",
    ] {
        let route = sh(script).option("end_timeout", 1).start();
        let client = route.connect("/exec");
        let processes = text(&client);
        assert!(processes.split(' ').all(is_alive), "{processes}");
        client.close(1000, "");
        wait_for("the end of all", || {
            (!processes.split(' ').any(is_alive)).then_some(())
        });
    }
}

#[test]
fn at_the_end_of_the_route_none_is_left() {
    let route = sh("trap '' TERM; echo $$; while :; do sleep 1000; done");
    let route = route.option("end_timeout", 0).start();
    let clients: Vec<_> = (0..5).map(|_| route.connect("/exec")).collect();
    let processes: Vec<_> = clients.iter().map(text).collect();
    route.stop();
    assert!(!processes.iter().any(|process| is_alive(process)));
}

#[test]
fn more_than_may_are_refused_and_a_place_comes_free() {
    let route = serve(&["cat"]).option("programs_max", 1).start();
    let first = route.connect("/exec");
    let refused = route.try_connect("/exec").expect_err("one is there");
    assert_eq!(refused.status_code(), 503);
    first.close(1000, "");
    let second = wait_for("a place", || route.try_connect("/exec").ok());
    second.send("here");
    assert_eq!(text(&second), "here");
}

#[test]
fn one_that_reads_nothing_holds_its_client_back_and_then_is_ended() {
    let route = sh("sleep 1000").option("read_timeout", 1).start();
    let client = route.connect("/exec");
    let large = "x".repeat(256 * 1024);
    let started = Instant::now();
    client.send(large.as_str());
    // Held for as long as it may be, and no longer than a busy machine makes of it.
    assert!(started.elapsed() >= Duration::from_secs(1));
    let (code, reason) = closed(&client);
    assert_eq!((code, reason.as_str()), (1011, "the program does not read"));
}

#[test]
fn one_that_reads_nothing_goes_with_its_client_at_once() {
    let route = sh("echo $$; sleep 1000")
        .option("read_timeout", 3600)
        .start();
    let client = route.connect("/exec");
    let process = text(&client);
    std::thread::scope(|scope| {
        // It waits for the program until the client has gone.
        scope.spawn(|| client.send("x".repeat(256 * 1024)));
        scope.spawn(|| client.cut());
    });
    wait_for("its end", || (!is_alive(&process)).then_some(()));
    assert_eq!(route.counts().closed, 1);
}

#[test]
fn one_that_has_closed_its_input_is_spoken_to_in_vain() {
    let route = sh("exec <&-; echo deaf; sleep 1000").start();
    let client = route.connect("/exec");
    assert_eq!(text(&client), "deaf");
    client.send("hello");
    assert!(client.is_open());
}

#[test]
fn a_line_without_end_ends_it() {
    let route = sh("exec tr '\\0' x </dev/zero")
        .option("line_bytes_max", 1000)
        .start();
    let client = route.connect("/exec");
    assert_eq!(
        closed(&client),
        (1011, "a line of the program is too long".to_owned())
    );
}

#[test]
fn options_change_for_who_comes_and_code_for_nobody_while_programs_run() {
    let mut route = sh("echo one; cat").start();
    let first = route.connect("/exec");
    assert_eq!(text(&first), "one");
    route
        .reload_with("program", ["sh", "-c", "echo two; cat"])
        .expect("they are right");
    let second = route.connect("/exec");
    assert_eq!(text(&second), "two");
    first.send("still here");
    assert_eq!(text(&first), "still here");
    let refused = route.replace_by_itself().expect_err("programs run");
    assert!(refused.contains("2 programs run"), "{refused}");
}

#[test]
fn options_that_cannot_be_are_refused() {
    for (name, value, why) in [
        ("program", json!([""]), "option `program`"),
        ("programs_max", json!(0), "from 1 to 10000"),
        ("end_timeout", json!(61), "up to 60"),
        ("folder", json!("/nowhere"), "is no folder"),
        ("shell", json!(true), "shell"),
    ] {
        let setup = serve(&["cat"]).option(name, value);
        let refused = setup.try_start().expect_err("it is refused");
        assert!(refused.contains(why), "{refused}");
    }
    let missing = serve(&["/no/such/program"]).start();
    let client = missing.try_connect("/exec");
    let told = client.map(|client| client.closed());
    assert_eq!(told.ok().flatten().map(|(code, _)| code), Some(1011));
    let unset = Route::of::<Exec>().start();
    let refused = unset.try_connect("/exec").expect_err("no program is set");
    assert!(refused.body_text().contains("no program is set"));
}
