//! From an address to the one Redis that takes what is said: where several may be the master, which of them is; and what the
//! Sentinels say.
//!
//! The threads of an engine; waits for each server that is asked.

use redis::{Value, cmd};

use super::address::{Address, Place, Server};
use super::link::{Credentials, Instance, Link, Trouble};
use super::top::last_entry;

/// Connects to the master. Of several that call themselves so, as after a failover that one of them has not heard of, it is
/// the one whose stream `key` has come furthest: every change of master begins an epoch there, so that all hosts find the
/// same. The one that runs as `prefer` is taken without a look at the others.
pub(super) fn reach(
    address: &Address,
    key: &str,
    prefer: Option<Instance>,
) -> Result<Link, Trouble> {
    if let Some(name) = &address.sentinel {
        return by_sentinels(address, name);
    }
    if let [server] = address.servers.as_slice() {
        return Link::to_master(server, address);
    }
    let mut troubles = Vec::new();
    let mut found = None;
    for server in &address.servers {
        let mut link = match Link::to_master(server, address) {
            Ok(link) => link,
            Err(trouble) => {
                troubles.push(format!("{server}: {trouble}"));
                continue;
            }
        };
        if prefer == Some(link.instance) {
            return Ok(link);
        }
        match last_entry(&mut link, key) {
            Ok(last) => {
                let last = last.map(|entry| entry.id);
                if found.as_ref().is_none_or(|(before, _)| last > *before) {
                    found = Some((last, link));
                }
            }
            Err(trouble) => troubles.push(format!("{server}: {trouble}")),
        }
    }
    match found {
        Some((_, link)) => Ok(link),
        None => Err(Trouble::None(troubles.join("; "))),
    }
}

/// Asks one Sentinel after the other, until the master that one names is one. One that was cut off may name the one before.
fn by_sentinels(address: &Address, name: &str) -> Result<Link, Trouble> {
    let mut troubles = Vec::new();
    for sentinel in &address.servers {
        let master = match ask_sentinel(sentinel, address, name) {
            Ok(master) => master,
            Err(trouble) => {
                troubles.push(format!("{sentinel}: {trouble}"));
                continue;
            }
        };
        match Link::to_master(&master, address) {
            Ok(link) => return Ok(link),
            Err(trouble) => troubles.push(format!("{sentinel} names {master}: {trouble}")),
        }
    }
    Err(Trouble::None(troubles.join("; ")))
}

fn ask_sentinel(sentinel: &Server, address: &Address, name: &str) -> Result<Server, Trouble> {
    // The number in the URL is of the database at the master; a Sentinel has none.
    let asked = Server {
        database: 0,
        ..sentinel.clone()
    };
    let credentials = Credentials {
        user: sentinel.user.clone(),
        password: sentinel.password.clone(),
    };
    let mut link = Link::to(&asked, address, credentials)?;
    let mut command = cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let answer = link.ask(&command).map_err(|trouble| match trouble {
        Trouble::Refused(why) if why.contains("unknown command") => Trouble::Refused(
            "it is no Sentinel: name one with its port, as a rule 26379".to_owned(),
        ),
        other => other,
    })?;
    let parts = match answer {
        Value::Array(parts) => parts,
        Value::Nil => {
            return Err(Trouble::Refused(format!(
                "it knows no master by the name {name}"
            )));
        }
        _ => return Err(Trouble::Strange),
    };
    let [Value::BulkString(host), Value::BulkString(port)] = parts.as_slice() else {
        return Err(Trouble::Strange);
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Trouble::Strange);
    Ok(Server {
        place: Place::Tcp {
            host: text(host)?,
            port: text(port)?.parse().map_err(|_| Trouble::Strange)?,
            is_tls: sentinel.is_tls(),
        },
        user: None,
        password: None,
        database: sentinel.database,
    })
}

/// What is wrong with an address, each a line; none where it leads to a master and all others can take its place. Waits for each
/// server, for a second or two at most.
pub(super) fn check(address: &Address, prefix: &str) -> Vec<String> {
    let mut problems = Vec::new();
    // Which of several has come furthest is not asked here: any name will do, of those that the user may read.
    if let Err(trouble) = reach(address, prefix, None) {
        problems.push(format!("{address}: {trouble}"));
    } else if address.servers.len() > 1 && address.sentinel.is_none() {
        // What is down today is what the others are for; what would be refused tomorrow is told today.
        for server in &address.servers {
            let refused = match Link::to_master(server, address) {
                Err(
                    trouble @ (Trouble::Refused(_) | Trouble::TooOld(_) | Trouble::Insecure(_)),
                ) => trouble,
                _ => continue,
            };
            problems.push(format!("{server}: {refused}"));
        }
    }
    problems
}
