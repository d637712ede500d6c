//! Promises that nothing held: each test here fails with a line of the server that was changed by hand while every other test
//! stayed green (`scripts/mutants` does the same by machine).

use rustix::process::Signal;
use std::fs;
use tests::{Admin, Client, Raw, Setup, TEXT, compile_c_file, frame, handshake, wait_until};

/// Cause: `status >= 400` in `on_upgrade` could be anything else.
#[test]
fn a_plugin_may_refuse_with_any_error_and_with_nothing_else() {
    let server = Setup::new().plugins(&["probe"]).start();
    for (status, answered) in [(399, 500), (400, 400), (418, 418), (302, 500), (200, 500)] {
        let target = format!("/probe?refuse={status}");
        let (found, _, body) = Raw::answer(&server, handshake(&target, &[]));
        assert_eq!(found, answered, "{status}: {body}");
    }
    server.wait_for_log(&[
        "it answered with status 302",
        "which neither admits nor refuses",
    ]);
}

/// Cause: `status > 0` in `Instance::call`. What a later version of the ABI may say is no failure.
#[test]
fn a_positive_status_of_a_callback_is_no_failure() {
    let setup = Setup::new();
    let text = include_str!("../../c/echo.c");
    let later = text.replace(
        "return host->send(host, client, kind, payload);",
        "(void)host->send(host, client, kind, payload); return 7;",
    );
    assert_ne!(text, later);
    let source = setup.folder().join("echo.c");
    fs::write(&source, later).expect("the folder is ours");
    compile_c_file(&source, &setup.plugins_folder().join("libecho.so"));
    let server = setup.start();
    let mut client = Client::connect(&server, "/echo");
    for _ in 0..2 {
        client.send("hello");
        assert_eq!(client.text(), "hello");
    }
}

/// Cause: `queue_load` could tell of nothing. The hub stands still meanwhile: what waits for one that keeps up is gone before
/// anybody has looked, on a busy machine too.
#[test]
fn what_waits_for_the_hub_is_told_while_it_waits() {
    let setup = Setup::new().plugins(&["probe"]);
    let stalled = setup.folder().join("stalled");
    let setup = setup.after_shell(&format!("export DETENT_STALL=hub:{}", stalled.display()));
    let (server, admin) = Admin::start_with(setup, "[limits]\nroute_queue = \"64KiB\"\n");
    let of = |name: &str| {
        let value = admin.metric(&format!("{name}{{route=\"/probe\",plugin=\"probe\"}}"));
        value.expect("it is told of each route")
    };
    let mut client = Raw::upgrade(&server, "/probe");
    // The hub has taken what came before.
    client.write(frame(TEXT, b"members room"));
    assert_eq!(client.frame(), (TEXT, b"0".to_vec()));
    fs::write(&stalled, "").expect("the folder is ours");
    // Each counts 2 KiB, so that the 33rd waits for room.
    let said = format!("all {}", ["broadcast hello"; 65].join("; "));
    client.write(frame(TEXT, said.as_bytes()));
    wait_until("the queue is full", || of("detent_queue_waiting") == 1.0);
    assert_eq!(of("detent_queue_waited_total"), 1.0);
    assert!(of("detent_queue_bytes") >= 65.0 * 1024.0);
    fs::remove_file(&stalled).expect("it is there");
    for _ in 0..65 {
        assert_eq!(client.frame(), (TEXT, b"hello".to_vec()));
    }
    wait_until("the hub is done with it", || {
        of("detent_queue_waiting") == 0.0 && of("detent_queue_bytes") < 65.0 * 1024.0
    });
}

/// Cause: `is_stopping() || is_asked_to_leave()` in `Exchange::send` could be `&&`.
#[test]
fn an_answer_during_the_stop_says_that_it_is_the_last() {
    let mut server = Setup::new().plugins(&["faulty"]).start();
    let mut raw = Raw::connect(&server);
    raw.write("GET /faulty?request=block+1000 HTTP/1.1\r\nHost: h\r\n\r\n");
    server.wait_for_log(&["blocks for 1000 ms"]);
    server.signal(Signal::TERM);
    server.wait_for_log(&["stopping"]);
    let (status, head, body) = raw.response();
    assert_eq!((status, body.as_str()), (200, "served"));
    assert!(head.contains("Connection: close\r\n"), "{head}");
    raw.assert_closed();
    assert_eq!(server.wait().code(), Some(0));
}

