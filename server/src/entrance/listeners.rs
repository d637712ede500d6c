//! The sockets that are listened on, each with its acceptor: bound at the start, added, changed and removed
//! at a reload.
//!
//! Main thread.

use std::fmt;
use std::io;
use std::sync::Arc;

use log::info;

use super::acceptor::Acceptor;
use super::door::Service;
use super::listening::{BindError, ListeningSocket};
use super::passed::Passed;
use super::socket_file::{Granted, SocketFile};
use crate::config::{Listen, ListenerSettings};

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen}: {error}")]
pub struct ListenError {
    listen: Listen,
    error: BindError,
}

/// Sockets that are bound and accept nothing yet, each with what was asked for.
pub struct Bound(Vec<(ListenerSettings, Vec<ListeningSocket>)>);

impl Bound {
    /// Binds all of `wanted`, or none. An optional one whose address the machine does not have is left out.
    ///
    /// # Errors
    /// The first that cannot be bound.
    pub fn bind(wanted: &[ListenerSettings], passed: &Passed) -> Result<Bound, ListenError> {
        let one = |settings: &ListenerSettings| match ListeningSocket::bind(settings, passed) {
            Ok(sockets) => Some(Ok((settings.clone(), sockets))),
            Err(error) if settings.is_optional && error.is_missing() => {
                info!("not listening on {}: {error}", settings.listen);
                None
            }
            Err(error) => {
                let listen = settings.listen.clone();
                Some(Err(ListenError { listen, error }))
            }
        };
        let bound = wanted.iter().filter_map(one);
        bound.collect::<Result<_, _>>().map(Bound)
    }
}

/// What would keep a listener from being bound; see [`ListeningSocket::check`].
///
/// # Errors
/// As [`Bound::bind`].
pub fn check(settings: &ListenerSettings) -> Result<(), ListenError> {
    match ListeningSocket::check(settings) {
        Err(error) if !(settings.is_optional && error.is_missing()) => {
            let listen = settings.listen.clone();
            Err(ListenError { listen, error })
        }
        _ => Ok(()),
    }
}

/// A socket that is listened on: what it was bound for, and the address that the system has given out.
pub struct Listening {
    /// What holds for it.
    pub settings: ListenerSettings,
    /// Where it is, as people write it.
    pub place: String,
}

impl fmt::Display for Listening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "listening on {}", self.place)?;
        if let Listen::Passed(name) = &self.settings.listen {
            write!(formatter, ", passed by systemd as {name}")?;
        }
        let entry = self.settings.entry;
        if entry.has_proxy_protocol {
            formatter.write_str(", by the PROXY protocol")?;
        }
        if entry.is_inside {
            formatter.write_str(", for insiders")?;
        }
        Ok(())
    }
}

/// Lets `wanted` say who may connect to a unix socket that is listened on; taken back where it is not kept.
///
/// # Errors
/// It cannot be changed, and is as before.
pub fn grant(file: &SocketFile, wanted: &ListenerSettings) -> Result<Granted, ListenError> {
    file.grant(wanted.access).map_err(|error| ListenError {
        listen: wanted.listen.clone(),
        error: error.into(),
    })
}

/// Binds the one socket of a listener that is not for clients.
///
/// # Errors
/// The address is in use, not of this machine, or not ours to take.
pub fn bind_one(settings: &ListenerSettings) -> Result<ListeningSocket, ListenError> {
    ListeningSocket::bind_address(settings).map_err(|error| ListenError {
        listen: settings.listen.clone(),
        error,
    })
}

/// All listeners.
pub struct Listeners {
    service: Arc<Service>,
    passed: Passed,
    accepting: Vec<Accepting>,
}

/// One listener: what was asked for, and an acceptor for each of its sockets.
type Accepting = (ListenerSettings, Vec<Acceptor>);

impl Listeners {
    /// None yet; `passed` is what systemd has.
    pub fn new(service: Arc<Service>, passed: Passed) -> Listeners {
        Listeners {
            service,
            passed,
            accepting: Vec::new(),
        }
    }

    /// What acceptors share.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// As [`Bound::bind`], at a reload.
    ///
    /// # Errors
    /// The first that cannot be bound.
    pub fn bind(&self, wanted: &[ListenerSettings]) -> Result<Bound, ListenError> {
        Bound::bind(&self.missing(wanted), &self.passed)
    }

