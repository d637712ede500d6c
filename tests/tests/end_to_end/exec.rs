//! A program for each client: its life, and its log, under the real server.

use std::fs;

use rustix::process::Signal;

use tests::{Client, Raw, Server, Setup, frame, library, wait_until};

fn start(script: &str, more: &str) -> Server {
    let route = format!(
        "[[route]]\npath = \"/exec\"\nplugin = \"exec\"\n[route.options]\nprogram = [\"sh\", \"-c\", '''{script}''']\n{more}"
    );
    Setup::new()
        .plugins(&["exec"])
        .configuration(&route)
        .start()
}

fn is_alive(process: &str) -> bool {
    fs::exists(format!("/proc/{process}")).expect("it can be looked at")
}

#[test]
fn a_program_speaks_with_its_client_and_goes_with_it() {
    let server = start(
        "echo $$; while read -r line; do echo \"you said $line\"; done; sleep 1000",
        "",
    );
    let mut client = Client::connect(&server, "/exec");
    let process = client.text();
    client.send("hello");
    assert_eq!(client.text(), "you said hello");
    let threads = server.thread_names();
    assert!(threads.iter().any(|name| name == "exec"), "{threads:?}");
    client.reset();
    // Neither at work nor a zombie, and its thread has ended too.
    wait_until("it is gone", || !is_alive(&process));
    wait_until("its thread is gone", || {
        !server.thread_names().iter().any(|name| name == "exec")
    });
}

/// A program that reads nothing, and a client whose thread waits for it in `on_message`: more is in its socket. The program
/// may read nothing for an hour.
fn with_a_program_that_does_not_read() -> (Server, Raw, String) {
    let server = start("echo $$; sleep 1000", "read_timeout = 3600");
    let mut client = Raw::upgrade(&server, "/exec");
    let (_, process) = client.frame();
    let process = String::from_utf8(process).expect("it is a number");
    // A pipe holds 64 KiB.
    for _ in 0..2 {
        client.write(frame(1, &[b'x'; 60_000]));
    }
    client.wait_until_acknowledged();
    client.write(frame(1, &[b'y'; 30_000]));
    wait_until("its thread waits for the program", || {
        server.has_unread_bytes(&client)
    });
    assert!(is_alive(&process));
    (server, client, process)
}

// The thread that waits for a program reads nothing of its client: a program that did not read lived for `read_timeout`, ten
// seconds, after its client had gone.
#[test]
fn one_that_reads_nothing_goes_with_its_client_at_once() {
    for end in [drop, Raw::reset] {
        let (server, client, process) = with_a_program_that_does_not_read();
        end(client);
        wait_until("it is gone", || !is_alive(&process));
        wait_until("its thread is gone", || {
            !server.thread_names().iter().any(|name| name == "exec")
        });
        assert_eq!(server.count_log(&["its program takes nothing"]), 0);
    }
}

#[test]
fn one_that_reads_nothing_delays_no_stop() {
    let (mut server, client, process) = with_a_program_that_does_not_read();
    server.signal(Signal::TERM);
    wait_until("it is gone", || !is_alive(&process));
    // Only its Close frame is waited for.
    drop(client);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert_eq!(server.count_log(&["ERROR"]), 0, "{}", server.log());
}

#[test]
fn its_end_is_its_clients_and_its_errors_are_in_the_log() {
    let server = start("echo careful >&2; seq 1 500 >&2; echo bye; exit 3", "");
    let mut client = Client::connect(&server, "/exec");
    assert_eq!(client.text(), "bye");
    assert_eq!(
        client.closed(),
        (1011, "the program ended with 3".to_owned())
    );
    server.wait_for_log(&["client 1: its program says: careful"]);
    let line = server.wait_for_log(&["lines of its program are left out"]);
    assert!(line.contains("WARN"), "{line}");
    assert!(
        server.count_log(&["its program says"]) < 200,
        "{}",
        server.log()
    );
}

/// How many programs the server has started and not taken leave of; each is listed with the thread that has
/// started it.
fn programs(server: &Server) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("it runs");
    let children =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    children
        .map(|children| children.split_whitespace().count())
        .sum()
}

#[test]
fn many_come_and_go_and_nothing_of_them_is_left() {
    let server = start("cat", "programs_max = 50");
    let open = server.open_files();
    for _ in 0..5 {
        let mut clients: Vec<_> = (0..20).map(|_| Client::connect(&server, "/exec")).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(&format!("hello {number}"));
        }
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.text(), format!("hello {number}"));
        }
    }
    wait_until("their descriptors are closed", || {
        server.open_files() == open
    });
    wait_until("their programs have ended", || programs(&server) == 0);
}

#[test]
fn a_stop_ends_them_with_their_clients() {
    let mut server = start(
        "echo $$; trap '' TERM; while :; do sleep 1000; done",
        "end_timeout = 1",
    );
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(&server, "/exec")).collect();
    let processes: Vec<_> = clients.iter_mut().map(Client::text).collect();
    server.stop();
    assert!(
        !processes.iter().any(|process| is_alive(process)),
        "{processes:?}"
    );
}

#[test]
fn its_code_is_replaced_when_no_program_runs() {
    let server = start("cat", "");
    let mut client = Client::connect(&server, "/exec");
    client.send("one");
    assert_eq!(client.text(), "one");
    let mut code = fs::read(library("exec")).expect("it was built");
    code.push(0);
    server.put_plugin("libexec.so", &code);
    let line = server.reload();
    assert!(
        line.contains("one library or route cannot be used"),
        "{line}"
    );
    server.wait_for_log(&[
        "ERROR",
        "1 programs run for its clients",
        "the old code goes on",
    ]);
    client.send("two");
    assert_eq!(client.text(), "two");
    drop(client);
    wait_until("the code is replaced", || {
        server.reload().contains("code of route /exec")
    });
}
