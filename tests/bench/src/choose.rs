//! What takes part: loads, servers, folders.

use std::path::{Path, PathBuf};

use crate::arguments::Arguments;
use crate::loads::Load;
use crate::say;
use crate::secured::Identity;
use crate::servers::{Folders, Server, free_port};

/// Loads that were asked for.
///
/// # Errors
/// One of them does not exist.
pub fn loads(arguments: &Arguments) -> Result<Vec<Box<dyn Load>>, String> {
    let all = crate::loads::all();
    for name in &arguments.load {
        if all.iter().all(|load| load.name() != name) {
            return Err(format!("--load {name}: there is no such load; see --list"));
        }
    }
    let is_chosen = |load: &dyn Load| match arguments.load.as_slice() {
        [] => !arguments.quick || load.is_quick(),
        names => names.iter().any(|name| name == load.name()),
    };
    Ok(all.into_iter().filter(|load| is_chosen(&**load)).collect())
}

/// Servers that were asked for and are here, built.
///
/// # Errors
/// One of ours cannot be built, or one that was asked for is not here.
pub fn servers(arguments: &Arguments, folders: &Folders) -> Result<Vec<Server>, String> {
    say("building");
    let mut servers = crate::servers::own(folders, &arguments.against)?;
    if arguments.peers {
        let (peers, missing) = crate::servers::peers(folders, arguments.install);
        servers.extend(peers);
        for missing in missing {
            say(&format!("left out: {}: {}", missing.name, missing.why));
        }
    }
    for name in &arguments.server {
        if servers.iter().all(|server| server.name != *name) {
            return Err(format!("--server {name}: there is no such server here"));
        }
    }
    if !arguments.server.is_empty() {
        servers.retain(|server| arguments.server.contains(&server.name));
    }
    for server in &servers {
        say(&format!("{}: {}", server.name, server.version));
    }
    Ok(servers)
}

/// Where things lie.
///
/// # Errors
/// This program was moved.
pub fn folders() -> Result<Folders, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root
        .canonicalize()
        .map_err(|error| format!("{}: {error}", root.display()))?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let built: PathBuf = program.parent().ok_or("no folder")?.to_owned();
    let work = built.parent().ok_or("no target folder")?.to_owned();
    let identity = Identity::make(&work.join("tls"))?;
    Ok(Folders {
        root,
        work,
        built,
        identity,
        redis_port: free_port()?,
    })
}
