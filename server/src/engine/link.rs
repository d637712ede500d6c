//! A connection to one server of Redis, and what can be wrong with that.
//!
//! The threads of an engine, each with a connection of its own; everything here may wait as long as [`REDIS_ANSWER`] for
//! Redis, and longer where what was sent is large ([`REDIS_BYTES_PER_SECOND`]). The crate `redis` makes the commands and
//! reads the answers. The connection is ours: so TLS is the server's own, with its files read once a connection, and a name
//! that leads nowhere costs one wait.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use redis::{Cmd, Parser, RedisError, ServerError, Value, cmd};

use super::address::{Address, Place, Server};
use crate::limits::{REDIS_ANSWER, REDIS_BYTES_PER_SECOND, REDIS_LARGE_BYTES};
use crate::tls::{Outward, OutwardError};

/// The first version that counts within an epoch by itself (`XADD key 7-*`). Valkey calls itself 7.2.4.
const VERSION_LEAST: u32 = 7;

/// Why Redis is away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// No connection, or no longer.
    #[error("it cannot be reached ({0})")]
    Unreachable(String),
    /// A connection, and no answer.
    #[error("it has not answered within {} ms", REDIS_ANSWER.as_millis())]
    Silent,
    /// A connection, and no TLS over it.
    #[error("there is no TLS with it: {0}")]
    Insecure(String),
    /// Something here is wrong: a file that cannot be read.
    #[error("it was not asked: {0}")]
    Unready(String),
    /// An error as an answer.
    #[error("it refuses: {0}")]
    Refused(String),
    /// It does not know what is needed.
    #[error("it is version {0}: Redis 7 or later is needed, or Valkey")]
    TooOld(String),
    /// What is written there another Redis overwrites.
    #[error("it is a replica: name its master")]
    Replica,
    /// An answer of another form than Redis gives.
    #[error("it answers what no Redis would")]
    Strange,
    /// None of several; what is wrong with each.
    #[error("none of them can be used: {0}")]
    None(String),
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Trouble {
        if error.is_timeout() {
            return Trouble::Silent;
        }
        if error.is_io_error() || error.is_connection_dropped() {
            return Trouble::Unreachable(error.to_string());
        }
        // The error of a server is an answer, and never comes as one of these.
        Trouble::Strange
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::from(RedisError::from(error))
    }
}

impl From<&ServerError> for Trouble {
    fn from(error: &ServerError) -> Trouble {
        let details = error.details().unwrap_or_default();
        Trouble::Refused(format!("{} {details}", error.code()).trim_end().to_owned())
    }
}

/// Which run of Redis has answered: another one after a restart or a failover. The same number on all hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instance(pub(super) u32);

/// A connection.
pub(super) struct Link {
    socket: Patient,
    parser: Parser,
    pub(super) instance: Instance,
    /// Where it leads, to be shown.
    pub(super) name: String,
}

trait Socket: Read + Write + Send {}

impl<S: Read + Write + Send> Socket for S {}

/// A socket that waits for longer than its own time-outs say while something large is on its way.
struct Patient {
    socket: Box<dyn Socket>,
    until: Option<Instant>,
}

impl Patient {
    fn again_and_again<T>(
        &mut self,
        mut call: impl FnMut(&mut dyn Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match call(&mut *self.socket) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) && self.until.is_some_and(|until| Instant::now() < until) => {}
                other => return other,
            }
        }
    }
}

impl Read for Patient {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.again_and_again(|socket| socket.read(bytes))
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.again_and_again(|socket| socket.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.again_and_again(|socket| socket.flush())
    }
}

/// How much longer than [`REDIS_ANSWER`] an answer to so many bytes may take, since they have to get there first; none where
/// they are few.
fn time_of(bytes: usize) -> Option<Duration> {
    (bytes >= REDIS_LARGE_BYTES)
        .then(|| Duration::from_secs_f64(bytes as f64 / REDIS_BYTES_PER_SECOND as f64))
}

/// Who comes.
pub(super) struct Credentials {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

impl Link {
    /// Connects to a server of Redis as the master that it has to be.
    pub(super) fn to_master(server: &Server, address: &Address) -> Result<Link, Trouble> {
        let credentials = Credentials {
            user: address.user.clone().or_else(|| server.user.clone()),
            password: match address.password().map_err(Trouble::Unready)? {
                Some(password) => Some(password),
                None => server.password.clone(),
            },
        };
        let mut link = Link::to(server, address, credentials)?;
        let about = link.section("server")?;
        let version = field(&about, "redis_version").ok_or(Trouble::Strange)?;
        let major = version.split('.').next().and_then(|of| of.parse().ok());
        if major.is_none_or(|major: u32| major < VERSION_LEAST) {
            return Err(Trouble::TooOld(version.to_owned()));
        }
        let replication = link.section("replication")?;
        if field(&replication, "role") != Some("master") {
            return Err(Trouble::Replica);
        }
        // Not by the name of its data, which changes when a first replica comes and nothing is lost.
        link.instance = Instance(fold(field(&about, "run_id").ok_or(Trouble::Strange)?));
        Ok(link)
    }

