//! A fault that nothing can catch ends the process, and the last line of the log says which plugin, callback, client and
//! library it was. A plugin in C that fails in each callback in each way (`tests/c/crash.c`).

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::write;
use rustix::process::Signal;
use tests::{Client, Raw, Server, Setup, compile_c, compile_c_with, handshake};

/// A server with the plugin, which leaves no core dump behind.
fn setup(configuration: &str) -> Setup {
    let text = format!("[[route]]\npath = \"/crash\"\nplugin = \"crash\"\n{configuration}");
    let setup = Setup::new().configuration(&text).plugins(&["echo"]);
    compile_c("crash", &setup.plugins_folder());
    setup.after_shell("ulimit -c 0")
}

fn library(server: &Server) -> String {
    let library = server.folder().join("plugins/libcrash.so");
    library.to_string_lossy().into_owned()
}

/// The process has ended by `signal`, and its last line holds all of `parts`.
#[track_caller]
fn assert_ended(server: &mut Server, signal: Signal, parts: &[&str]) {
    let status = server.wait();
    assert_eq!(status.signal(), Some(signal.as_raw()), "{}", server.log());
    let line = server.wait_for_log(&["ERROR", "server::crash: ", ": the process ends"]);
    for part in parts {
        assert!(line.contains(part), "no `{part}` in: {line}");
    }
    let log = server.log();
    assert_eq!(log.lines().last(), Some(line.as_str()), "{log}");
    server.assert_logged(1, &["server::crash: "]);
}

/// Each way to fail, the signal, and what the line says of it.
const WAYS: [(&str, Signal, &str); 6] = [
    ("overflow", Signal::SEGV, "SIGSEGV (stack overflow)"),
    ("segv", Signal::SEGV, "SIGSEGV (no such memory)"),
    (
        "bus",
        Signal::BUS,
        "SIGBUS (memory whose file is shorter, or a bad alignment)",
    ),
    ("fpe", Signal::FPE, "SIGFPE (a bad division)"),
    ("ill", Signal::ILL, "SIGILL (no such instruction)"),
    ("abort", Signal::ABORT, "SIGABRT (abort)"),
];

#[test]
fn each_kind_of_fault_names_plugin_callback_client_thread_and_library() {
    for (way, signal, what) in WAYS {
        let mut server = setup("").start();
        let _bystander = Client::connect(&server, "/crash");
        let mut client = Client::connect(&server, "/crash");
        client.send(way);
        let whose = format!(
            "{what} in on_message of plugin crash on /crash ({}), client 2, thread client-2, at ",
            library(&server)
        );
        assert_ended(&mut server, signal, &[&whose]);
        let is_in_plugin = !matches!(way, "fpe" | "abort");
        let line = server.wait_for_log(&["server::crash: "]);
        assert_eq!(
            line.contains(", at libcrash.so+0x"),
            is_in_plugin,
            "what calls the C library fails there: {line}"
        );
    }
}

#[test]
fn what_failed_lies_at_an_address_that_the_library_has_a_line_for() {
    let mut server = setup("").start();
    Client::connect(&server, "/crash").send("segv");
    assert_ended(&mut server, Signal::SEGV, &[", address 0x8: "]);
    let line = server.wait_for_log(&["at libcrash.so+0x"]);
    let place = line.split("libcrash.so+0x").nth(1).expect("it is there");
    let (place, _) = place.split_once(',').expect("the address follows");
    let place = usize::from_str_radix(place, 16).expect("a number");
    let length = Path::new(&library(&server))
        .metadata()
        .expect("a file")
        .len();
    assert!(place < length as usize, "{place} of {length}");
}

