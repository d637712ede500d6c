//! The end of a stream, before anything is put behind it: whether counting goes on there, and where it does not, a new epoch.
//!
//! Of the thread `engine`. An epoch is opened by an entry that has the offset of the last one, so that offsets go on; Redis
//! then refuses what another host still puts into the epoch before, and that host looks here too.
//!
//! Nobody puts anything into a Redis of which it is not known that it is the one which has the end of the stream: after a
//! restart or a failover something may be missing that hosts have read, and what is put there instead must have another
//! name. So every entry says by which instance of Redis it was taken, and where the last one says another, an epoch is
//! opened first. What stands before that is the same for everybody, since a stream only grows and loses only its end.

use std::time::{SystemTime, UNIX_EPOCH};

use log::info;
use redis::{Cmd, Value, cmd};

use super::entry::{Body, Entry, Kind, Meta, Packed, StreamId};
use super::link::{Link, Trouble};
use crate::limits::EPOCH_TRIES;

/// A stream as one host knows it.
pub(super) struct Known<'k> {
    pub(super) route: &'k str,
    pub(super) key: &'k str,
    /// The run of this server.
    pub(super) host: u64,
    /// The last entry that was read, or of which Redis has said that it is there.
    pub(super) last: StreamId,
}

impl Known<'_> {
    /// The last entry, behind which what is said next is to come. Opens an epoch where that is needed.
    pub(super) fn end(&self, link: &mut Link) -> Result<StreamId, Trouble> {
        for _ in 0..EPOCH_TRIES {
            link.ask(cmd("WATCH").arg(self.key))?;
            let last = last_entry(link, self.key)?;
            let before = match &last {
                Some(entry) if self.goes_on_from(entry, link) => {
                    link.ask(&cmd("UNWATCH"))?;
                    return Ok(entry.id);
                }
                Some(entry) => entry.id,
                None => self.last,
            };
            let epoch = now()
                .max(before.epoch.saturating_add(1))
                .max(self.last.epoch.saturating_add(1));
            let id = StreamId {
                epoch,
                offset: before.offset,
            };
            if self.open(link, id, before.epoch)? {
                let (route, key) = (self.route, self.key);
                info!("route {route}: the stream {key} goes on in another epoch, from {id} on");
                return Ok(id);
            }
        }
        let why = "every try to begin an epoch met that of another host";
        Err(Trouble::Refused(why.to_owned()))
    }

    fn goes_on_from(&self, entry: &Entry, link: &Link) -> bool {
        let is_of_now = |body: &Body| body.instance == link.instance;
        entry.body.as_ref().is_some_and(is_of_now) && entry.id >= self.last
    }

    /// Opens an epoch behind the entry of the same offset in the epoch `before`. False where something has come meanwhile.
    fn open(&self, link: &mut Link, id: StreamId, before: u64) -> Result<bool, Trouble> {
        let meta = Meta {
            kind: Kind::Epoch,
            opcode: 0,
            host: self.host,
            number: 0,
            except: None,
            at: now(),
            position_at: None,
            topic: "".into(),
        };
        let mut commands = cmd("MULTI").get_packed_command();
        Packed::new(&meta, &before.to_le_bytes()).add_as(
            &mut commands,
            self.key,
            id,
            link.instance,
        );
        commands.extend(cmd("EXEC").get_packed_command());
        link.send(&commands)?;
        let mut answers = Vec::with_capacity(3);
        for _ in 0..3 {
            answers.push(link.receive()?);
        }
        if let Some(error) = answers.iter().find_map(error_in) {
            return Err(error);
        }
        Ok(answers.pop() != Some(Value::Nil))
    }
}

/// An error that Redis has answered, or one of a transaction.
pub(super) fn error_in(value: &Value) -> Option<Trouble> {
    match value {
        Value::ServerError(error) => Some(Trouble::from(error)),
        Value::Array(values) => values.iter().find_map(error_in),
        _ => None,
    }
}

/// The last entry of a stream; none where it is empty, or is not there.
pub(super) fn last_entry(link: &mut Link, key: &str) -> Result<Option<Entry>, Trouble> {
    let mut command = Cmd::new();
    command.arg("XREVRANGE").arg(key).arg("+").arg("-");
    command.arg("COUNT").arg(1);
    match link.ask(&command)? {
        Value::Array(mut entries) => match entries.pop() {
            None => Ok(None),
            Some(entry) => Entry::read(entry).map(Some).ok_or(Trouble::Strange),
        },
        Value::Nil => Ok(None),
        _ => Err(Trouble::Strange),
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 has not been set yet; epochs begin at 1.
    since.map_or(1, |since| since.as_millis() as u64).max(1)
}
