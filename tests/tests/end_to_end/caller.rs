//! `server push` and `server listen`, as scripts use them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use tests::{Client, DEADLINE, Raw, Server, Setup, server_program};

fn url(server: &Server, scheme: &str, path: &str) -> String {
    format!("{scheme}://{}{path}", server.address())
}

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut program = Command::new(server_program())
        .args(arguments)
        .env_remove("DETENT_TOKEN")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it was built");
    let mut stdin = program.stdin.take().expect("a pipe");
    // Who needs no input may have ended already.
    stdin.write_all(input).ok();
    drop(stdin);
    program.wait_with_output().expect("it ends")
}

#[track_caller]
fn push(arguments: &[&str], input: &[u8]) -> (i32, String) {
    let arguments = [&["push"], arguments].concat();
    let output = run(&arguments, input);
    assert!(output.stdout.is_empty(), "{output:?}");
    let told = String::from_utf8(output.stderr).expect("text");
    (output.status.code().expect("it exits"), told)
}

/// A `server listen` that ends with the test.
struct Listener {
    program: Child,
    printed: BufReader<ChildStdout>,
}

impl Listener {
    fn start(server: &Server, scheme: &str) -> Listener {
        let mut listener = Listener::since(server, scheme, &[], Stdio::null());
        listener.wait_until_there(server);
        listener
    }

    /// With further arguments; need not be there yet.
    fn since(server: &Server, scheme: &str, arguments: &[&str], told: Stdio) -> Listener {
        let mut program = Command::new(server_program())
            .args(["listen", &url(server, scheme, "/push/news")])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(told)
            .spawn()
            .expect("it was built");
        let printed = BufReader::new(program.stdout.take().expect("a pipe"));
        Listener { program, printed }
    }

    /// Waits until it listens, and prints what is said. One that has just lost its connection, as on a busy
    /// machine it may, is not there yet.
    fn wait_until_there(&mut self, server: &Server) {
        let post = "POST /push/news HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nthere";
        tests::wait_until("it listens", || {
            Raw::answer(server, post).2.contains("\"clients\":1")
                && self.next_line(Duration::from_secs(1)).is_some()
        });
    }

    /// The next line but those that [`Listener::wait_until_there`] has sent.
    #[track_caller]
    fn line(&mut self) -> String {
        loop {
            let line = self.next_line(DEADLINE).expect("a line in time");
            if line != "there" {
                return line;
            }
        }
    }

    fn next_line(&mut self, patience: Duration) -> Option<String> {
        if self.printed.buffer().is_empty() {
            let patience = patience.try_into().expect("seconds");
            let mut awaited = [PollFd::new(self.printed.get_ref(), PollFlags::IN)];
            if poll(&mut awaited, Some(&patience)).expect("a pipe") == 0 {
                return None;
            }
        }
        let mut line = String::new();
        self.printed.read_line(&mut line).expect("text");
        assert!(line.ends_with('\n'), "it goes on: {line:?}");
        line.pop();
        Some(line)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It may have ended already.
        self.program.kill().ok();
        self.program.wait().ok();
    }
}

#[test]
fn a_text_a_file_and_each_line_are_sent_by_either_way() {
    let server = Server::start();
    let mut listener = Client::connect(&server, "/push/news");
    let file = server.folder().join("message");
    let file = file.to_str().expect("a plain name");
    for scheme in ["http", "ws"] {
        let to = url(&server, scheme, "/push/news");
        assert_eq!(push(&[&to, "a text"], b""), (0, String::new()));
        assert_eq!(listener.text(), "a text");
        fs::write(file, "two\nlines\n").expect("it can be written");
        assert_eq!(push(&[&to, "--file", file], b"").0, 0);
        assert_eq!(listener.text(), "two\nlines\n");
        fs::write(file, [0, 255, 10]).expect("it can be written");
        assert_eq!(push(&[&to, "--file", file], b"").0, 0);
        assert_eq!(listener.binary(), [0, 255, 10]);
        assert_eq!(push(&[&to, "--file", "-"], b"all\nof it").0, 0);
        assert_eq!(listener.text(), "all\nof it");
        assert_eq!(push(&[&to], b"one\n\nthree").0, 0);
        for line in ["one", "", "three"] {
            assert_eq!(listener.text(), line);
        }
    }
}

#[test]
fn what_goes_wrong_is_told_by_the_exit_code() {
    let setup = Setup::new().plugins(&["push", "echo"]).configuration(
        "[limits]\nbody = \"10 B\"\n[client]\nmessage = \"10 B\"\n[inside]\ntokens = [\"a-token-of-sixteen\"]\n",
    );
    let server = setup.start();
    let to = url(&server, "http", "/push/news");
    let (code, told) = push(&[&to, "x"], b"");
    assert_eq!(
        (code, told.as_str()),
        (1, "error: refused: 403 only insiders write here\n")
    );
    let token = ["--token", "a-token-of-sixteen"];
    assert_eq!(
        push(&[&to, "x", token[0], token[1]], b""),
        (0, String::new())
    );
    let (code, told) = push(&[&to, "more than ten", token[0], token[1]], b"");
    assert!(code == 1 && told.contains("413"), "{told}");
    let nowhere = url(&server, "http", "/nowhere");
    assert!(push(&[&nowhere, "x"], b"").1.contains("refused: 404"));
    let (code, told) = push(&[&url(&server, "ws", "/nowhere"), "x"], b"");
    assert!(code == 1 && told.contains("refused: 404"), "{told}");
    let (code, told) = push(&[&url(&server, "ws", "/echo"), "more than ten"], b"");
    assert!(code == 1 && told.contains("closed with 1009"), "{told}");
    for wrong in [
        vec!["https://example.org/", "x"],
        vec!["example.org", "x"],
        vec![],
        vec![&to, "x", "--file", "y"],
        vec![&to, "--file", "/nowhere/at/all"],
    ] {
        assert_eq!(push(&wrong, b"").0, 2, "{wrong:?}");
    }
    // A port that is bound and not listened on answers nobody.
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("it is bound");
    drop(free);
    for scheme in ["http", "ws"] {
        let away = format!("{scheme}://{address}/push");
        assert_eq!(push(&[&away, "x"], b"").0, 69);
        assert_eq!(run(&["listen", &away], b"").status.code(), Some(69));
    }
}

