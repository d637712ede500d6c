//! A page of HTTP as the plugin `forward` asks it: what it answers is the test's.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::Value;

/// One that listens until the process of the test ends.
#[derive(Clone)]
pub struct Page {
    address: SocketAddr,
    shared: Arc<Mutex<Asked>>,
}

/// How it was asked so far.
#[derive(Clone, Default)]
pub struct Asked {
    /// What it was told, in the order in which it came.
    pub events: Vec<Value>,
    /// Connections that were made to it.
    pub connections: usize,
    /// Requests that it is at.
    pub now: usize,
    /// The most at once.
    pub busiest: usize,
}

impl Page {
    /// Listens, and answers each event with what `answer` makes of it: a whole response. It may block, on a thread of
    /// its own for each connection.
    pub fn start(answer: impl Fn(&Value) -> String + Send + Sync + 'static) -> Page {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let page = Page {
            address,
            shared: Arc::default(),
        };
        let (of_thread, answer) = (page.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (page, answer) = (of_thread.clone(), answer.clone());
                page.lock().connections += 1;
                thread::spawn(move || while page.serve(&stream, &*answer).is_some() {});
            }
        });
        page
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/page", self.address)
    }

    /// How it was asked so far.
    pub fn asked(&self) -> Asked {
        self.lock().clone()
    }

    /// One request; none at the end of the connection.
    fn serve(&self, mut stream: &TcpStream, answer: impl Fn(&Value) -> String) -> Option<()> {
        let event = read_event(stream)?;
        {
            let mut asked = self.lock();
            asked.events.push(event.clone());
            asked.now += 1;
            asked.busiest = asked.busiest.max(asked.now);
        }
        let answer = answer(&event);
        self.lock().now -= 1;
        stream.write_all(answer.as_bytes()).ok()
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A response of HTTP with a length.
pub fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn read_event(mut stream: &TcpStream) -> Option<Value> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).ok().filter(|&count| count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1)?;
        let length: usize = length.split("\r\n").next()?.parse().ok()?;
        if body.len() >= length {
            return serde_json::from_slice(&bytes[bytes.len() - length..]).ok();
        }
    }
}
