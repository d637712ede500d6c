//! Where Redis is, a connection to it, and what can be wrong with that.
//!
//! The threads of an engine, each with a connection of its own; everything here may wait as long as
//! [`REDIS_ANSWER`] for Redis.

use std::fmt;

use redis::{Client, Cmd, Connection, ConnectionAddr, ConnectionInfo, ConnectionLike, ErrorKind};
use redis::{IntoConnectionInfo, RedisError, ServerError, Value};

use crate::limits::REDIS_ANSWER;

/// The first version that counts within an epoch by itself (`XADD key 7-*`). Valkey calls itself 7.2.4.
const VERSION_LEAST: u32 = 7;

/// An address, with the password that may be in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: String,
    shown: String,
}

impl Address {
    /// Reads a URL, such as `redis://user:password@127.0.0.1:6379/0` or `redis+unix:///run/redis/redis.sock`.
    ///
    /// # Errors
    /// What is wrong with it, in words that show nothing of a password.
    pub fn parse(url: &str) -> Result<Address, String> {
        if url.starts_with("rediss:") || url.starts_with("valkeys:") {
            return Err(
                "asks for TLS, which Detent does not speak to Redis: use a tunnel, such as stunnel"
                    .to_owned(),
            );
        }
        let info = info(url).map_err(|error| {
            let why = error.detail().unwrap_or_else(|| error.category());
            format!(
                "is no address of Redis ({why}): write it as \"redis://127.0.0.1:6379\" or \
                 \"redis+unix:///run/redis/redis.sock\""
            )
        })?;
        let database = match info.redis_settings().db() {
            0 => String::new(),
            number => format!("/{number}"),
        };
        let shown = match info.addr() {
            ConnectionAddr::Unix(path) => format!("redis+unix://{}{database}", path.display()),
            address => format!("redis://{address}{database}"),
        };
        Ok(Address {
            url: url.to_owned(),
            shown,
        })
    }
}

fn info(url: &str) -> Result<ConnectionInfo, RedisError> {
    url.into_connection_info()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Why Redis is away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// No connection, or no longer.
    #[error("it cannot be reached ({0})")]
    Unreachable(String),
    /// A connection, and no answer.
    #[error("it has not answered within {} ms", REDIS_ANSWER.as_millis())]
    Silent,
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
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Trouble {
        if error.kind() == ErrorKind::AuthenticationFailed {
            return Trouble::Refused("the user or the password is wrong".to_owned());
        }
        if error.is_timeout() {
            return Trouble::Silent;
        }
        if error.is_io_error() || error.is_connection_dropped() {
            return Trouble::Unreachable(error.to_string());
        }
        Trouble::Refused(error.to_string())
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
    connection: Connection,
    pub(super) instance: Instance,
}

impl Link {
    /// Connects, and asks who it is.
    pub(super) fn open(address: &Address) -> Result<Link, Trouble> {
        let client = Client::open(info(&address.url)?)?;
        let mut connection = client.get_connection_with_timeout(REDIS_ANSWER)?;
        connection.set_read_timeout(Some(REDIS_ANSWER))?;
        connection.set_write_timeout(Some(REDIS_ANSWER))?;
        let server = section(&mut connection, "server")?;
        let version = field(&server, "redis_version").ok_or(Trouble::Strange)?;
        let major = version.split('.').next().and_then(|of| of.parse().ok());
        if major.is_none_or(|major: u32| major < VERSION_LEAST) {
            return Err(Trouble::TooOld(version.to_owned()));
        }
        let replication = section(&mut connection, "replication")?;
        if field(&replication, "role") != Some("master") {
            return Err(Trouble::Replica);
        }
        // Not by the name of its data, which changes when a first replica comes and nothing is lost.
        let instance = Instance(fold(field(&server, "run_id").ok_or(Trouble::Strange)?));
        Ok(Link {
            connection,
            instance,
        })
    }

    /// Asks one thing; an error of Redis is one of the function.
    pub(super) fn ask(&mut self, command: &Cmd) -> Result<Value, Trouble> {
        no_error(self.connection.req_command(command)?)
    }

    /// Sends commands as bytes, each of which is answered by [`receive`](Link::receive) in its turn.
    pub(super) fn send(&mut self, commands: &[u8]) -> Result<(), Trouble> {
        Ok(self.connection.send_packed_command(commands)?)
    }

    /// The next answer, which may be an error of Redis.
    pub(super) fn receive(&mut self) -> Result<Value, Trouble> {
        Ok(self.connection.recv_response()?)
    }
}

fn section(connection: &mut Connection, name: &str) -> Result<String, Trouble> {
    let answer = connection.req_command(redis::cmd("INFO").arg(name))?;
    match no_error(answer)? {
        Value::BulkString(text) => String::from_utf8(text).map_err(|_| Trouble::Strange),
        Value::VerbatimString { text, .. } => Ok(text),
        _ => Err(Trouble::Strange),
    }
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
    use super::{Address, fold};

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (url, shown) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379"),
            (
                "redis://:secret@redis.example:7000/3",
                "redis://redis.example:7000/3",
            ),
            (
                "redis+unix:///run/r.sock?pass=secret&db=2",
                "redis+unix:///run/r.sock/2",
            ),
        ] {
            let address = Address::parse(url).expect("it is one");
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_shows_no_password() {
        for url in [
            "",
            "127.0.0.1:6379",
            "http://:secret@127.0.0.1",
            "redis://:secret@127.0.0.1/zero",
            "rediss://:secret@127.0.0.1",
        ] {
            let error = Address::parse(url).expect_err(url);
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn every_host_names_an_instance_by_the_same_number() {
        assert_eq!(fold("a"), 0xe40c_292c, "as FNV-1a has it");
        assert_eq!(fold("foobar"), 0xbf9c_f968, "as FNV-1a has it");
    }
}
