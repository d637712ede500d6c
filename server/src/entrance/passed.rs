//! Sockets that systemd has bound before the server started, and passed to it (sd_listen_fds(3)).
//!
//! Main thread. They are kept open over the whole run: connections that come while nobody accepts wait in
//! them, for a later reload or for the next start.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::{AcceptConn, SockType};
use socket2::{Domain, SockAddr, Socket};

/// What was passed, each with the name that the socket unit gives it.
#[derive(Default)]
pub struct Passed(Vec<(String, Socket)>);

/// What was passed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PassedError {
    /// What the environment says of it makes no sense.
    #[error("LISTEN_FDS and LISTEN_FDNAMES, by which systemd passes sockets: {0}")]
    Environment(io::Error),
    /// It is nothing that connections come by.
    #[error(
        "systemd has passed \"{0}\", which is no listening TCP or unix stream socket: the socket unit needs \
         ListenStream= and Accept=no"
    )]
    Unusable(String),
    /// Who connects to it would wait for ever.
    #[error(
        "systemd has passed a socket on {place} that nobody listens on: add \"systemd:{name}\" to `listen`, or as \
         the address of a [[listener]]"
    )]
    Unnamed {
        /// Its name.
        name: String,
        /// Where it is.
        place: String,
    },
}

impl Passed {
    /// Takes what was passed to this process: to be called once, before anything is opened, since the environment may tell of
    /// more than there is.
    ///
    /// # Errors
    /// [`PassedError::Environment`], [`PassedError::Unusable`].
    #[allow(unsafe_code)]
    pub fn take() -> Result<Passed, PassedError> {
        let descriptors = sd_notify::listen_fds_with_names().map_err(PassedError::Environment)?;
        let mut passed = Vec::new();
        for (descriptor, name) in descriptors {
            // SAFETY: systemd has opened it for this process and says so under this process's own number; nothing
            // else in here knows of it, and this is called once.
            let owned = unsafe { OwnedFd::from_raw_fd(descriptor) };
            let socket = Socket::from(owned);
            if prepare(&socket).is_none() {
                return Err(PassedError::Unusable(name));
            }
            passed.push((name, socket));
        }
        Ok(Passed(passed))
    }

    /// Those of this name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Socket> {
        let all = self.0.iter();
        all.filter(move |(of, _)| of == name)
            .map(|(_, socket)| socket)
    }

    /// The names, each once, as a list for people.
    pub fn names(&self) -> String {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        names.join(", ")
    }

    /// Whether each has a name of `wanted`.
    ///
    /// # Errors
    /// [`PassedError::Unnamed`] for the first that has none of them.
    pub fn check<'a>(&self, wanted: impl Iterator<Item = &'a str>) -> Result<(), PassedError> {
        let wanted: Vec<&str> = wanted.collect();
        let mut all = self.0.iter();
        match all.find(|(name, _)| !wanted.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, socket)) => Err(PassedError::Unnamed {
                name: name.clone(),
                place: place(socket),
            }),
        }
    }
}

/// Where a socket listens, as people write it.
pub fn place(socket: &Socket) -> String {
    let Ok(address) = socket.local_addr() else {
        return "an address of its own".to_owned();
    };
    match (address.as_socket(), address.as_pathname()) {
        (Some(address), _) => address.to_string(),
        (None, Some(path)) => format!("unix:{}", path.display()),
        (None, None) => "unix:@".to_owned(),
    }
}

/// Gives a socket the options that one of our own has; none where it is of no use.
fn prepare(socket: &Socket) -> Option<()> {
    let is_stream = getsockopt(socket, SockType).ok()? == nix::sys::socket::SockType::Stream;
    let listens = getsockopt(socket, AcceptConn).ok()?;
    let domain = socket.local_addr().as_ref().map(SockAddr::domain).ok()?;
    let is_known = [Domain::IPV4, Domain::IPV6, Domain::UNIX].contains(&domain);
    if !(is_stream && listens && is_known) {
        return None;
    }
    if domain != Domain::UNIX {
        super::tcp::set_options(socket).ok()?;
    }
    // Who accepts from it waits elsewhere: see `ListeningSocket::accept`.
    socket.set_nonblocking(true).ok()
}