#[test]
fn what_is_said_is_printed_also_after_a_restart() {
    for scheme in ["http", "ws"] {
        let mut server = Server::start();
        let mut listener = Listener::start(&server, scheme);
        let mut insider = Client::connect(&server, "/push/news");
        insider.send("one");
        insider.send("two\nlines");
        insider.send_binary(b"bytes");
        for line in ["one", "two", "lines", "bytes"] {
            assert_eq!(listener.line(), line, "{scheme}");
        }
        server.stop();
        server.start_again();
        listener.wait_until_there(&server);
        push(&[&url(&server, "http", "/push/news"), "back"], b"");
        assert_eq!(listener.line(), "back", "{scheme}");
    }
}

#[test]
fn a_listener_that_is_refused_or_whose_reader_has_gone_ends() {
    let server = Server::start();
    let refused = run(&["listen", &url(&server, "http", "/push/a%0Ab")], b"");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let mut listener = Listener::start(&server, "http");
    // Its reader goes, as `head -1` does.
    let empty = Command::new("true").stdout(Stdio::piped()).spawn();
    let empty = empty.expect("true").stdout.take().expect("a pipe");
    listener.printed = BufReader::new(empty);
    tests::wait_until("it ends", || {
        push(&[&url(&server, "http", "/push/news"), "to nobody"], b"");
        listener.program.try_wait().expect("it is ours").is_some()
    });
    let status = listener.program.wait().expect("it has ended");
    assert_eq!(status.code(), Some(0));
}

/// The route ends each connection after a moment, and all the while somebody speaks.
#[test]
fn one_who_is_cut_again_and_again_prints_each_message_once() {
    let route = "[[route]]\npath = [\"/push\", \"/push/{topic}\"]\nplugin = \"push\"\nlifetime = \"300ms\"\n";
    let server = Setup::new().plugins(&["push"]).configuration(route).start();
    let say = |text: &str| {
        let (code, told) = push(&[&url(&server, "http", "/push/news"), text], b"");
        assert_eq!(code, 0, "{told}");
    };
    for text in ["before", "0"] {
        say(text);
    }
    for scheme in ["http", "ws"] {
        let mut listener = Listener::since(&server, scheme, &["--since", "1"], Stdio::null());
        assert_eq!(listener.line(), "0", "{scheme}");
        for number in 1..4 {
            // It is away for a second or more.
            tests::wait_until("it is away", || {
                let page = "GET /push HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n";
                !Raw::answer(&server, page).2.contains("[\"news\",")
            });
            say(&number.to_string());
            assert_eq!(listener.line(), number.to_string(), "{scheme}");
        }
        // As it is, with what stands at its end.
        say(" 0 \t ");
        assert_eq!(listener.line(), " 0 \t ", "{scheme}");
        say("0");
        assert_eq!(listener.line(), "0", "{scheme}");
    }
}

#[test]
fn what_cannot_be_had_after_a_restart_is_told_beside_what_is_printed() {
    for scheme in ["http", "ws"] {
        let mut server = Server::start();
        let news = url(&server, "http", "/push/news");
        let arguments = ["--since", "all"];
        let mut listener = Listener::since(&server, scheme, &arguments, Stdio::piped());
        assert_eq!(push(&[&news, "one"], b"").0, 0);
        assert_eq!(listener.line(), "one");
        server.stop();
        server.start_again();
        let told = listener.program.stderr.take().expect("a pipe");
        let mut told = BufReader::new(told).lines().map(|line| line.expect("text"));
        let gap = told.find(|line| line.starts_with("gap: "));
        assert_eq!(
            gap.as_deref(),
            Some("gap: something was said that cannot be had any more (other-epoch)")
        );
        assert_eq!(push(&[&news, "two"], b"").0, 0);
        assert_eq!(listener.line(), "two", "{scheme}");
    }
}

#[test]
fn durable_waits_for_the_disk_and_says_where_there_is_none() {
    let route = "[[route]]\npath = \"/push\"\nplugin = \"push\"\n[route.journal]\nfile = \"push.journal\"\n";
    let mut server = Setup::new().plugins(&["push"]).configuration(route).start();
    let place = url(&server, "http", "/push");
    let topic = format!("{place}?topic=news");
    for place in [&place, &topic] {
        assert_eq!(push(&["--durable", place, "kept"], b""), (0, String::new()));
    }
    server.signal(rustix::process::Signal::KILL);
    server.wait();
    server.start_again();
    let place = url(&server, "http", "/push");
    for path in ["/push", "/push?topic=news"] {
        let get =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n");
        let body = Raw::answer(&server, get).2;
        assert!(body.contains("\"text\":\"kept\""), "{path}: {body}");
    }
    let socket = url(&server, "ws", "/push");
    let (code, told) = push(&["--durable", &socket, "x"], b"");
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("--durable needs http://"), "{told}");
    let in_memory = Server::start();
    let other = url(&in_memory, "http", "/push");
    let (code, told) = push(&["--durable", &other, "x"], b"");
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("501"), "{told}");
    assert_eq!(push(&["--durable", &place, "still"], b"").0, 0);
}