    /// Starts to accept.
    ///
    /// # Errors
    /// No thread or descriptor is to be had for one of them; those before it accept.
    pub fn add(&mut self, bound: Bound) -> io::Result<Vec<Listening>> {
        let mut taken = Vec::new();
        for (settings, sockets) in bound.0 {
            let mut acceptors = Vec::new();
            for socket in sockets {
                let (settings, place) = (settings.clone(), socket.place());
                acceptors.push(Acceptor::start(
                    socket,
                    settings.entry,
                    self.service.clone(),
                )?);
                taken.push(Listening { settings, place });
            }
            self.accepting.push((settings, acceptors));
        }
        Ok(taken)
    }

    /// Those of `wanted` whose address is not listened on.
    fn missing(&self, wanted: &[ListenerSettings]) -> Vec<ListenerSettings> {
        let mut there: Vec<&Listen> = self.accepting.iter().map(|(of, _)| &of.listen).collect();
        let mut missing = wanted.to_vec();
        missing.retain(|one| {
            let found = there.iter().position(|listen| **listen == one.listen);
            found.map(|at| there.swap_remove(at)).is_none()
        });
        missing
    }

    /// Lets `wanted` say who may connect to the unix sockets that are listened on; what is not kept of it is
    /// taken back.
    ///
    /// # Errors
    /// The first that cannot be changed; all are as before then.
    pub fn grant(&self, wanted: &[ListenerSettings]) -> Result<Vec<Granted>, ListenError> {
        let mut granted = Vec::new();
        for (settings, acceptors) in &self.accepting {
            let mut others = wanted.iter();
            let one =
                others.find(|one| one.listen == settings.listen && one.access != settings.access);
            let file = acceptors.iter().find_map(|of| of.socket().file());
            if let (Some(one), Some(file)) = (one, file) {
                granted.push(grant(file, one)?);
            }
        }
        Ok(granted)
    }

    /// Stops listening on all but `wanted`, and lets what these say hold for who comes from now on; gives
    /// the addresses that end. Their clients stay.
    pub fn keep(&mut self, wanted: &[ListenerSettings]) -> Vec<Listen> {
        let mut wanted = wanted.to_vec();
        // Who stays as it is comes first, so that a port 0 with another entry takes none of these.
        let mut is_kept: Vec<bool> = Vec::new();
        for (settings, _) in &self.accepting {
            let found = wanted.iter().position(|one| one == settings);
            is_kept.push(found.map(|at| wanted.swap_remove(at)).is_some());
        }
        for ((settings, acceptors), is_kept) in self.accepting.iter_mut().zip(&mut is_kept) {
            let mut others = wanted.iter();
            if !*is_kept && let Some(at) = others.position(|one| one.listen == settings.listen) {
                *settings = wanted.swap_remove(at);
                for acceptor in acceptors {
                    acceptor.set_entry(settings.entry);
                    if settings.shares_port {
                        acceptor.socket().share_port();
                    }
                }
                *is_kept = true;
            }
        }
        let mut is_kept = is_kept.into_iter();
        let is_over = |_: &mut Accepting| !is_kept.next().unwrap_or(false);
        let ending: Vec<_> = self.accepting.extract_if(.., is_over).collect();
        let end = |(settings, acceptors): Accepting| {
            acceptors.into_iter().for_each(Acceptor::end);
            settings.listen
        };
        ending.into_iter().map(end).collect()
    }

    /// Stops listening.
    pub fn end(mut self) {
        self.keep(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Listen, ListenerSettings, Passed};
    use crate::config::FileAccess;
    use crate::http::peer::Entry;

    /// The IPv6 half of `:8080` on a machine without IPv6.
    #[test]
    fn only_what_is_optional_may_be_missing() {
        // Set aside for examples, so that no machine has it.
        let address = "[2001:db8::1]:0".parse().expect("an address");
        let listener = |is_optional| ListenerSettings {
            listen: Listen::Tcp(address),
            is_optional,
            entry: Entry::default(),
            access: FileAccess::default(),
            shares_port: false,
        };
        let bound = Bound::bind(&[listener(true)], &Passed::default()).expect("it is left out");
        assert_eq!(bound.0.len(), 0);
        let Err(error) = Bound::bind(&[listener(false)], &Passed::default()) else {
            panic!("it is bound")
        };
        let text = error.to_string();
        let start = "cannot listen on [2001:db8::1]:0: ";
        assert!(text.starts_with(start), "{text}");
        let end = "; this machine does not have this address: `ip address` lists those that it has";
        assert!(text.ends_with(end), "{text}");
    }
}
