//! The thread `reaper`: joins connection threads that are about to end and frees their permits.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, bounded};

use crate::ids::ClientId;
use crate::limits::DEPARTED_QUEUE;
use crate::roster::Roster;

/// Starts the thread. It takes the numbers of clients whose thread does nothing more but end, and
/// ends itself when the last sender is gone.
///
/// # Errors
/// No thread is to be had.
pub fn start(roster: Arc<Roster>) -> io::Result<(Sender<ClientId>, JoinHandle<()>)> {
    let (departed, inbox) = bounded(DEPARTED_QUEUE);
    let thread = thread::Builder::new()
        .name("reaper".to_owned())
        .spawn(move || inbox.iter().for_each(|client| roster.release(client)))?;
    Ok((departed, thread))
}
