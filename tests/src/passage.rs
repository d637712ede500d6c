//! A way between two programs that the test can lead elsewhere, cut, and slow down: what an address does that is moved to
//! another machine, and a network that is far away.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Passes connections on to where it is told, and cuts them when that changes: as an address does that is moved to another
/// machine.
pub struct Passage {
    address: SocketAddr,
    state: Arc<Mutex<PassageState>>,
}

#[derive(Default)]
struct PassageState {
    to: Option<u16>,
    delay: Duration,
    open: Vec<TcpStream>,
}

impl Passage {
    /// One that leads to a port of the loopback address.
    #[track_caller]
    pub fn to(port: u16) -> Passage {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(PassageState {
            to: Some(port),
            ..PassageState::default()
        }));
        let passed = state.clone();
        // Ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                pass_on(&passed, &client);
            }
        });
        Passage { address, state }
    }

    /// Where it begins.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Leads elsewhere, or nowhere, from now on.
    pub fn lead_to(&self, port: Option<u16>) {
        let mut state = self.state.lock().expect("nobody panics with it");
        state.to = port;
        for stream in state.open.drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// What is passed on comes so much later from now on.
    pub fn delay(&self, delay: Duration) {
        self.state.lock().expect("nobody panics with it").delay = delay;
    }
}

fn pass_on(state: &Arc<Mutex<PassageState>>, client: &TcpStream) {
    let to = state.lock().expect("nobody panics with it").to;
    let Some(server) = to.and_then(|port| TcpStream::connect(("127.0.0.1", port)).ok()) else {
        return;
    };
    for (from, to) in [(client, &server), (&server, client)] {
        let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
            return;
        };
        let mut held = state.lock().expect("nobody panics with it");
        held.open.extend(from.try_clone().ok());
        drop(held);
        let state = state.clone();
        thread::spawn(move || carry(&state, from, to));
    }
}

fn carry(state: &Mutex<PassageState>, mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let delay = state.lock().expect("nobody panics with it").delay;
        thread::sleep(delay);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
}
