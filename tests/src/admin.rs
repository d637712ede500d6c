//! The admin listener of a server, as whoever runs it asks it.

use std::net::SocketAddr;

use serde_json::Value;

use crate::{Raw, Server, Setup};

/// The settings of one on a free port of the loopback address.
pub const ADMIN: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n";

/// One that a listener may want to be shown.
pub const TOKEN: &str = "a-token-of-sixteen-and-more";

/// How the server tells of one.
const TOLD: &str = "admin listener on ";

/// An admin listener.
#[derive(Clone, Copy)]
pub struct Admin(pub SocketAddr);

impl Admin {
    /// A server with these plugins, and its admin listener.
    #[track_caller]
    pub fn start(plugins: &[&str]) -> (Server, Admin) {
        Admin::start_with(Setup::new().plugins(plugins), "")
    }

    /// A server with further settings before those of its admin listener.
    #[track_caller]
    pub fn start_with(setup: Setup, settings: &str) -> (Server, Admin) {
        let server = setup.configuration(&format!("{settings}\n{ADMIN}")).start();
        let admin = Admin::of(&server);
        (server, admin)
    }

    /// One that wants [`TOKEN`].
    #[track_caller]
    pub fn start_with_token(plugins: &[&str]) -> (Server, Admin) {
        let setup = Setup::new()
            .plugins(plugins)
            .private("tokens", TOKEN, 0o600);
        let text = format!("{ADMIN}tokens_file = \"tokens\"\n");
        let server = setup.configuration(&text).start();
        let admin = Admin::of(&server);
        (server, admin)
    }

    /// That of `server`, which has one.
    #[track_caller]
    pub fn of(server: &Server) -> Admin {
        let printed = server.printed();
        let line = printed.iter().find(|line| line.starts_with(TOLD));
        Admin::told(line.unwrap_or_else(|| panic!("no admin listener: {printed:#?}")))
    }

    /// That which a line tells of: at the start, or when a reload has opened it.
    #[track_caller]
    pub fn told(line: &str) -> Admin {
        // Before it may stand which there is no more.
        let (_, rest) = line.rsplit_once(TOLD).expect("it tells where");
        let address = rest.split(',').next().unwrap_or(rest).trim();
        Admin(address.parse().expect("an address"))
    }

    /// The status of the answer to these bytes, on a connection of their own.
    #[track_caller]
    pub fn status(&self, request: impl AsRef<[u8]>) -> u16 {
        let mut raw = Raw::connect_to(self.0);
        raw.write(request);
        raw.response().0
    }

    /// Asks by a request with these further header lines, on a connection of its own: status, head, body.
    #[track_caller]
    pub fn ask(&self, method: &str, target: &str, lines: &[&str]) -> (u16, String, String) {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let mut raw = Raw::connect_to(self.0);
        raw.write(format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\n{lines}\r\n",
            self.0
        ));
        raw.response()
    }

    /// What is answered to a plain GET: status and body.
    #[track_caller]
    pub fn get(&self, target: &str) -> (u16, String) {
        let (status, _, body) = self.ask("GET", target, &[]);
        (status, body)
    }

    /// What is answered in JSON.
    #[track_caller]
    pub fn json(&self, target: &str) -> Value {
        let (status, body) = self.get(target);
        assert_eq!(status, 200, "{target}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{target}: {error}: {body}"))
    }

    /// Gives an order, as a program does; status and what is answered.
    #[track_caller]
    pub fn order(&self, target: &str) -> (u16, String) {
        let (status, _, body) = self.ask("POST", target, &["X-Detent-Admin: a test"]);
        (status, body)
    }

    /// The value of a metric, by its name with its labels as they are written; none where there is none.
    #[track_caller]
    pub fn metric(&self, name: &str) -> Option<f64> {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, 200, "{body}");
        let mut lines = body.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map(|value| value.parse().expect("a number"))
    }
}
