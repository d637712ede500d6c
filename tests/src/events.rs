//! A client of an event stream, as strict as a browser is lax.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use crate::transport::Transport;
use crate::{DEADLINE, Server, by_tls};

/// One event, read as the WHATWG's HTML standard says (section 9.2.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `message` where the stream does not say.
    pub name: String,
    /// Its lines, joined by line feeds.
    pub data: String,
    /// Its position.
    pub id: Option<String>,
}

/// An open stream.
pub struct Events {
    reader: BufReader<Transport>,
    head: String,
    comments: usize,
    last_id: Option<String>,
}

impl Events {
    /// Opens `path` with further header lines, and asserts that it is a stream.
    #[track_caller]
    pub fn open(server: &Server, path: &str, lines: &[&str]) -> Events {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{lines}\r\n"
        );
        let events = Events::send(server, &request);
        assert!(events.head.starts_with("HTTP/1.1 200 "), "{}", events.head);
        assert!(events.head.contains("text/event-stream"), "{}", events.head);
        events
    }

    /// Sends a request and reads the head of the answer, whatever that is.
    #[track_caller]
    pub fn send(server: &Server, request: &str) -> Events {
        use std::io::Write;
        let address = by_tls::address(server);
        let mut stream = by_tls::over(TcpStream::connect(address).expect("the server listens"));
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a timeout that is not zero");
        stream
            .write_all(request.as_bytes())
            .expect("the server reads");
        let mut events = Events {
            reader: BufReader::new(stream),
            head: String::new(),
            comments: 0,
            last_id: None,
        };
        loop {
            let line = events.line().expect("a head ends with an empty line");
            if line.is_empty() {
                return events;
            }
            events.head.push_str(&line);
            events.head.push('\n');
        }
    }

    /// The head of the answer, a line each.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// Comments so far.
    pub fn comments(&self) -> usize {
        self.comments
    }

    /// What a browser would give back: the id that came last, with an event or without.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The socket.
    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// The next event; none where the server has ended the stream in good order.
    #[track_caller]
    pub fn event(&mut self) -> Option<Event> {
        let mut event = Event::default();
        let mut lines: Vec<String> = Vec::new();
        let mut has_begun = false;
        loop {
            let Some(line) = self.line() else {
                assert!(!has_begun, "the stream ends within an event: {event:?}");
                return None;
            };
            if line.is_empty() {
                if lines.is_empty() {
                    (event, has_begun) = (Event::default(), false);
                    continue;
                }
                event.data = lines.join("\n");
                if event.name.is_empty() {
                    event.name = "message".to_owned();
                }
                return Some(event);
            }
            has_begun = true;
            match line.split_once(": ") {
                Some(("data", data)) => lines.push(data.to_owned()),
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("id", id)) => {
                    event.id = Some(id.to_owned());
                    self.last_id = event.id.clone();
                }
                Some(("retry", time)) => assert!(time.parse::<u32>().is_ok(), "{line}"),
                _ if line.starts_with(':') => self.comments += 1,
                _ => panic!("no line of an event: {line:?}"),
            }
        }
    }

    /// The data of the next event, which is a message.
    #[track_caller]
    pub fn text(&mut self) -> String {
        let event = self.event().expect("the stream goes on");
        assert_eq!(event.name, "message", "{event:?}");
        event.data
    }

    /// Waits for one more comment, before which no event comes.
    #[track_caller]
    pub fn comment(&mut self) {
        loop {
            let line = self.line().expect("the stream goes on");
            if line.starts_with(':') {
                self.comments += 1;
                return;
            }
            let is_quiet =
                line.is_empty() || line.starts_with("retry: ") || line.starts_with("id: ");
            assert!(is_quiet, "{line:?}");
        }
    }

    /// A line without its end; none at the end of the stream.
    #[track_caller]
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.reader.read_line(&mut line).expect("a live socket");
        let line = line.trim_end_matches(['\n', '\r']);
        (count > 0).then(|| line.to_owned())
    }
}
