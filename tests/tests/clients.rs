//! Compression with the clients that other people have written, kept windows and not, without TLS and by it:
//! `scripts/clients` fetches them and runs this. A feature for each, since not every machine has it; the programs are in
//! `tests/clients`.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use tests::secure;
use tests::{ADMIN, Admin, Client, Compressing, DEADLINE, Server, TEXT, frame, json_line};

const FORGETS: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const KEEPS: &str = "permessage-deflate";

/// Where `scripts/clients` has put what it has fetched.
fn fetched(name: &str) -> PathBuf {
    let folder = std::env::var_os("DETENT_CLIENTS").expect("scripts/clients runs this");
    PathBuf::from(folder).join(name)
}

/// One of the programs; it ends with the test.
struct Program {
    child: Child,
    says: Option<ChildStdin>,
    hears: Receiver<String>,
    agreed: String,
}

impl Program {
    /// Connects to a route: with `keep`, `forget` or `plain`.
    #[track_caller]
    fn start(command: &mut Command, server: &Server, url: &str, way: &str) -> Program {
        let authority = server.folder().join("authority.pem");
        // OpenSSL and Go look at the one, Node and Bun at the other.
        for name in ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
            command.env(name, &authority);
        }
        let pipes = command
            .args([url, way])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = pipes.spawn().expect("it is installed");
        let (sender, hears) = channel();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        // It ends with the program.
        std::thread::spawn(move || {
            for line in output.lines() {
                sender.send(line.expect("text")).ok();
            }
        });
        let says = child.stdin.take();
        let mut program = Program {
            child,
            says,
            hears,
            agreed: String::new(),
        };
        let agreed = program.hear();
        let agreed = agreed.strip_prefix("agreed:").expect("it says so first");
        program.agreed = agreed.trim().to_owned();
        program
    }

    #[track_caller]
    fn say(&mut self, text: impl Display) {
        let mut input = self.says.as_ref().expect("it has not ended");
        writeln!(input, "{text}").expect("it reads");
    }

    #[track_caller]
    fn hear(&mut self) -> String {
        self.hears.recv_timeout(DEADLINE).expect("a line")
    }

    /// Asserts what it hears, which may be too long to be shown whole.
    #[track_caller]
    fn assert_hears(&mut self, text: &str) {
        let heard = self.hear();
        let begin = &heard[..heard.floor_char_boundary(100)];
        assert!(
            heard == text,
            "{} bytes, not {}: {begin}",
            heard.len(),
            text.len()
        );
    }

    /// Ends in good order.
    #[track_caller]
    fn end(mut self) {
        drop(self.says.take());
        assert_eq!(self.hear(), "closed: 1000");
        assert!(self.child.wait().expect("a child").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn server(mode: &str) -> Server {
    let configuration = format!("{ADMIN}[client]\ncompression = \"{mode}\"\n");
    let (server, authority) = secure::start_of(&["echo", "chat"], &configuration);
    authority.write(server.folder());
    server
}

/// Where the server is, without TLS and by it.
fn places(server: &Server) -> [String; 2] {
    let secured = secure::address(server);
    [
        format!("ws://{}", server.address()),
        format!("wss://{secured}"),
    ]
}

/// How many messages have come compressed, and how many have gone.
fn compressed(server: &Server) -> [u64; 2] {
    ["in", "out"].map(|way| {
        let name = format!("detent_compressed_messages_total{{way=\"{way}\"}}");
        Admin::of(server).metric(&name).expect("it is counted") as u64
    })
}

/// Says texts of all lengths and hears them again, one by one and then all at once.
fn converses(program: &mut Program, server: &Server) {
    let lengths = [300, 1000, 40, 5000, 300, 60_000, 1000];
    let texts: Vec<_> = (0..21)
        .map(|number| json_line(number % 5, lengths[number % 7]))
        .collect();
    let before = compressed(server);
    for text in &texts {
        program.say(text);
        program.assert_hears(text);
    }
    for text in &texts {
        program.say(text);
    }
    for text in &texts {
        program.assert_hears(text);
    }
    let [came, went] = compressed(server);
    let (came, went) = (came - before[0], went - before[1]);
    let long = texts.iter().filter(|text| text.len() >= 256).count() as u64;
    if program.agreed.is_empty() {
        assert_eq!([came, went], [0, 0], "nothing was agreed");
    } else {
        // From how many bytes on it compresses is the client's to say; Bun does from 860 on.
        let sure = texts.iter().filter(|text| text.len() >= 4096).count() as u64;
        assert!(
            (2 * sure..=2 * texts.len() as u64).contains(&came),
            "{came} came"
        );
        assert_eq!(went, 2 * long);
    }
}

/// A client for each mode and way: what is agreed, and that everything is heard as it was said. `agreed` is what a server
/// with kept windows answers to `keep` and to `forget`.
fn is_served(command: fn() -> Command, agreed: [&str; 2]) {
    let of_shared = [("keep", FORGETS)];
    let of_full = [("keep", agreed[0]), ("forget", agreed[1]), ("plain", "")];
    for (mode, ways) in [("shared", &of_shared[..]), ("full", &of_full[..])] {
        let server = server(mode);
        for place in places(&server) {
            for (way, agreed) in ways {
                let url = format!("{place}/echo");
                let mut program = Program::start(&mut command(), &server, &url, way);
                assert_eq!(program.agreed, *agreed, "{mode}, {way}, {url}");
                converses(&mut program, &server);
                program.end();
            }
        }
        meet(command, &server);
    }
}

/// A room in which it is there six times, thrice by TLS, beside a client of ours that compresses and one that does not.
fn meet(command: fn() -> Command, server: &Server) {
    let places = places(server).map(|place| format!("{place}/chat"));
    let mut programs: Vec<_> = ["keep", "forget", "plain"]
        .into_iter()
        .flat_map(|way| places.iter().map(move |url| (way, url)))
        .map(|(way, url)| Program::start(&mut command(), server, url, way))
        .collect();
    let mut browser = Compressing::as_browser(server, "/chat");
    let mut plain = Client::connect(server, "/chat");
    for round in 0..16 {
        let text = json_line(round % 4, [60, 400, 3000, 20_000][round % 4]);
        match round % 8 {
            6 => browser.raw.write(frame(TEXT, text.as_bytes())),
            7 => plain.send(&text),
            index => programs[index].say(&text),
        }
        let heard = plain.text();
        assert!(heard.ends_with(&text), "{heard}");
        assert!(
            browser.hear().text == heard,
            "a client of ours hears the same"
        );
        for program in &mut programs {
            program.assert_hears(&heard);
        }
    }
    programs.into_iter().for_each(Program::end);
}

#[cfg(any(feature = "websockets", feature = "aiohttp"))]
fn python(name: &str) -> Command {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", fetched("python"));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/python");
    command.arg(PathBuf::from(folder).join(name));
    command
}

/// By itself it offers windows of 12 bits at most.
#[cfg(feature = "websockets")]
#[test]
fn websockets_of_python_is_served() {
    is_served(|| python("with_websockets.py"), [KEEPS, FORGETS]);
}

/// It cannot ask us to forget, but for a small window.
#[cfg(feature = "aiohttp")]
#[test]
fn aiohttp_of_python_is_served() {
    let small = "permessage-deflate; server_max_window_bits=9";
    is_served(|| python("with_aiohttp.py"), [KEEPS, small]);
}

#[cfg(feature = "ws")]
#[test]
fn ws_of_node_is_served() {
    let command = || {
        let mut command = Command::new("node");
        command.arg(fetched("node/with_ws.js"));
        command
    };
    is_served(command, [KEEPS, FORGETS]);
}

/// It cannot ask us to forget.
#[cfg(feature = "bun")]
#[test]
fn bun_is_served() {
    let command = || {
        let mut command = Command::new(fetched("node/node_modules/bun/bin/bun.exe"));
        command.arg(fetched("node/with_bun.js"));
        command
    };
    is_served(command, [KEEPS, KEEPS]);
}

/// It never keeps a window.
#[cfg(feature = "gorilla")]
#[test]
fn gorilla_is_served() {
    is_served(|| Command::new(fetched("gorilla")), [FORGETS, FORGETS]);
}
