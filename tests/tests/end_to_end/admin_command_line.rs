//! `server status`, `clients`, `kick` and `reload`: another process of the same binary asks one at work.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use tests::{ADMIN, Admin, Client, Finished, Server, Setup, TOKEN, run_server};

fn start() -> Server {
    Admin::start(&["echo", "chat"]).0
}

#[track_caller]
fn ask(server: &Server, arguments: &[&str]) -> Finished {
    let admin = Admin::of(server).0.to_string();
    run_server(&[arguments, &["--admin", &admin]].concat())
}

#[test]
fn status_and_clients_are_tables_for_people() {
    let server = start();
    let mut client = Client::connect(&server, "/echo");
    client.send("hello");
    assert_eq!(client.text(), "hello");
    let finished = ask(&server, &["status"]);
    finished.assert_code(0);
    for part in [
        "detent 0.1.0, ready, pid ",
        "1 on a route, 0 slow, 0 B wait for them",
        "1 in (5 B), 1 answered (5 B), 0 delivered (0 B), 0 dropped",
        "\n/chat  chat 0.1.0  in       0        0     0 B ",
        "\n/echo  echo 0.1.0  in       1        0     0 B ",
    ] {
        assert!(
            finished.stdout.contains(part),
            "{part}: {}",
            finished.stdout
        );
    }
    let finished = ask(&server, &["clients", "--route", "/echo"]);
    finished.assert_code(0);
    let lines: Vec<_> = finished.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("CLIENT  ADDRESS"), "{lines:?}");
    assert!(
        lines[1].starts_with("1       127.0.0.1:") && lines[1].contains(" /echo  websocket "),
        "{lines:?}"
    );
    let finished = ask(&server, &["clients", "--route", "/chat"]);
    assert_eq!(finished.stdout.lines().count(), 1, "{}", finished.stdout);
    let finished = ask(&server, &["clients", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    assert_eq!(list["found"], 1);
}

#[test]
fn kick_closes_and_says_so() {
    let server = start();
    let mut client = Client::connect(&server, "/echo");
    let finished = ask(&server, &["kick", "1", "--reason", "too loud & long"]);
    finished.assert_code(0);
    assert_eq!(finished.stdout, "1 connection closed\n");
    assert_eq!(client.closed(), (1008, "too loud & long".to_owned()));
    server.wait_for_log(&["admin: ", ", who says to be command line closes "]);
    let finished = ask(&server, &["kick", "77"]);
    finished.assert_code(1);
    assert_eq!(finished.stderr, "error: nobody is there whom that means\n");
    let mut others = [
        Client::connect(&server, "/echo"),
        Client::connect(&server, "/echo"),
    ];
    ask(
        &server,
        &["kick", "--address", "127.0.0.1", "--route", "/echo"],
    )
    .assert_code(0);
    for other in &mut others {
        assert_eq!(other.closed().0, 1008);
    }
    let finished = ask(&server, &["kick"]);
    finished.assert_code(2);
    assert!(finished.stderr.contains("required"), "{}", finished.stderr);
}

#[test]
fn reload_tells_how_it_went() {
    let server = start();
    let finished = ask(&server, &["reload"]);
    finished.assert_code(0);
    assert_eq!(finished.stdout, "reload done: nothing has changed\n");
    server.configure(&format!("nonsense = 1\n{ADMIN}"));
    let finished = ask(&server, &["reload"]);
    finished.assert_code(1);
    assert!(
        finished.stderr.starts_with("error: refused, "),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("nonsense"), "{}", finished.stderr);
}

#[test]
fn the_settings_of_the_server_lead_to_it_with_its_token() {
    // A port that was free a moment ago, since the settings have to name one.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.expect("a free port");
    let setup = Setup::new().plugins(&["echo"]);
    let setup = setup.private("tokens", &format!("# for me\n{TOKEN}\n"), 0o600);
    let text = format!("[admin]\nlisten = \"{address}\"\ntokens_file = \"tokens\"\n");
    let server = setup.configuration(&text).start();
    let folder = server.folder().display().to_string();
    let config = format!("{folder}/detent.toml");
    let finished = run_server(&["status", "--config", &config]);
    finished.assert_code(0);
    assert!(
        finished.stdout.contains("detent 0.1.0, ready"),
        "{}",
        finished.stdout
    );
    let admin = address.to_string();
    let finished = run_server(&["status", "--admin", &admin]);
    finished.assert_code(1);
    assert!(
        finished.stderr.contains("show a token"),
        "{}",
        finished.stderr
    );
    let tokens = format!("{folder}/tokens");
    run_server(&["status", "--admin", &admin, "--token-file", &tokens]).assert_code(0);
    // A token is no use to those who may not read the file.
    let finished = run_server(&["status", "--admin", &admin, "--token-file", "/nowhere"]);
    finished.assert_code(2);
    assert!(
        finished.stderr.contains("/nowhere: No such file"),
        "{}",
        finished.stderr
    );
}

#[test]
fn where_nobody_answers_it_says_why() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let config = folder.path().join("detent.toml");
    let config = config.display().to_string();
    fs::write(&config, "plugins = \"p\"\n").expect("it can be written");
    // Bound, and nobody accepts or speaks HTTP.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let closed = closed.expect("a free port").to_string();
    for (arguments, code, part) in [
        (
            &["status"][..],
            2,
            "say which server: --config with its settings, or --admin",
        ),
        (
            &["status", "--config", &config],
            2,
            "these settings have no [admin] listen",
        ),
        (
            &["status", "--admin", "nowhere"],
            2,
            "\"nowhere\" is no admin listener",
        ),
        (&["status", "--admin", &closed], 69, "is the server running"),
        (&["stat"], 2, "a similar subcommand exists: 'status'"),
    ] {
        let finished = run_server(arguments);
        finished.assert_code(code);
        assert!(
            finished.stderr.contains(part),
            "{arguments:?}: {}",
            finished.stderr
        );
    }
    let server = start();
    // The port for clients.
    let finished = run_server(&["status", "--admin", &server.address().to_string()]);
    finished.assert_code(1);
    assert!(
        finished.stderr.contains("no route here"),
        "{}",
        finished.stderr
    );
}

