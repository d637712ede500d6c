//! The sockets that are listened on, each with its acceptor: bound at the start, added, changed and removed
//! at a reload.
//!
//! Main thread.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use log::info;

use super::acceptor::Acceptor;
use super::door::Service;
use super::listening::{BindError, ListeningSocket};
use super::passed::Passed;
use super::socket_file::{Granted, SocketFile};
use super::way::Way;
use crate::config::{Listen, ListenerSettings, TlsSettings};
use crate::http::peer::Entry;
use crate::tls::{Credentials, IdentityError, Stamp};

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen}: {error}")]
pub struct ListenError {
    pub(super) listen: Listen,
    pub(super) error: Unusable,
}

/// Why it cannot.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error(transparent)]
    Socket(#[from] BindError),
    #[error("tls: {0}")]
    Tls(#[from] IdentityError),
}

impl ListenError {
    fn new(settings: &ListenerSettings, error: impl Into<Unusable>) -> ListenError {
        ListenError {
            listen: settings.listen.clone(),
            error: error.into(),
        }
    }
}

/// Sockets that are bound and accept nothing yet, each with what was asked for.
pub struct Bound(Vec<BoundOne>);

/// What was asked for, the sockets, and what they are secured with.
type BoundOne = (
    ListenerSettings,
    Vec<ListeningSocket>,
    Option<Arc<Credentials>>,
);

impl Bound {
    /// Binds all of `wanted`, or none. An optional one whose address the machine does not have is left out.
    ///
    /// # Errors
    /// The first that cannot be bound.
    pub fn bind(wanted: &[ListenerSettings], passed: &Passed) -> Result<Bound, ListenError> {
        let one = |settings: &ListenerSettings| match ListeningSocket::bind(settings, passed) {
            Ok(sockets) => Some(match load(settings) {
                Ok(tls) => Ok((settings.clone(), sockets, tls)),
                Err(error) => Err(ListenError::new(settings, error)),
            }),
            Err(error) if settings.is_optional && error.is_missing() => {
                info!("not listening on {}: {error}", settings.listen);
                None
            }
            Err(error) => Some(Err(ListenError::new(settings, error))),
        };
        let bound = wanted.iter().filter_map(one);
        bound.collect::<Result<_, _>>().map(Bound)
    }
}

/// What the settings say that it is secured with.
fn load(settings: &ListenerSettings) -> Result<Option<Arc<Credentials>>, IdentityError> {
    let tls = settings.tls.as_ref();
    let load = |tls: &TlsSettings| Credentials::load(&tls.files, None).map(Arc::new);
    tls.map(load).transpose()
}

/// What would keep a listener from being bound; see [`ListeningSocket::check`].
///
/// # Errors
/// As [`Bound::bind`].
pub fn check(settings: &ListenerSettings) -> Result<(), ListenError> {
    match ListeningSocket::check(settings) {
        Err(error) if !(settings.is_optional && error.is_missing()) => {
            Err(ListenError::new(settings, error))
        }
        _ => load(settings)
            .map(drop)
            .map_err(|error| ListenError::new(settings, error)),
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
        if self.settings.tls.is_some() {
            formatter.write_str(", by TLS")?;
        }
        if self.settings.redirects {
            formatter.write_str(", sending everybody to TLS")?;
        }
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
    file.grant(wanted.access)
        .map_err(|error| ListenError::new(wanted, BindError::from(error)))
}

/// Binds the one socket of a listener that is not for clients.
///
/// # Errors
/// The address is in use, not of this machine, or not ours to take.
pub fn bind_one(settings: &ListenerSettings) -> Result<ListeningSocket, ListenError> {
    ListeningSocket::bind_address(settings).map_err(|error| ListenError::new(settings, error))
}

/// All listeners.
pub struct Listeners {
    service: Arc<Service>,
    passed: Passed,
    pub(super) accepting: Vec<Accepting>,
}

/// One listener.
pub(super) struct Accepting {
    /// What was asked for.
    pub(super) settings: ListenerSettings,
    /// One for each of its sockets.
    acceptors: Vec<Acceptor>,
    /// What it is secured with.
    pub(super) tls: Option<Arc<Credentials>>,
    /// The files as they were when what stood in them could not be used.
    pub(super) refused: Option<Stamp>,
    /// When they were looked at.
    pub(super) looked: Instant,
}

impl Accepting {
    /// What holds for who comes by it; TLS is spoken on `port`.
    fn way(&self, port: Option<u16>) -> Way {
        let hsts = self.settings.tls.as_ref().and_then(|tls| tls.hsts);
        Way {
            entry: Entry {
                redirects_to: port.filter(|_| self.settings.redirects),
                hsts: hsts.map(|time| time.as_secs()),
                ..self.settings.entry
            },
            tls: self.tls.clone(),
        }
    }
}

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
        let of_bound = bound
            .0
            .iter()
            .filter(|(settings, ..)| settings.tls.is_some());
        let mut sockets = of_bound.flat_map(|(_, sockets, _)| sockets);
        let port = self
            .tls_port()
            .or_else(|| sockets.find_map(ListeningSocket::port));
        for (settings, sockets, tls) in bound.0 {
            let mut one = Accepting {
                settings,
                acceptors: Vec::new(),
                tls,
                refused: None,
                looked: Instant::now(),
            };
            for socket in sockets {
                let (settings, place) = (one.settings.clone(), socket.place());
                let way = one.way(port);
                one.acceptors
                    .push(Acceptor::start(socket, way, self.service.clone())?);
                taken.push(Listening { settings, place });
            }
            self.accepting.push(one);
        }
        Ok(taken)
    }

    /// Where the first listener is that speaks TLS.
    fn tls_port(&self) -> Option<u16> {
        let mut secured = self.accepting.iter().filter(|of| of.tls.is_some());
        secured.find_map(|of| of.acceptors.iter().find_map(|of| of.socket().port()))
    }

    /// What holds now is told to all who accept.
    pub(super) fn tell_ways(&self) {
        let port = self.tls_port();
        for one in &self.accepting {
            let way = one.way(port);
            one.acceptors.iter().for_each(|of| of.set_way(way.clone()));
        }
    }

    /// Those of `wanted` whose address is not listened on.
    fn missing(&self, wanted: &[ListenerSettings]) -> Vec<ListenerSettings> {
        let mut there: Vec<&Listen> = self
            .accepting
            .iter()
            .map(|of| &of.settings.listen)
            .collect();
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
        for Accepting {
            settings,
            acceptors,
            ..
        } in &self.accepting
        {
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

    /// What of `wanted` each listener is to be from now on; none where it is not wanted any more.
    pub(super) fn matching<'w>(
        &self,
        wanted: &'w [ListenerSettings],
    ) -> Vec<Option<&'w ListenerSettings>> {
        let mut left: Vec<_> = wanted.iter().collect();
        let mut take = |is_meant: &dyn Fn(&ListenerSettings) -> bool| {
            let at = left.iter().position(|one| is_meant(one));
            at.map(|at| left.remove(at))
        };
        // Who stays as it is comes first, so that a port 0 with another entry takes none of these.
        let same = |of: &Accepting| take(&|one| *one == of.settings);
        let mut found: Vec<_> = self.accepting.iter().map(same).collect();
        for (of, found) in self.accepting.iter().zip(&mut found) {
            if found.is_none() {
                *found = take(&|one| one.listen == of.settings.listen);
            }
        }
        found
    }

    /// Stops listening on all but `wanted`, and lets what these say hold for who comes from now on; gives
    /// the addresses that end. Their clients stay.
    pub fn keep(&mut self, wanted: &[ListenerSettings]) -> Vec<Listen> {
        let kept = self.matching(wanted);
        for (one, settings) in self.accepting.iter_mut().zip(&kept) {
            if let Some(settings) = settings {
                one.settings = (*settings).clone();
                if one.settings.shares_port {
                    one.acceptors.iter().for_each(|of| of.socket().share_port());
                }
            }
        }
        let mut is_kept = kept.iter().map(Option::is_some);
        let is_over = |_: &mut Accepting| !is_kept.next().unwrap_or(false);
        let ending: Vec<_> = self.accepting.extract_if(.., is_over).collect();
        let end = |one: Accepting| {
            one.acceptors.into_iter().for_each(Acceptor::end);
            one.settings.listen
        };
        let ended = ending.into_iter().map(end).collect();
        self.tell_ways();
        ended
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
            tls: None,
            redirects: false,
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
