//! The benchmark's server on tokio-tungstenite: `/echo`, `/chat`, `/rooms?room=NAME`, `/slow`. A task a
//! client; a room is a map of queues, one for each member, and what waits in a queue leaves with one
//! flush.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

type Room = Arc<Mutex<HashMap<u64, UnboundedSender<Utf8Bytes>>>>;

#[derive(Default)]
struct Rooms {
    by_name: HashMap<String, Room>,
    last_number: u64,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind("127.0.0.1:0".parse().expect("an address"))?;
    let listener: TcpListener = socket.listen(4096)?;
    println!("listening on {}", listener.local_addr()?);
    let rooms = Arc::new(Mutex::new(Rooms::default()));
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, rooms.clone()));
    }
}

// The callback's type is tungstenite's.
#[allow(clippy::result_large_err)]
async fn serve(stream: TcpStream, rooms: Arc<Mutex<Rooms>>) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut target = String::new();
    let socket = accept_hdr_async(stream, |request: &Request, response: Response| {
        target = request.uri().to_string();
        Ok(response)
    })
    .await?;
    match target.as_str() {
        "/echo" => echo(socket, false).await,
        "/slow" => echo(socket, true).await,
        name => room(socket, name, &rooms).await,
    }
}

async fn echo(mut socket: WebSocketStream<TcpStream>, is_slow: bool) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            if is_slow {
                // A blocking call, where tokio wants it.
                let slept =
                    tokio::task::spawn_blocking(|| thread::sleep(Duration::from_millis(10)));
                slept.await.expect("a sleep does not panic");
            }
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn room(
    socket: WebSocketStream<TcpStream>,
    name: &str,
    rooms: &Mutex<Rooms>,
) -> Result<(), Error> {
    let (queue, mut queued) = mpsc::unbounded_channel();
    let (number, room) = {
        let mut rooms = rooms.lock().expect("nobody panics with it");
        rooms.last_number += 1;
        (
            rooms.last_number,
            rooms.by_name.entry(name.to_owned()).or_default().clone(),
        )
    };
    room.lock()
        .expect("nobody panics with it")
        .insert(number, queue);
    let (mut sink, mut stream) = socket.split();
    let ended = loop {
        tokio::select! {
            Some(line) = queued.recv() => {
                let mut result = sink.feed(Message::Text(line)).await;
                while let Ok(line) = queued.try_recv() {
                    if result.is_ok() {
                        result = sink.feed(Message::Text(line)).await;
                    }
                }
                if result.is_ok() {
                    result = sink.flush().await;
                }
                if result.is_err() {
                    break result;
                }
            }
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let line = Utf8Bytes::from(format!("Client {number}: {text}"));
                    for member in room.lock().expect("nobody panics with it").values() {
                        // A member that has just gone takes itself off the list.
                        let _ = member.send(line.clone());
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => break Err(error),
                None => break Ok(()),
            },
        }
    };
    room.lock().expect("nobody panics with it").remove(&number);
    ended
}
