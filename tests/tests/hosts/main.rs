//! Several servers with a real Redis between them: what is said on one is heard on all, in one order and once, and what
//! cannot be is told. One module a behaviour.

mod admin;
mod away;
mod c;
mod counts;
mod everywhere;
mod far;
mod known;
mod local;
mod lost;
mod oracle;
mod past;
mod reach;
mod settings;
mod sharing;

use tests::{Client, Raw, Redis, Server, Setup};

const ROUTE: &str = "/annals";

/// The settings of a host: `url` is where Redis is, `more` follows the table of it.
fn settings(url: &str, more: &str) -> String {
    settings_by(&format!("url = \"{url}\"\n{more}"))
}

/// The same, with these lines in the table of Redis.
fn settings_by(redis: &str) -> String {
    format!(
        "[redis]\n{redis}\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\npath = \"{ROUTE}\"\nplugin = \"annals\"\nshared = true\n\
         [[route]]\npath = \"/push\"\nplugin = \"push\"\nshared = true\n\
         [[route]]\npath = \"/alone\"\nplugin = \"annals\"\n"
    )
}

fn host_at(url: &str, more: &str) -> Server {
    let setup = Setup::new().plugins(&["annals", "push"]);
    setup.configuration(&settings(url, more)).start()
}

fn host(redis: &Redis) -> Server {
    host_at(&redis.url(), "")
}

/// So many hosts.
fn hosts<const COUNT: usize>(redis: &Redis) -> [Server; COUNT] {
    std::array::from_fn(|_| host(redis))
}

/// A client that says from where on it wants to hear, and how that went: `fresh POSITION` and its like.
#[track_caller]
fn join(server: &Server, query: &str) -> (Client, String, String) {
    let mut client = Client::connect(server, &format!("{ROUTE}?{query}"));
    let told = client.text();
    let (how, position) = told.split_once(' ').expect("how, and from where");
    (client, how.to_owned(), position.to_owned())
}

/// The next message that was kept: its position and what it says.
#[track_caller]
fn kept(client: &mut Client) -> (String, String) {
    let text = client.text();
    let (position, said) = text.split_once(' ').expect("a position comes first");
    assert_eq!(position.len(), 24, "{text}");
    (position.to_owned(), said.to_owned())
}

/// Publishes by a plain request: the answer's status, head and body.
fn post(server: &Server, path: &str, body: &str) -> (u16, String, String) {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    Raw::answer(server, request)
}
