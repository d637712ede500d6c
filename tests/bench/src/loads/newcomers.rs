//! Newcomers from addresses of their own beside a crowd of one address, or of 50, that connects and sends
//! nothing; against the same beside as many well-behaved clients that come and go.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use super::crowd::{Crowd, Manner, connect};
use super::{Ability, Load, Stage};
use crate::metric::{
    FAULTS, Metric, P50_US, P99_US, QUIET_P50_US, SLOWDOWN, SLOWDOWN_P99, Sample, sample,
};

/// A handshake.
pub(super) const REQUEST: &[u8] = b"GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const NEWCOMERS: usize = 200;
/// Between one newcomer and the next.
const PAUSE: Duration = Duration::from_millis(5);
/// Longer than any of them may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The load.
pub(super) struct Newcomers {
    name: &'static str,
    title: &'static str,
    crowd: usize,
    addresses: usize,
}

/// The rows.
pub(super) fn all() -> Vec<Box<dyn Load>> {
    let rows = [
        (
            "newcomers",
            "newcomers beside silent heads: 1,500 of one address",
            1_500,
            1,
        ),
        (
            "newcomers-50",
            "newcomers beside silent heads: 1,500 of 50 addresses",
            1_500,
            50,
        ),
        (
            "newcomers-10k",
            "newcomers beside silent heads: 10,000 of one address",
            10_000,
            1,
        ),
        (
            "newcomers-10k-50",
            "newcomers beside silent heads: 10,000 of 50 addresses",
            10_000,
            50,
        ),
    ];
    let load = |(name, title, crowd, addresses)| -> Box<dyn Load> {
        Box::new(Newcomers {
            name,
            title,
            crowd,
            addresses,
        })
    };
    rows.map(load).into()
}

impl Load for Newcomers {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn ability(&self) -> Ability {
        Ability::Echo
    }

    fn clients(&self) -> usize {
        self.crowd + NEWCOMERS
    }

    fn main(&self) -> Metric {
        SLOWDOWN
    }

    fn run(&self, stage: &Stage) -> Result<Sample, String> {
        let server = stage.process.address();
        let crowd = |manner| Crowd::start(server, manner, self.crowd, self.addresses);
        let quiet = {
            let _crowd = crowd(Manner::WellBehaved)?;
            arrive(server)
        };
        let beside_silence = {
            let _crowd = crowd(Manner::Silent)?;
            arrive(server)
        };
        let ratio = |quantile| beside_silence.us(quantile) / quiet.us(quantile);
        Ok(sample([
            (SLOWDOWN, ratio(0.5)),
            (SLOWDOWN_P99, ratio(0.99)),
            (QUIET_P50_US, quiet.us(0.5)),
            (P50_US, beside_silence.us(0.5)),
            (P99_US, beside_silence.us(0.99)),
            (FAULTS, (quiet.refused + beside_silence.refused) as f64),
        ]))
    }
}

/// How long each took that got in, sorted, and how many did not.
struct Arrivals {
    times: Vec<Duration>,
    refused: usize,
}

impl Arrivals {
    /// Who did not get in took as long as one may.
    fn us(&self, quantile: f64) -> f64 {
        let count = self.times.len() + self.refused;
        let index = ((count as f64 * quantile) as usize).min(count - 1);
        self.times.get(index).unwrap_or(&TIMEOUT).as_secs_f64() * 1e6
    }
}

fn arrive(server: SocketAddr) -> Arrivals {
    let mut times = Vec::new();
    // They stay, as clients do.
    let mut held = Vec::new();
    for number in 0..NEWCOMERS {
        let source = Ipv4Addr::new(127, 0, 8, 1 + number as u8);
        let start = Instant::now();
        if let Ok(socket) = enter(server, source) {
            times.push(start.elapsed());
            held.push(socket);
        }
        thread::park_timeout(PAUSE);
    }
    times.sort();
    let refused = NEWCOMERS - times.len();
    Arrivals { times, refused }
}

/// Connects and waits for 101.
fn enter(server: SocketAddr, source: Ipv4Addr) -> std::io::Result<socket2::Socket> {
    let mut socket = connect(server, source)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    std::io::Write::write_all(&mut socket, REQUEST)?;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match socket.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => head.extend_from_slice(&buffer[..count]),
        }
    }
    if head.starts_with(b"HTTP/1.1 101") {
        Ok(socket)
    } else {
        Err(std::io::Error::other("not admitted"))
    }
}
