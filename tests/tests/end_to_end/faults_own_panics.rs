//! The server's own code panics: what that costs, thread by thread. In the real binary, through fault
//! points that builds without debug assertions do not have (`threads/fault_point.rs`).

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use tests::{Client, Raw, Server, Setup, handshake, wait_until};

/// A server in which the `pass`th pass of a fault point panics.
fn faulty_at(fault: &str) -> Server {
    prepared(fault).start()
}

fn prepared(fault: &str) -> Setup {
    let setup = Setup::new().plugins(&["faulty", "echo", "probe"]);
    let setup = setup.arguments(&["--max-connections", "2"]);
    setup.after_shell(&format!("export DETENT_FAULT={fault}"))
}

/// Who was there goes on, and the place of the one that was hit is free again.
#[track_caller]
fn assert_goes_on(server: &Server, bystander: &mut Client) {
    bystander.send("nothing");
    assert_eq!(bystander.text(), "done");
    wait_until("the place is free again", || {
        Client::connect_with(server, "/echo", &[]).is_ok()
    });
}

#[cfg(debug_assertions)]
#[track_caller]
fn wait_for_bug(server: &Server, thread: &str) {
    let thread = format!("thread {thread}: ");
    server.wait_for_log(&[
        "ERROR",
        &thread,
        "as a test wants it: this is a bug in the server",
    ]);
}