#[test]
fn every_callback_is_named() {
    for callback in ["upgrade", "open", "request"] {
        let mut server = setup("").start();
        let path = format!("/crash?{callback}=overflow");
        let mut raw = Raw::connect(&server);
        if callback == "request" {
            raw.write(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        } else {
            raw.write(handshake(&path, &[]));
        }
        let parts = [
            &format!("SIGSEGV (stack overflow) in on_{callback} of plugin crash on /crash "),
            ", client 1, thread client-1, at libcrash.so+0x",
        ];
        assert_ended(&mut server, Signal::SEGV, &parts);
    }
    for (order, callback) in [("close", "on_close"), ("error", "on_error")] {
        let mut server = setup("").start();
        let mut client = Client::connect(&server, "/crash");
        client.send(&format!("{order} segv"));
        if order == "close" {
            assert_eq!(client.text(), "close segv");
            client.reset();
        }
        let whose = format!("in {callback} of plugin crash on /crash ");
        assert_ended(
            &mut server,
            Signal::SEGV,
            &[&whose, ", client 1, thread client-1"],
        );
    }
    let mut server = setup("").start();
    let mut client = Client::connect(&server, "/crash");
    client.send("timer overflow");
    let parts = [
        "SIGSEGV (stack overflow) in on_timer of plugin crash on /crash ",
        ", thread timers, at libcrash.so+0x",
    ];
    assert_ended(&mut server, Signal::SEGV, &parts);
}

#[test]
fn what_the_main_thread_calls_is_named() {
    let create = setup("options.create = \"overflow\"\n").run();
    let mut destroyed = setup("options.destroy = \"segv\"\n").start();
    destroyed.signal(Signal::TERM);
    let mut changed = setup("options.reconfigure = \"abort\"\n").start();
    changed.configure("[[route]]\npath = \"/crash\"\nplugin = \"crash\"\noptions.other = 1\n");
    changed.signal(Signal::HUP);
    let mut saved = setup("options.save = \"bus\"\n").start();
    saved.configure("[[route]]\npath = \"/crash\"\nplugin = \"crash\"\noptions.other = 1\n");
    saved.signal(Signal::HUP);
    let named = "SIGSEGV (stack overflow) in create of plugin crash on /crash (";
    assert!(create.stderr.contains(named), "{}", create.stderr);
    for (server, signal, call) in [
        (&mut destroyed, Signal::SEGV, "destroy"),
        (&mut changed, Signal::ABORT, "reconfigure"),
        (&mut saved, Signal::BUS, "save_state"),
    ] {
        let whose = format!(
            "in {call} of plugin crash on /crash ({}), thread server",
            library(server)
        );
        assert_ended(server, signal, &[&whose]);
    }
}

#[test]
fn a_library_that_fails_while_it_is_loaded_is_named() {
    let setup = Setup::new().plugins(&["echo"]);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/c/crash.c");
    let library = setup.plugins_folder().join("libcrash.so");
    compile_c_with(Path::new(source), &library, &["-DAT_LOAD"]);
    let finished = setup.after_shell("ulimit -c 0").run();
    let whose = format!("in the loading of {}, thread server", library.display());
    assert!(finished.stderr.contains(&whose), "{}", finished.stderr);
}

#[test]
fn a_thread_of_a_plugins_own_is_named_with_the_library_that_it_runs() {
    let mut server = setup("").start();
    Client::connect(&server, "/crash").send("thread");
    let parts =
        ["SIGSEGV (no such memory) outside of callbacks, thread of-its-own, at libcrash.so+0x"];
    assert_ended(&mut server, Signal::SEGV, &parts);
}

// The standard library of a plugin gives its threads no second stack, so that such an overflow ended the process without a word.
#[test]
fn a_stack_overflow_of_a_thread_of_a_plugins_own_is_told_once_it_has_called_the_host() {
    let mut server = setup("").start();
    Client::connect(&server, "/crash").send("overflow-of-thread");
    let parts =
        ["SIGSEGV (stack overflow) outside of callbacks, thread of-its-own, at libcrash.so+0x"];
    assert_ended(&mut server, Signal::SEGV, &parts);
}

/// Who watches over a service sends such a signal to see where it hangs (systemd: `WatchdogSignal=SIGABRT`).
#[test]
fn a_signal_that_was_sent_says_by_whom() {
    let mut server = setup("").start();
    server.signal(Signal::ABORT);
    let by = format!("SIGABRT (sent by process {})", std::process::id());
    assert_ended(&mut server, Signal::ABORT, &[&by, "outside of callbacks"]);
}

#[test]
fn the_line_stands_in_the_log_file_and_in_its_format() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("detent.log");
    let log = format!("[log]\nfile = \"{}\"\nformat = \"json\"\n", file.display());
    let route = "[[route]]\npath = \"/crash\"\nplugin = \"crash\"\n";
    let setup = Setup::new().configuration(&format!("{log}{route}"));
    compile_c("crash", &setup.plugins_folder());
    let mut server = setup.after_shell("ulimit -c 0").start();
    Client::connect(&server, "/crash").send("overflow");
    assert_eq!(server.wait().signal(), Some(Signal::SEGV.as_raw()));
    let text = std::fs::read_to_string(&file).expect("the log");
    let last = text.lines().last().expect("it has lines");
    let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(last["level"], "ERROR");
    assert_eq!(last["target"], "server::crash");
    let message = last["message"].as_str().expect("text");
    assert!(
        message.starts_with("SIGSEGV (stack overflow) in on_message of plugin crash on /crash ("),
        "{message}"
    );
    let before = text.lines().next().expect("it has lines");
    let before: serde_json::Value = serde_json::from_str(before).expect("JSON");
    let (time, earlier) = (last["time"].as_str(), before["time"].as_str());
    assert!(time >= earlier && time.is_some(), "{time:?} {earlier:?}");
    assert_eq!(time.map(str::len), earlier.map(str::len));
}

/// What ends the process must not wait for who reads the log.
#[test]
fn a_log_that_nobody_reads_does_not_hold_the_end_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = folder.path().join("log");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo can be run").success());
    let flags = OFlags::RDWR | OFlags::NONBLOCK;
    let full = open(&pipe, flags, Mode::empty()).expect("the pipe can be opened");
    while write(&full, &[b'x'; 4096]).is_ok() {}
    let log = format!("[log]\nfile = \"{}\"\n", pipe.display());
    let route = "[[route]]\npath = \"/crash\"\nplugin = \"crash\"\n";
    let setup = Setup::new().configuration(&format!("{log}{route}"));
    compile_c("crash", &setup.plugins_folder());
    let mut server = setup.after_shell("ulimit -c 0").start();
    Client::connect(&server, "/crash").send("overflow");
    assert_eq!(server.wait().signal(), Some(Signal::SEGV.as_raw()));
}
