//! Where a case is played: in memory, or on the real server.

use std::time::Duration;

use plugin_api::testing;
use rustix::process::Resource;
use serde_json::Value;
use tests::{Client, DEADLINE, Raw, Server, Setup, library, wait_until};

/// A route with a plugin of the workspace at work.
pub(crate) trait Stage: Sized {
    type Guest: Guest;
    type Waiting: Waiting;

    /// Serves a plugin on `/NAME`, with options as they stand in a configuration and as `(name, value)`.
    fn start(plugin: &'static str, options: &[(&str, &str)]) -> Self;
    /// Serves these bytes as the library of a plugin on `/NAME`.
    fn start_with(plugin: &'static str, library: &[u8]) -> Self;
    /// As [`start`](Stage::start), with the journals of the route in a file.
    fn start_with_file(plugin: &'static str) -> Self;
    /// Stops the server and starts it again.
    fn restart(&mut self);
    /// From now on nothing can be written to the journals' file.
    fn let_disk_fail(&self);
    /// Asks for the next message, and waits for it so many milliseconds.
    fn wait(&self, path: &str, milliseconds: u64) -> Self::Waiting;
    /// A client connects, or is refused: status and body.
    fn connect(&self, path: &str, headers: &[(&str, &str)]) -> Result<Self::Guest, (u16, String)>;
    /// A plain request: status and body of the answer.
    fn request(&self, method: &str, path: &str, body: &str) -> (u16, String);
    /// Lets timers of these milliseconds become due.
    fn let_pass(&self, time: Duration);
    /// Puts another build of the library in its place: what is wrong with it, or nothing.
    fn replace(&mut self, library: &[u8]) -> String;
    /// Waits until a line with these parts stands in the log.
    fn wait_for_log(&self, parts: &[&str]);
    /// Lines of the log with these parts.
    fn count_log(&self, parts: &[&str]) -> usize;

    fn open(&self, path: &str) -> Self::Guest {
        match self.connect(path, &[]) {
            Ok(guest) => guest,
            Err(refused) => panic!("{path}: {refused:?}"),
        }
    }
}

/// A client.
pub(crate) trait Guest {
    fn send(&mut self, text: &str);
    fn send_binary(&mut self, bytes: &[u8]);
    fn text(&mut self) -> String;
    /// What a thread of the plugin's own says, when it does.
    fn later(&mut self) -> String;
    fn binary(&mut self) -> Vec<u8>;
    /// The server has closed it behind all that it has got.
    fn closed(&mut self) -> (u16, String);
    fn header(&self, name: &str) -> Option<String>;
    fn subprotocol(&self) -> Option<String>;
    fn close(self, code: u16, reason: &str);
    fn cut(self);

    /// Says something and gives what comes next.
    fn ask(&mut self, text: &str) -> String {
        self.send(text);
        self.text()
    }
}

/// A client that waits for one message.
pub(crate) trait Waiting {
    /// Status and body of its answer.
    fn answer(&mut self) -> (u16, String);

    /// The answer, which is one in JSON.
    fn told(&mut self) -> Value {
        let (status, body) = self.answer();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }
}

pub(crate) struct Memory {
    route: testing::Route,
    plugin: &'static str,
}

impl Stage for Memory {
    type Guest = testing::Client;
    type Waiting = testing::Client;

    fn start(plugin: &'static str, options: &[(&str, &str)]) -> Memory {
        let mut setup = testing::Route::of_library(library(plugin));
        for (name, value) in options {
            setup = setup.option(name, value);
        }
        Memory {
            route: setup.start(),
            plugin,
        }
    }

    fn start_with(plugin: &'static str, library: &[u8]) -> Memory {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join(format!("lib{plugin}.so"));
        std::fs::write(&file, library).expect("the folder can be written");
        let route = testing::Route::of_library(&file).start();
        Memory { route, plugin }
    }

    fn start_with_file(plugin: &'static str) -> Memory {
        let setup = testing::Route::of_library(library(plugin));
        let route = setup.journal_file().start();
        Memory { route, plugin }
    }

    fn restart(&mut self) {
        self.route.restart();
    }

    fn let_disk_fail(&self) {
        self.route.let_disk_fail(true);
    }

    fn wait(&self, path: &str, milliseconds: u64) -> testing::Client {
        let time = Duration::from_millis(milliseconds);
        self.route.connect(testing::Ask::get(path).waiting(time))
    }

    fn connect(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<testing::Client, (u16, String)> {
        let mut ask = testing::Ask::get(path);
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        let connected = self.route.try_connect(ask);
        connected.map_err(|refusal| (refusal.status_code(), refusal.body_text().into_owned()))
    }

    fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let answer = self
            .route
            .request(testing::Ask::of(method, path).body(body));
        (answer.status_code(), answer.body_text().into_owned())
    }

    fn let_pass(&self, time: Duration) {
        self.route.advance(time);
    }

    fn replace(&mut self, library: &[u8]) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join(format!("lib{}.so", self.plugin));
        std::fs::write(&file, library).expect("the folder can be written");
        let replaced = self.route.replace_by_library(&file);
        replaced.err().unwrap_or_default()
    }

    fn wait_for_log(&self, parts: &[&str]) {
        let log = self.route.log();
        assert!(self.count_log(parts) > 0, "{parts:?} is not in {log:#?}");
    }

    fn count_log(&self, parts: &[&str]) -> usize {
        let log = self.route.log();
        let has_all = |line: &&String| parts.iter().all(|part| line.contains(part));
        log.iter().filter(has_all).count()
    }
}

impl Guest for testing::Client {
    fn send(&mut self, text: &str) {
        testing::Client::send(self, text);
    }

    fn send_binary(&mut self, bytes: &[u8]) {
        testing::Client::send(self, bytes);
    }

    fn text(&mut self) -> String {
        testing::Client::text(self)
    }

    fn later(&mut self) -> String {
        let mut said = None;
        wait_until("the plugin's thread says something", || {
            said = self.next();
            said.is_some()
        });
        match said {
            Some(testing::Received::Text(text)) => text,
            other => panic!("no text: {other:?}"),
        }
    }

    fn binary(&mut self) -> Vec<u8> {
        testing::Client::binary(self)
    }

    fn closed(&mut self) -> (u16, String) {
        assert_eq!(self.next(), None, "it got more before it was closed");
        testing::Client::closed(self).expect("it is closed")
    }

    fn header(&self, name: &str) -> Option<String> {
        testing::Client::header(self, name).map(str::to_owned)
    }

    fn subprotocol(&self) -> Option<String> {
        testing::Client::subprotocol(self).map(str::to_owned)
    }

    fn close(self, code: u16, reason: &str) {
        testing::Client::close(&self, code, reason);
    }

    fn cut(self) {
        testing::Client::cut(&self);
    }
}

impl Waiting for testing::Client {
    fn answer(&mut self) -> (u16, String) {
        let answer = testing::Client::answer(self).expect("it is answered");
        assert!(!self.is_open(), "that is its end");
        (answer.status_code(), answer.body_text().into_owned())
    }
}

pub(crate) struct Real {
    server: Server,
    plugin: &'static str,
}

impl Stage for Real {
    type Guest = Client;
    type Waiting = Raw;

    fn start(plugin: &'static str, options: &[(&str, &str)]) -> Real {
        let options: Vec<String> = options
            .iter()
            .flat_map(|(name, value)| ["--set".to_owned(), format!("{plugin}.{name}={value}")])
            .collect();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let setup = Setup::new().plugins(&[plugin]).arguments(&options);
        Real {
            server: setup.start(),
            plugin,
        }
    }

    fn start_with(plugin: &'static str, library: &[u8]) -> Real {
        let server = Setup::new().file(&format!("lib{plugin}.so"), library);
        let server = server.start();
        Real { server, plugin }
    }

    fn start_with_file(plugin: &'static str) -> Real {
        let route = format!(
            "[[route]]\npath = \"/{plugin}\"\nplugin = \"{plugin}\"\n[route.journal]\nfile = \"kept.journal\"\nbytes = \"64 MiB\"\n"
        );
        let setup = Setup::new().plugins(&[plugin]).configuration(&route);
        let server = setup.start();
        Real { server, plugin }
    }

    fn restart(&mut self) {
        self.server.stop();
        self.server.start_again();
    }

    fn let_disk_fail(&self) {
        // What is written already stays; SQLite writes to its log first.
        self.server.set_limit(Resource::Fsize, Some(0));
    }

    fn wait(&self, path: &str, milliseconds: u64) -> Raw {
        let sign = if path.contains('?') { '&' } else { '?' };
        let mut raw = Raw::connect(&self.server);
        raw.write(format!(
            "GET {path}{sign}wait={milliseconds}ms HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n"
        ));
        raw
    }

    fn connect(&self, path: &str, headers: &[(&str, &str)]) -> Result<Client, (u16, String)> {
        let connected = Client::connect_with(&self.server, path, headers);
        connected.map_err(|refused| (refused.status, refused.body))
    }

    fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        let (status, _, body) = Raw::answer(&self.server, head + body);
        (status, body)
    }

    /// It passes by itself, and clients wait for what it brings.
    fn let_pass(&self, _: Duration) {}

    fn replace(&mut self, library: &[u8]) -> String {
        self.server
            .put_plugin(&format!("lib{}.so", self.plugin), library);
        let line = self.server.reload();
        let log = self.server.log();
        let problem = format!("route /{}: ", self.plugin);
        let problem = log.lines().rev().find_map(|line| {
            let (_, what) = line.split_once(&problem)?;
            line.contains(" WARN ")
                .then_some(())
                .or(line.contains("ERROR").then_some(()))?;
            Some(what.to_owned())
        });
        if line.contains("code of route") {
            String::new()
        } else {
            problem.unwrap_or(line)
        }
    }

    fn wait_for_log(&self, parts: &[&str]) {
        self.server.wait_for_log(parts);
    }

    fn count_log(&self, parts: &[&str]) -> usize {
        self.server.count_log(parts)
    }
}

impl Waiting for Raw {
    fn answer(&mut self) -> (u16, String) {
        let (status, _, body) = self.response();
        self.assert_closed();
        (status, body)
    }
}

impl Guest for Client {
    fn send(&mut self, text: &str) {
        Client::send(self, text);
    }

    fn send_binary(&mut self, bytes: &[u8]) {
        Client::send_binary(self, bytes);
    }

    fn text(&mut self) -> String {
        Client::text(self)
    }

    fn later(&mut self) -> String {
        Client::text(self)
    }

    fn binary(&mut self) -> Vec<u8> {
        Client::binary(self)
    }

    fn closed(&mut self) -> (u16, String) {
        Client::closed(self)
    }

    fn header(&self, name: &str) -> Option<String> {
        Client::header(self, name).map(str::to_owned)
    }

    fn subprotocol(&self) -> Option<String> {
        self.subprotocol.clone()
    }

    fn close(self, code: u16, reason: &str) {
        Client::close(self, code, reason);
    }

    fn cut(self) {
        drop(self);
    }
}

/// Asks again and again until the answer is that: for what the server does on another thread.
pub(crate) fn ask_until(guest: &mut impl Guest, question: &str, answer: &str) {
    let what = format!("{question} is answered {answer} within {DEADLINE:?}");
    wait_until(&what, || guest.ask(question) == answer);
}
