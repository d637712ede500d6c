//! How what other hosts say of themselves is read. Of the thread `engine-hosts`; waits for Redis.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use redis::{Cmd, Value, cmd};

use super::super::link::{Link, Trouble};
use super::elsewhere::{Elsewhere, Far, Listing, OtherHost, OtherRoute};
use super::word::{Keys, Word, read_list};
use crate::ids::HostNumber;
use crate::limits::memory::{Account, Part};
use crate::limits::{
    ELSEWHERE_LISTED_MAX, HOST_LIST_BYTES_MAX, HOST_LISTS_READ, HOST_WORD_BYTES_MAX, HOSTS_FORGET,
    HOSTS_MAX,
};

/// What it remembers from one look to the next.
pub(super) struct Others {
    /// What the lists of others take.
    account: Account,
    /// Hosts that are listed and not there, and since when.
    missing: HashMap<HostNumber, Instant>,
    /// Bytes of lists that may be read now.
    allowance: usize,
    looks: usize,
}

/// A list that has changed.
struct Wanted {
    host: usize,
    path: Box<str>,
}

impl Others {
    pub(super) fn new() -> Others {
        Others {
            account: Account::new(Part::Queues),
            missing: HashMap::new(),
            allowance: 0,
            looks: 0,
        }
    }

    /// Reads what the hosts say whose numbers are in this set, but `own`, of routes that are shared here too.
    pub(super) fn read(
        &mut self,
        link: &mut Link,
        keys: &Keys,
        own: HostNumber,
        listed: Value,
        is_shared: impl Fn(&str) -> bool,
        elsewhere: &Elsewhere,
    ) -> Result<(), Trouble> {
        let (numbers, is_all) = numbers(listed, own)?;
        let before = elsewhere.now().unwrap_or_default();
        let words = numbers
            .iter()
            .map(|of| part(&keys.word(*of), HOST_WORD_BYTES_MAX));
        let words = ask_all(link, &words.collect::<Vec<_>>())?;
        let (mut hosts, mut wanted) = (Vec::new(), Vec::new());
        for (number, word) in numbers.into_iter().zip(words) {
            let Some(word) = bytes(&word).and_then(Word::read) else {
                self.missing.entry(number).or_insert_with(Instant::now);
                continue;
            };
            self.missing.remove(&number);
            let known = before.hosts().iter().find(|of| of.number == number);
            let mut routes = HashMap::new();
            for (path, of) in word.routes.into_iter().filter(|(path, _)| is_shared(path)) {
                let known = known.and_then(|known| known.routes.get(&path));
                let list = known.map(|known| known.list.clone()).unwrap_or_default();
                if list.number != of.list {
                    wanted.push(Wanted {
                        host: hosts.len(),
                        path: path.clone(),
                    });
                }
                let clients = of.clients;
                routes.insert(path, OtherRoute { clients, list });
            }
            hosts.push(OtherHost {
                number,
                machine: word.machine.into(),
                routes,
            });
        }
        self.read_lists(link, keys, &mut hosts, wanted)?;
        let lists = hosts.iter().flat_map(|host| host.routes.values());
        let bytes: usize = lists.map(|of| of.list.bytes).sum();
        self.account.set(bytes);
        elsewhere.set(hosts, is_all);
        self.forget(link, keys)
    }

    /// As many as may be read now; the others stay as they were until their turn comes.
    fn read_lists(
        &mut self,
        link: &mut Link,
        keys: &Keys,
        hosts: &mut [OtherHost],
        mut wanted: Vec<Wanted>,
    ) -> Result<(), Trouble> {
        self.allowance = (self.allowance + HOST_LISTS_READ).min(HOST_LIST_BYTES_MAX);
        self.looks += 1;
        if !wanted.is_empty() {
            let first = self.looks % wanted.len();
            wanted.rotate_left(first);
        }
        for Wanted { host, path } in wanted {
            if self.allowance == 0 {
                break;
            }
            let key = keys.list(hosts[host].number, &path);
            let answer = link.ask(&part(&key, HOST_LIST_BYTES_MAX))?;
            let json = bytes(&answer).unwrap_or_default();
            self.allowance = self.allowance.saturating_sub(json.len().max(1));
            let Some(mut list) = read_list(json) else {
                continue;
            };
            let others = hosts.iter().enumerate().filter(|(of, _)| *of != host);
            let held = others.filter_map(|(_, of)| of.routes.get(&path));
            let held: usize = held.map(|of| of.list.clients.len()).sum();
            list.clients
                .truncate(ELSEWHERE_LISTED_MAX.saturating_sub(held));
            list.bytes = list.clients.iter().map(Far::bytes).sum();
            if let Some(route) = hosts[host].routes.get_mut(&path) {
                route.list = Arc::<Listing>::new(list);
            }
        }
        Ok(())
    }

    /// Who is not there for long is not asked for any more.
    fn forget(&mut self, link: &mut Link, keys: &Keys) -> Result<(), Trouble> {
        let gone = self
            .missing
            .extract_if(|_, since| since.elapsed() >= HOSTS_FORGET);
        let gone: Vec<_> = gone.map(|(number, _)| number.to_string()).collect();
        if !gone.is_empty() {
            link.ask(cmd("SREM").arg(keys.hosts()).arg(gone))?;
        }
        Ok(())
    }
}

/// Sends commands at once and gives their answers, of which each may be an error.
pub(super) fn ask_all(link: &mut Link, commands: &[Cmd]) -> Result<Vec<Value>, Trouble> {
    let packed: Vec<u8> = commands.iter().flat_map(Cmd::get_packed_command).collect();
    if !packed.is_empty() {
        link.send(&packed)?;
    }
    commands.iter().map(|_| link.receive()).collect()
}

/// Reads a value as far as it is not too long.
fn part(key: &str, most: usize) -> Cmd {
    let mut command = cmd("GETRANGE");
    command.arg(key).arg(0).arg(most - 1);
    command
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) if !bytes.is_empty() => Some(bytes),
        _ => None,
    }
}

/// Those that are looked at, and whether they are all.
fn numbers(listed: Value, own: HostNumber) -> Result<(Vec<HostNumber>, bool), Trouble> {
    let (Value::Array(listed) | Value::Set(listed)) = listed else {
        return Err(Trouble::Strange);
    };
    let listed = listed.iter().filter_map(bytes);
    let numbers = listed.filter_map(|text| std::str::from_utf8(text).ok()?.parse().ok());
    let mut numbers: Vec<HostNumber> = numbers.filter(|number| *number != own).collect();
    numbers.sort_unstable();
    let is_all = numbers.len() <= HOSTS_MAX;
    numbers.truncate(HOSTS_MAX);
    Ok((numbers, is_all))
}
