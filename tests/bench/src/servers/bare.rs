//! The two limits, built together with this program.

use super::{Folders, Kind, Server};
use crate::loads::Ability;
use crate::swarm::Protocol;

/// The limit of the kernel: one thread that copies bytes.
pub(super) fn epoll(folders: &Folders) -> Server {
    Server {
        name: "bare".to_owned(),
        version: "one thread, epoll, no work".to_owned(),
        kind: Kind::Bare,
        abilities: &[Ability::Echo, Ability::Chat, Ability::Rooms],
        clients_max: usize::MAX,
        program: folders.built.join("bare").into(),
        arguments: Vec::new(),
        secured: None,
        sharing: None,
        protocol: Protocol::WebSocket,
        filing: None,
    }
}

/// The limit of the shape: a thread for each client that reads and writes.
pub(super) fn threads(folders: &Folders) -> Server {
    Server {
        name: "bare-threads".to_owned(),
        version: "a thread a client, no work".to_owned(),
        kind: Kind::Bare,
        abilities: &[Ability::Echo, Ability::Slow],
        clients_max: usize::MAX,
        program: folders.built.join("bare-threads").into(),
        arguments: Vec::new(),
        secured: None,
        sharing: None,
        protocol: Protocol::WebSocket,
        filing: None,
    }
}
