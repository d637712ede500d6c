//! One question and its answer, by HTTP/1.1.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::RemoteError;
use crate::caller::http::authorization;
use crate::caller::place::connect;

/// How long each wait for bytes may take; a reload may wait for plugins.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of an answer that are read at most.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Who is asked.
pub(super) enum Target {
    /// `host:port`.
    Tcp(String),
    /// A unix socket.
    Unix(PathBuf),
}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Target {
    /// Parses `host:port`, with or without `http://` before it, or `unix:/path`.
    pub(super) fn parse(text: &str) -> Option<Target> {
        if let Some(path) = text.strip_prefix("unix:") {
            return (!path.is_empty()).then(|| Target::Unix(path.into()));
        }
        let place = text.strip_prefix("http://").unwrap_or(text);
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = place.rsplit_once(':')?;
        let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
        let is_host = !host.is_empty() && !host.contains('/');
        (is_port && is_host).then(|| Target::Tcp(place.to_owned()))
    }

    fn host(&self) -> &str {
        match self {
            Target::Tcp(place) => place,
            Target::Unix(_) => "localhost",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp(place) => formatter.write_str(place),
            Target::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// Asks, and reads the whole answer.
///
/// # Errors
/// Nobody is there, or what answers is no HTTP.
pub(super) fn ask(
    target: &Target,
    token: Option<&str>,
    method: &str,
    path: &str,
) -> Result<Answer, RemoteError> {
    let unreachable = |error: io::Error| RemoteError::Unreachable {
        target: target.to_string(),
        why: error.to_string(),
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nX-Detent-Admin: command line\r\n\
         Content-Length: 0\r\n{}\r\n",
        target.host(),
        authorization(token)
    );
    let answer = match target {
        Target::Tcp(place) => exchange(connect_tcp(place).map_err(unreachable)?, &request),
        Target::Unix(path) => exchange(connect_unix(path).map_err(unreachable)?, &request),
    };
    parse(&answer.map_err(unreachable)?).ok_or_else(|| RemoteError::Unreachable {
        target: target.to_string(),
        why: "what answers there speaks no HTTP".to_owned(),
    })
}

fn connect_tcp(place: &str) -> io::Result<TcpStream> {
    let stream = connect(place)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

/// The listener closes behind the answer, so that its end is the answer's.
fn parse(answer: &[u8]) -> Option<Answer> {
    let text = str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let body = body.to_owned();
    Some(Answer { status, body })
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_target_has_a_port() {
        for (text, host) in [
            ("127.0.0.1:25250", "127.0.0.1:25250"),
            ("http://[::1]:25250/", "[::1]:25250"),
            ("http://detent.internal:80", "detent.internal:80"),
            ("unix:/run/detent/admin.sock", "unix:/run/detent/admin.sock"),
        ] {
            assert_eq!(
                Target::parse(text).map(|of| of.to_string()).as_deref(),
                Some(host)
            );
        }
        for text in [
            "",
            "127.0.0.1",
            "http://h",
            "h:0",
            "h:x",
            ":80",
            "https://h/x:80",
            "unix:",
        ] {
            assert!(Target::parse(text).is_none(), "{text}");
        }
    }
}
