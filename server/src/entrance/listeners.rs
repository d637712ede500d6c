//! The sockets that are listened on, each with its acceptor: bound at the start, added and removed at a
//! reload.
//!
//! Main thread.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use super::acceptor::Acceptor;
use super::door::Service;
use super::listening::bind;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}; is another server running there?")]
pub struct ListenError {
    address: SocketAddr,
    error: io::Error,
}

/// Sockets that are bound and accept nothing yet, each with the address that was asked for.
pub struct Bound(Vec<(SocketAddr, TcpListener)>);

impl Bound {
    /// Binds all of `addresses`, or none.
    ///
    /// # Errors
    /// The first that cannot be bound.
    pub fn bind(addresses: &[SocketAddr]) -> Result<Bound, ListenError> {
        let one = |&address: &SocketAddr| match bind(address) {
            Ok(listener) => Ok((address, listener)),
            Err(error) => Err(ListenError { address, error }),
        };
        addresses
            .iter()
            .map(one)
            .collect::<Result<_, _>>()
            .map(Bound)
    }
}

/// All listeners.
pub struct Listeners {
    service: Arc<Service>,
    accepting: Vec<(SocketAddr, Acceptor)>,
}

impl Listeners {
    /// None yet.
    pub fn new(service: Arc<Service>) -> Listeners {
        Listeners {
            service,
            accepting: Vec::new(),
        }
    }

    /// What acceptors share.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Starts to accept; gives the addresses as the system has given them out.
    ///
    /// # Errors
    /// No thread or descriptor is to be had for one of them; those before it accept.
    pub fn add(&mut self, bound: Bound) -> io::Result<Vec<SocketAddr>> {
        let mut taken = Vec::new();
        for (address, listener) in bound.0 {
            taken.push(listener.local_addr()?);
            let acceptor = Acceptor::start(listener, self.service.clone())?;
            self.accepting.push((address, acceptor));
        }
        Ok(taken)
    }

    /// Those of `addresses` that are not listened on.
    pub fn missing(&self, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        let is_there = |address: &&SocketAddr| self.accepting.iter().any(|(of, _)| of == *address);
        addresses
            .iter()
            .filter(|address| !is_there(address))
            .copied()
            .collect()
    }

    /// Stops listening on all but `addresses`; gives those that end. Their clients stay.
    pub fn keep(&mut self, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        let is_over = |(address, _): &mut (SocketAddr, Acceptor)| !addresses.contains(address);
        let ending: Vec<_> = self.accepting.extract_if(.., is_over).collect();
        let ended = ending.iter().map(|(address, _)| *address).collect();
        ending.into_iter().for_each(|(_, acceptor)| acceptor.end());
        ended
    }

    /// Stops listening.
    pub fn end(mut self) {
        self.keep(&[]);
    }
}
