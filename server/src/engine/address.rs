//! Where Redis is and how to get in, as the settings say it. Plain values, but for the password's file, which is read anew for
//! each connection.

use std::fmt;
use std::path::PathBuf;

use redis::{ConnectionAddr, IntoConnectionInfo};

use crate::private_file;
use crate::tls::OutwardFiles;

/// What is written instead of an address.
const HOW: &str = "write it as \"redis://127.0.0.1:6379\", \"rediss://redis.example:6379\" or \
    \"redis+unix:///run/redis/redis.sock\"";

/// Everything that leads to the one Redis that takes what is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Servers of which one is the master, or Sentinels; one at least.
    pub servers: Vec<Server>,
    /// The name of the master where the servers are Sentinels.
    pub sentinel: Option<String>,
    /// The user at Redis; none for that of the URL, or the default one.
    pub user: Option<String>,
    /// The file with the password at Redis; none for that of the URL.
    pub password_file: Option<PathBuf>,
    /// For servers that are reached by TLS.
    pub files: OutwardFiles,
}

/// One server, with the password that may stand in its URL. Is shown without.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    pub(super) place: Place,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: i64,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Tcp {
        host: String,
        port: u16,
        is_tls: bool,
    },
    Unix(PathBuf),
}

impl Address {
    /// One server and nothing else.
    #[cfg(test)]
    pub(super) fn of(url: &str) -> Address {
        Address {
            servers: vec![Server::parse(url).expect("it is one")],
            ..Address::default()
        }
    }

    /// The password of the file; none where there is no file. Waits for the disk.
    ///
    /// # Errors
    /// Why it cannot be had, with the file's name.
    pub fn password(&self) -> Result<Option<String>, String> {
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        let shown = path.display();
        let text =
            private_file::read(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
        // Editors and `echo` end a line; a password has none in it.
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            return Err(format!(
                "{shown} is empty: write the password there, and nothing else"
            ));
        }
        if text.contains(['\n', '\r']) {
            return Err(format!(
                "{shown} has more than one line: write the password there, and nothing else"
            ));
        }
        Ok(Some(text.to_owned()))
    }
}

impl Server {
    /// Reads a URL, such as `redis://user:password@127.0.0.1:6379/0` or `redis+unix:///run/redis/redis.sock`.
    ///
    /// # Errors
    /// What is wrong with it, in words that show nothing of a password.
    pub fn parse(url: &str) -> Result<Server, String> {
        if url.contains('#') {
            return Err("has a # in it: in a password write %23 for it; to trust a certificate name its authority by \
                 `ca_file`"
                .to_owned());
        }
        let (scheme, rest) = url.split_once(':').unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        // Encrypted here, so that the crate needs to know nothing of it.
        let (plain, is_tls) = match scheme.as_str() {
            "rediss" => ("redis", true),
            "valkeys" => ("valkey", true),
            other => (other, false),
        };
        let info = format!("{plain}:{rest}").into_connection_info();
        let info = info.map_err(|error| {
            let why = error.detail().unwrap_or_else(|| error.category());
            format!("is no address of Redis ({why}): {HOW}")
        })?;
        let settings = info.redis_settings();
        if settings.db() < 0 {
            return Err(format!(
                "is no address of Redis (Invalid database number): {HOW}"
            ));
        }
        let place = match info.addr() {
            ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
            ConnectionAddr::Tcp(host, port) => Place::Tcp {
                host: host.clone(),
                port: *port,
                is_tls,
            },
            _ => return Err(format!("is no address of Redis: {HOW}")),
        };
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Server {
            place,
            user: given(settings.username()),
            password: given(settings.password()),
            database: settings.db(),
        })
    }

    /// Whether the URL says who comes: a user, and a password.
    pub fn credentials(&self) -> (bool, bool) {
        (self.user.is_some(), self.password.is_some())
    }

    /// Whether it is reached by TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.place, Place::Tcp { is_tls: true, .. })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.servers.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{server}")?;
        }
        match &self.sentinel {
            Some(name) => write!(f, " (Sentinel, {name})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Unix(path) => write!(f, "redis+unix://{}", path.display())?,
            Place::Tcp { host, port, is_tls } => {
                let scheme = if *is_tls { "rediss" } else { "redis" };
                match host.contains(':') {
                    true => write!(f, "{scheme}://[{host}]:{port}")?,
                    false => write!(f, "{scheme}://{host}:{port}")?,
                }
            }
        }
        match self.database {
            0 => Ok(()),
            number => write!(f, "/{number}"),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::Server;

    #[test]
    fn a_server_is_shown_without_its_password() {
        for (url, shown) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379"),
            ("redis://[::1]:7000", "redis://[::1]:7000"),
            (
                "redis://:secret@redis.example:7000/3",
                "redis://redis.example:7000/3",
            ),
            (
                "REDISS://user:secret@redis.example",
                "rediss://redis.example:6379",
            ),
            (
                "redis+unix:///run/r.sock?pass=secret&db=2",
                "redis+unix:///run/r.sock/2",
            ),
        ] {
            let server = Server::parse(url).expect("it is one");
            assert_eq!(server.to_string(), shown);
            assert_eq!(format!("{server:?}"), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_shows_no_password() {
        for url in [
            "",
            "127.0.0.1:6379",
            "http://:secret@127.0.0.1",
            "redis://:secret@127.0.0.1/zero",
            "redis://:secret@127.0.0.1/-1",
            "redis://:secret#@127.0.0.1",
            "rediss://:secret@127.0.0.1/#insecure",
            "rediss:secret",
        ] {
            let error = Server::parse(url).expect_err(url);
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
