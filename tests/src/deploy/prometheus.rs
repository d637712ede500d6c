//! Prometheus before a server: reads its metrics every second, and answers queries.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::port::Port;
use super::text::Text;
use crate::process::Process;
use crate::{DEADLINE, Raw, becomes_true};

/// A running Prometheus. Dropping it ends it, and nothing else.
pub struct Prometheus {
    process: Process,
    port: Port,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it with the configuration and the rules of `scripts/deploy`, for the server whose admin listener is at
    /// `admin`.
    #[track_caller]
    pub fn start(admin: SocketAddr) -> Prometheus {
        let folder = TempDir::new().expect("a temporary folder");
        let rules = folder.path().join("rules.yml");
        Text::of("prometheus/rules.yml").write(&rules);
        let configuration = folder.path().join("prometheus.yml");
        Text::of("prometheus/prometheus.yml")
            .put(
                "/etc/prometheus/detent-rules.yml",
                &rules.display().to_string(),
            )
            .put("127.0.0.1:25250", &admin.to_string())
            .put("scrape_interval: 15s", "scrape_interval: 1s")
            .write(&configuration);
        let port = Port::free();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", configuration.display()));
        let data = folder.path().join("data");
        command.arg(format!("--storage.tsdb.path={}", data.display()));
        command.arg(format!("--web.listen-address={}", port.address()));
        let mut prometheus = Prometheus {
            process: Process::spawn(&mut command),
            port,
            _folder: folder,
        };
        prometheus.wait_until_it_answers();
        prometheus
    }

    #[track_caller]
    fn wait_until_it_answers(&mut self) {
        let address = self.port.address();
        // Before it is ready it answers everything else with 503.
        let is_ready = || {
            let Ok(stream) = std::net::TcpStream::connect(address) else {
                return false;
            };
            let mut raw = Raw::prepared(stream.into());
            raw.write("GET /-/ready HTTP/1.0\r\nHost: localhost\r\n\r\n");
            raw.rest().starts_with(b"HTTP/1.0 200 ")
        };
        let answers = becomes_true(DEADLINE, || self.process.has_ended() || is_ready());
        assert!(
            answers && !self.process.has_ended(),
            "Prometheus does not start:\n{}",
            self.process.log.text()
        );
    }

    /// What it answers to a query now.
    #[track_caller]
    pub fn query(&self, query: &str) -> Value {
        let encode = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        let query: String = query.bytes().map(encode).collect();
        let mut raw = Raw::connect_to(self.port.address());
        raw.write(format!(
            "GET /api/v1/query?query={query} HTTP/1.0\r\nHost: localhost\r\n\r\n"
        ));
        let answer = String::from_utf8(raw.rest()).expect("a text");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }
}