    /// Connects to whatever is there, and says who comes.
    pub(super) fn to(
        server: &Server,
        address: &Address,
        credentials: Credentials,
    ) -> Result<Link, Trouble> {
        let mut link = Link {
            socket: Patient {
                socket: connect(server, address)?,
                until: None,
            },
            parser: Parser::new(),
            instance: Instance(0),
            name: server.to_string(),
        };
        if let Some(password) = credentials.password {
            let mut auth = cmd("AUTH");
            if let Some(user) = credentials.user {
                auth.arg(user);
            }
            link.send(&auth.arg(password).get_packed_command())?;
            match link.receive()? {
                Value::ServerError(error) if error.code() == "WRONGPASS" => {
                    return Err(Trouble::Refused(
                        "the user or the password is wrong".to_owned(),
                    ));
                }
                answer => no_error(answer)?,
            };
        }
        if server.database != 0 {
            link.ask(cmd("SELECT").arg(server.database))?;
        }
        Ok(link)
    }

    /// Asks one thing; an error of Redis is one of the function.
    pub(super) fn ask(&mut self, command: &Cmd) -> Result<Value, Trouble> {
        self.send(&command.get_packed_command())?;
        no_error(self.receive()?)
    }

    /// Sends commands as bytes, each of which is answered by [`receive`](Link::receive) in its turn.
    pub(super) fn send(&mut self, commands: &[u8]) -> Result<(), Trouble> {
        let time = time_of(commands.len());
        self.socket.until = time.map(|time| Instant::now() + time);
        self.socket.write_all(commands)?;
        Ok(self.socket.flush()?)
    }

    /// The next answer, which may be an error of Redis.
    pub(super) fn receive(&mut self) -> Result<Value, Trouble> {
        Ok(self.parser.parse_value(&mut self.socket)?)
    }

    fn section(&mut self, name: &str) -> Result<String, Trouble> {
        match self.ask(cmd("INFO").arg(name))? {
            Value::BulkString(text) => String::from_utf8(text).map_err(|_| Trouble::Strange),
            Value::VerbatimString { text, .. } => Ok(text),
            _ => Err(Trouble::Strange),
        }
    }
}

fn connect(server: &Server, address: &Address) -> Result<Box<dyn Socket>, Trouble> {
    let (host, port, is_tls) = match &server.place {
        Place::Unix(path) => {
            let socket = UnixStream::connect(path)?;
            socket.set_read_timeout(Some(REDIS_ANSWER))?;
            socket.set_write_timeout(Some(REDIS_ANSWER))?;
            return Ok(Box::new(socket));
        }
        Place::Tcp { host, port, is_tls } => (host.as_str(), *port, *is_tls),
    };
    let mut error = io::Error::other("its name leads to no address");
    let mut connected = None;
    for socket in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&socket, REDIS_ANSWER) {
            Ok(stream) => {
                connected = Some(stream);
                break;
            }
            Err(other) => error = other,
        }
    }
    let stream = connected.ok_or(error)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(REDIS_ANSWER))?;
    stream.set_write_timeout(Some(REDIS_ANSWER))?;
    if !is_tls {
        return Ok(Box::new(stream));
    }
    let session = Outward::begin(&address.files, host, stream);
    Ok(Box::new(session.map_err(|error| match error {
        OutwardError::File(error) => Trouble::Unready(error.to_string()),
        OutwardError::Socket(error) => match Trouble::from(error) {
            Trouble::Silent => Trouble::Insecure(
                "it does not answer to a handshake: is this its port for TLS?".to_owned(),
            ),
            Trouble::Unreachable(why) => Trouble::Insecure(format!(
                "{why} while shaking hands: is this its port for TLS, and does it ask for a certificate?"
            )),
            other => other,
        },
        OutwardError::Refused(why) => Trouble::Insecure(why),
    })?))
}

fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    let mut lines = info.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(of, _)| *of == name).map(|(_, value)| value)
}

fn no_error(value: Value) -> Result<Value, Trouble> {
    match value {
        Value::ServerError(error) => Err(Trouble::from(&error)),
        value => Ok(value),
    }
}

/// FNV-1a: the same on every host, unlike the hashes of the standard library.
fn fold(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::{fold, time_of};
    use crate::limits::{FLIGHT_BATCH_BYTES, REDIS_BYTES_PER_SECOND};

    #[test]
    fn every_host_names_an_instance_by_the_same_number() {
        assert_eq!(fold("a"), 0xe40c_292c, "as FNV-1a has it");
        assert_eq!(fold("foobar"), 0xbf9c_f968, "as FNV-1a has it");
    }

    #[test]
    fn what_is_large_may_take_longer_and_what_is_small_may_not() {
        assert_eq!(time_of(1000), None);
        let second = time_of(REDIS_BYTES_PER_SECOND).map(|time| time.as_secs_f64());
        assert_eq!(second, Some(1.0));
        let batch = time_of(FLIGHT_BATCH_BYTES).map(|time| time.as_secs());
        assert_eq!(batch, Some(2), "a batch as it is sent in a flood");
    }
}