/// Cause: `has_event_stream && is_preflight` could be `||`: a page elsewhere was told that it may listen where nobody can.
#[test]
fn where_there_are_no_event_streams_no_page_is_told_that_it_may_listen() {
    let text = "[[route]]\npath = \"/push\"\nplugin = \"push\"\nevent_stream = false\n\
                [client]\norigins = [\"https://app.example\"]\n";
    let server = Setup::new().plugins(&["push"]).configuration(text).start();
    let ask = "OPTIONS /push HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n\
               Access-Control-Request-Method: GET\r\n\r\n";
    let (_, head, _) = Raw::answer(&server, ask);
    assert!(
        !head.to_lowercase().contains("access-control-allow-methods"),
        "{head}"
    );
    server.reload_with(&text.replace("event_stream = false\n", ""));
    let (_, head, _) = Raw::answer(&server, ask);
    assert!(
        head.to_lowercase().contains("access-control-allow-methods"),
        "{head}"
    );
}

/// Cause: `may_be_followed`: what comes behind a handshake that has failed, and behind CONNECT, is no request.
#[test]
fn behind_a_failed_handshake_come_frames_and_behind_connect_the_bytes_of_another() {
    let server = Setup::new().plugins(&["echo"]).start();
    let next = "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n";
    // Frames that read as a request are a stranger's way to one in another's name.
    for first in [
        handshake("/nowhere", &[]),
        handshake("/echo", &["Origin: https://elsewhere.example"]),
        "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n".to_owned(),
    ] {
        let mut raw = Raw::connect(&server);
        raw.write([first.as_bytes(), next.as_bytes()].concat());
        let (status, head, _) = raw.response();
        assert!(
            status >= 400 && head.contains("Connection: close\r\n"),
            "{head}"
        );
        raw.assert_closed();
    }
    // CONNECT is the last even where nothing stands behind it yet, a handshake is not.
    let mut raw = Raw::connect(&server);
    raw.write("CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n");
    assert_eq!(raw.response().0, 405);
    raw.assert_closed();
    let mut raw = Raw::connect(&server);
    raw.write(handshake("/nowhere", &[]));
    assert_eq!(raw.response().0, 404);
    raw.assert_kept();
}

/// Cause: `is_misdirected && !has_told` could be `||`, and the line come for any request, or for each.
#[test]
fn of_a_name_that_is_not_ours_is_told_once_and_of_others_never() {
    let server = Setup::new().plugins(&["push"]).start();
    const LINE: [&str; 2] = ["WARN", "somebody on this machine asks for "];
    let ask = |host: &str| {
        Raw::answer(
            &server,
            format!("GET /push HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        )
        .0
    };
    for _ in 0..3 {
        ask("localhost");
    }
    assert_eq!(server.count_log(&LINE), 0);
    for _ in 0..3 {
        ask("attacker.example");
    }
    server.assert_logged(1, &LINE);
}

/// Cause: the arm for 1011 in the answer to one who waits could be left out: a failed plugin seemed to be a server that is busy.
#[test]
fn who_waits_at_a_plugin_that_fails_is_answered_500() {
    let text = "[[route]]\npath = \"/faulty\"\nplugin = \"faulty\"\nevent_stream = true\n";
    let server = Setup::new()
        .plugins(&["faulty"])
        .configuration(text)
        .start();
    let target = "/faulty?open=panic&wait=60s";
    let ask =
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n");
    let (status, _, body) = Raw::answer(&server, ask);
    assert_eq!((status, body.as_str()), (500, "the plugin panicked\n"));
}

/// Cause: `dropped > 0` in `leave` could be `>=`: everyone had been too slow for nothing.
#[test]
fn who_missed_nothing_was_not_too_slow() {
    let server = Setup::new().plugins(&["echo"]).start();
    let client = Client::connect(&server, "/echo");
    client.close(1000, "");
    drop(Client::connect(&server, "/echo"));
    wait_until("both have gone", || server.threads() == 7);
    assert_eq!(server.count_log(&["was too slow for"]), 0);
}

/// Cause: `lifetime + jitter` could be a difference.
#[test]
fn jitter_lengthens_a_life_and_never_shortens_it() {
    let text = "[client]\nlifetime = \"1m\"\nlifetime_jitter = \"2h\"\n";
    let server = Setup::new().plugins(&["echo"]).configuration(text).start();
    for _ in 0..20 {
        let mut client = Client::connect(&server, "/echo");
        client.send("here");
        assert_eq!(client.text(), "here");
    }
}

/// Cause: `Ok(0)` of one who only listens could be taken for nothing: its plugin never heard that it has gone.
#[test]
fn a_plugin_hears_that_one_who_listened_has_gone() {
    let text = "[[route]]\npath = \"/probe\"\nplugin = \"probe\"\nevent_stream = true\n";
    let server = Setup::new().plugins(&["probe"]).configuration(text).start();
    let mut raw = Raw::connect(&server);
    raw.write("GET /probe HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
    assert!(raw.head().starts_with("HTTP/1.1 200 "));
    server.wait_for_log(&["opened 1"]);
    raw.0
        .shutdown(std::net::Shutdown::Write)
        .expect("a live socket");
    server.wait_for_log(&["closed 1", "1005"]);
}
