//! The loads, one module each, and what they have in common.

mod broadcast;
mod compressed;
mod connect;
mod crowd;
mod deaf;
mod echo;
mod flood;
mod flooded;
mod idle;
mod journal;
mod kept;
mod listeners;
mod newcomers;
mod pages;
mod publish;
mod rejoin;
mod room;
mod secured;
mod shared;
mod slow;
mod storm;
mod unread;
mod window;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::metric::{Metric, Sample};
use crate::process::Process;
use crate::secured::Identity;
use crate::servers::Group;
use crate::swarm::{Protocol, Swarm};

/// What a server must be able to do for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Send messages back: `/echo`.
    Echo,
    /// Pass messages to everyone: `/chat`.
    Chat,
    /// Pass messages to everyone in the room of the query: `/rooms?room=NAME`.
    Rooms,
    /// Ping a silent client every 25 s, and send messages back.
    Pings,
    /// The same with permessage-deflate.
    Compress,
    /// Send messages back, by TLS.
    SecuredEcho,
    /// Pass messages to everyone, by TLS.
    SecuredChat,
    /// Block for 10 ms with each message, then send it back: `/slow`.
    Slow,
    /// Take messages by requests, and pass them to WebSockets and event streams, which may come back to what they
    /// have missed: `/push/{topic}`.
    Push,
    /// Pass what `/push/{topic}` takes to those of another host too, by Redis.
    Shared,
    /// Keep what is said in some rooms, `/past?room=NAME&kept`, in memory or in a file.
    Journals,
}

impl Ability {
    /// Whether clients come by TLS.
    pub fn is_secured(self) -> bool {
        matches!(self, Ability::SecuredEcho | Ability::SecuredChat)
    }
}

/// A figure that is judged, since it is a count and no time.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// The most that it may be.
    pub most: f64,
    /// What to do where it is more.
    pub advice: &'static str,
}

/// One load.
pub trait Load {
    /// Its name on the command line and in the stored results.
    fn name(&self) -> &'static str;
    /// Its name for people.
    fn title(&self) -> &'static str;
    /// What it needs.
    fn ability(&self) -> Ability;
    /// Clients, so that who cannot take so many is left out.
    fn clients(&self) -> usize;
    /// What stands in the table of all loads.
    fn main(&self) -> Metric;
    /// Rounds beyond this teach nothing that the time is worth.
    fn rounds_max(&self) -> usize {
        usize::MAX
    }
    /// What the main metric of this tree's Detent may be at most: more in each round fails the run. None where only
    /// what is lost or wrong is judged.
    fn most(&self) -> Option<Bound> {
        None
    }
    /// Whether it is part of `--quick`.
    fn is_quick(&self) -> bool {
        false
    }
    /// Runs it once on a fresh server.
    ///
    /// # Errors
    /// The server does not do what it should.
    fn run(&self, stage: &Stage) -> Result<Sample, String>;
}

/// What a load gets to run on.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    /// The server, just started; by TLS where the load wants that.
    pub process: &'a Process,
    /// Others whose processor time counts too.
    pub beside: &'a [&'a Process],
    /// What its WebSockets speak.
    pub protocol: Protocol,
    /// What clients by TLS trust.
    pub identity: &'a Identity,
    /// What it can do.
    pub abilities: &'static [Ability],
    /// Starts another server like it, always a plain one.
    pub another: &'a dyn Fn() -> Result<Process, String>,
    /// Starts one that keeps some rooms in a file, and where it is asked for its metrics.
    pub filing: &'a dyn Fn() -> Result<(Process, PathBuf), String>,
    /// Starts Redis and hosts that share by it.
    pub sharing: &'a dyn Fn() -> Result<Group, String>,
    /// Length of the timed window.
    pub seconds: f64,
    /// Time before it.
    pub warm_up_seconds: f64,
    /// Deliveries a second of the best peer, or of the bare server where there are no peers, in the
    /// room of 1,000.
    pub best_room_rate: Option<f64>,
    /// Where files may be put; none to count no system calls.
    pub calls_folder: Option<&'a Path>,
}

impl Stage<'_> {
    /// Processor time of all that counts.
    ///
    /// # Errors
    /// One of them has ended.
    fn cpu(&self) -> Result<Duration, String> {
        let all = [self.process]
            .into_iter()
            .chain(self.beside.iter().copied());
        all.map(Process::cpu).sum()
    }

    /// A swarm for the server, whose clients come by TLS where `ability` says so.
    ///
    /// # Errors
    /// The kernel gives no epoll.
    fn swarm(&self, ability: Ability) -> Result<Swarm, String> {
        let swarm = Swarm::new(self.process.address())?;
        Ok(match ability.is_secured() {
            true => swarm.secure(self.identity.trust()?),
            false => swarm,
        })
    }
}

/// All loads in the order in which they run and stand in the table.
pub fn all() -> Vec<Box<dyn Load>> {
    let mut loads = room::closed();
    loads.extend(echo::all());
    loads.extend(idle::all());
    loads.extend(kept::all());
    loads.extend(compressed::all());
    loads.extend(connect::all());
    loads.push(Box::new(pages::Pages));
    loads.extend(room::equal());
    loads.push(room::paced());
    loads.push(Box::new(unread::Unread));
    loads.push(Box::new(deaf::Deaf));
    loads.extend(flooded::all());
    loads.push(room::many());
    loads.push(Box::new(broadcast::Broadcast));
    loads.push(Box::new(storm::Storm));
    loads.push(Box::new(slow::Slow));
    loads.extend(newcomers::all());
    loads.extend(publish::all());
    loads.extend(journal::all());
    loads.push(Box::new(rejoin::Rejoin));
    loads.extend(listeners::all());
    loads.extend(secured::all());
    loads.extend(shared::all());
    loads
}