/// What listens where the admin listener was: it takes one connection, and says this.
fn impostor(answer: &'static str) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody asks");
        let mut request = [0; 4096];
        let count = stream.read(&mut request).expect("a request");
        assert!(count > 0);
        // Who asks may have heard enough.
        stream.write_all(answer.as_bytes()).ok();
    });
    (address, serving)
}

/// Cause: what was answered came to the terminal as it was, and a time that no server tells ended the process.
#[test]
fn another_that_answers_in_its_place_steers_no_terminal() {
    let steering = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}";
    for (arguments, answer, code) in [
        (
            &["reload"][..],
            "HTTP/1.1 200 OK\r\n\r\n{\"result\":\"\\u001b]0;owned\\u0007\\u001b[2J\\u202e\"}",
            0,
        ),
        (
            &["kick", "1"],
            "HTTP/1.1 403 Forbidden\r\n\r\n\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}",
            1,
        ),
        (
            &["clients", "--json"],
            "HTTP/1.1 200 OK\r\n\r\n{\"\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\":1}",
            0,
        ),
        (
            &["clients"],
            "HTTP/1.1 200 OK\r\n\r\n{\"found\":1,\"clients\":[{\"label\":\"\\u001b]0;owned\\u0007\",\"age_seconds\":1e300}]}",
            0,
        ),
        (
            &["status"],
            "HTTP/1.1 200 OK\r\n\r\n{\"version\":\"\\u001b]0;owned\\u0007\",\"state\":\"\",\"now\":1e300,\"started\":-1e300,\
             \"capacity\":{\"limit\":\"\\u202e\"},\"process\":{\"cpu_seconds\":1e300},\"routes\":[],\
             \"reloads\":{\"last\":{\"at\":1e300,\"is_done\":true,\"outcome\":\"\\u001b[2J\"}}}",
            0,
        ),
        (&["status"], "HTTP/1.1 200 OK\r\n\r\n[[[[", 69),
        (&["status"], "\u{1b}]0;owned\u{7}", 69),
        (&["status"], "", 69),
    ] {
        let (address, serving) = impostor(answer);
        let finished = run_server(&[arguments, &["--admin", &address]].concat());
        serving.join().expect("it has answered");
        finished.assert_code(code);
        for text in [&finished.stdout, &finished.stderr] {
            let steers = text.chars().any(|one| {
                steering.contains(one) && !one.is_alphanumeric() && !"];0[".contains(one)
            });
            assert!(!steers, "{arguments:?}: {text:?}");
        }
        assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    }
}