/// Cause: the panic hook spared threads by the standard library's name, which threads on stacks of our own
/// do not have, so that one client's panic ended the process with 70.
#[cfg(debug_assertions)]
#[test]
fn a_panic_between_two_messages_costs_that_client_and_on_close_comes_once() {
    let mut server = faulty_at("message:2");
    let mut bystander = Client::connect(&server, "/faulty");
    bystander.send("nothing");
    assert_eq!(bystander.text(), "done");
    let mut hit = Client::connect(&server, "/faulty");
    hit.send("nothing");
    assert_eq!(hit.closed(), (1011, "a fault of the server".to_owned()));
    wait_for_bug(&server, "client-2");
    server.wait_for_log(&["plugin::faulty: closed 2: 1011", "a fault of the server"]);
    assert_goes_on(&server, &mut bystander);
    server.stop();
    assert_eq!(server.count_log(&["plugin::faulty: closed 2: "]), 1);
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_in_a_host_call_costs_that_client_and_does_not_unwind_into_the_plugin() {
    let mut server = faulty_at("send:2");
    let mut bystander = Client::connect(&server, "/faulty");
    bystander.send("nothing");
    assert_eq!(bystander.text(), "done");
    let mut hit = Client::connect(&server, "/faulty");
    hit.send("nothing");
    assert_eq!(hit.closed(), (1011, "a fault of the server".to_owned()));
    wait_for_bug(&server, "client-2");
    assert_goes_on(&server, &mut bystander);
    server.stop();
    assert_eq!(server.count_log(&["plugin::faulty: closed 2: 1011"]), 1);
}

/// Cause: the call that writes the log was not guarded, and aborted the process.
#[cfg(debug_assertions)]
#[test]
fn a_panic_in_the_call_that_logs_costs_that_client() {
    // Both have logged that they were opened.
    let server = faulty_at("log-call:3");
    let mut bystander = Client::connect(&server, "/faulty");
    let mut hit = Client::connect(&server, "/faulty");
    hit.send("block 0");
    assert_eq!(hit.closed(), (1011, "a fault of the server".to_owned()));
    wait_for_bug(&server, "client-2");
    assert_goes_on(&server, &mut bystander);
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_in_a_host_call_of_a_plugins_own_thread_costs_that_call() {
    let server = faulty_at("send:1");
    let mut hearing = Client::connect(&server, "/probe");
    // Three threads of the plugin's own, of which one makes the first call.
    hearing.send("chatter");
    assert_eq!(hearing.text(), "chatter");
    wait_for_bug(&server, "of a plugin's own");
    server.kill();
}

/// Before there is a session: the client is off the route again, and no `on_close` comes.
#[cfg(debug_assertions)]
#[test]
fn a_panic_before_on_open_costs_that_client() {
    let mut server = faulty_at("open:2");
    let mut bystander = Client::connect(&server, "/probe");
    let mut hit = Client::connect(&server, "/probe");
    assert_eq!(hit.closed(), (1011, "a fault of the server".to_owned()));
    wait_for_bug(&server, "client-2");
    bystander.send("clients");
    assert_eq!(bystander.text(), "1");
    bystander.send("broadcast heard");
    assert_eq!(bystander.text(), "heard");
    wait_until("the place is free again", || {
        Client::connect_with(&server, "/echo", &[]).is_ok()
    });
    drop(bystander);
    server.stop();
    assert_eq!(server.count_log(&["closed 2: "]), 0);
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_at_the_end_costs_that_client_and_on_close_comes_once() {
    let mut server = faulty_at("close:1");
    let mut bystander = Client::connect(&server, "/faulty");
    let hit = Client::connect(&server, "/faulty");
    hit.close(1000, "");
    wait_for_bug(&server, "client-2");
    assert_goes_on(&server, &mut bystander);
    server.stop();
    assert_eq!(server.count_log(&["plugin::faulty: closed 2: "]), 1);
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_over_a_request_is_answered_500() {
    let server = faulty_at("request:2");
    let mut bystander = Client::connect(&server, "/faulty");
    let (status, _, body) = Raw::answer(&server, handshake("/faulty", &[]));
    assert_eq!((status, body.trim_end()), (500, "a fault of the server"));
    wait_for_bug(&server, "client-2");
    assert_goes_on(&server, &mut bystander);
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_of_the_timers_thread_costs_that_call() {
    let server = faulty_at("timer:1");
    let mut client = Client::connect(&server, "/probe");
    client.send("join timers");
    client.send("interval 1");
    assert!(client.text().starts_with("timer "), "the next one comes");
    wait_for_bug(&server, "timers");
}

/// Without one of these threads the server would only seem to run.
#[cfg(debug_assertions)]
#[test]
fn a_panic_of_a_thread_that_all_need_ends_the_process_with_70() {
    for name in ["hub", "drain", "reaper", "accept", "signals", "main"] {
        let mut server = faulty_at(&format!("{name}:1"));
        // What gives each of them something to do: a client that comes, breaks a rule and is sent away. The
        // process may end before all of it is said.
        let visit = TcpStream::connect(server.address()).and_then(|mut visitor| {
            visitor.write_all(handshake("/echo", &[]).as_bytes())?;
            visitor.write_all(&tests::unmasked_frame(tests::TEXT, b"x"))?;
            visitor.read_to_end(&mut Vec::new())
        });
        drop(visit);
        if name == "signals" {
            server.signal(Signal::HUP);
        }
        let status = server.wait();
        assert_eq!(status.code(), Some(70), "{name}:\n{}", server.log());
        wait_for_bug(&server, name);
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_of_the_log_thread_is_told_on_stderr_and_ends_the_process_with_70() {
    let finished = prepared("log:1").run();
    finished.assert_code(70);
    assert!(
        finished.stderr.contains("thread log: "),
        "{}",
        finished.stderr
    );
}

/// What a build without debug assertions does with the same environment: nothing.
#[cfg(not(debug_assertions))]
#[test]
fn a_release_has_no_fault_points() {
    let faults = [
        "main", "hub", "drain", "reaper", "accept", "log", "message", "send", "open",
    ];
    let faults = faults.map(|name| format!("{name}:1")).join(",");
    let mut server = faulty_at(&faults);
    let mut client = Client::connect(&server, "/faulty");
    assert_goes_on(&server, &mut client);
    drop(client);
    server.stop();
    assert_eq!(server.count_log(&["this is a bug in the server"]), 0);
}
