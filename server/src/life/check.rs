//! `--check`: what a start would find wrong about settings, plugins and files, without a server.
//!
//! Main thread only; listens on nothing and makes no file. It may run beside a server at work.

use std::fs;
use std::io;
use std::path::Path;

use crate::config::Settings;
use crate::engine;
use crate::entrance::listeners;
use crate::logging::Output;
use crate::roster::capacity::{self, Machine};
use crate::routes;
use crate::threads::Stacks;

/// Every problem of settings that are valid by themselves, each a line that names what is wrong and
/// what to do; empty where the server can start with them. Blocks as long as the plugins' own code.
pub fn check(settings: &Settings) -> Vec<String> {
    let mut problems = Vec::new();
    capacity::raise_open_files();
    let machine = Machine::look(Stacks::new());
    let capacity = machine.connections(&settings.limits, 0);
    if capacity.connections == 0 {
        problems.push(format!("no room for connections: {capacity}"));
    }
    if let Some(file) = &settings.log.file
        && let Err(error) = Output::check(file)
    {
        problems.push(format!("log.file (--log-file) {}: {error}", file.display()));
    }
    if let Some(folder) = &settings.state_dir
        && let Err(error) = check_folder(folder)
    {
        let folder = folder.display();
        problems.push(format!("state_dir {folder}: {error}: name a folder"));
    }
    let all = settings.all_listeners().into_iter();
    for listener in all.chain(settings.admin.listener()) {
        if let Err(error) = listeners::check(&listener) {
            problems.push(error.to_string());
        }
    }
    if let Some(terms) = &settings.redis {
        let wrong = engine::check(terms).into_iter();
        problems.extend(wrong.map(|wrong| format!("redis.url {wrong}")));
    }
    let folder = settings.plugins.display();
    match routes::check::problems(settings, &machine) {
        Ok(of_routes) => problems.extend(of_routes),
        Err(error) => problems.push(format!(
            "plugins folder {folder}: {error}: put the plugin libraries there, or name the folder \
             where they are"
        )),
    }
    problems
}

/// What can be started with, and is perhaps not meant, each a line.
pub fn notes(settings: &Settings) -> Vec<String> {
    let whole = ("client".to_owned(), &settings.client);
    let routes = settings.routes.iter();
    let routes = routes.map(|route| (format!("route {}", route.path), &route.client));
    std::iter::once(whole)
        .chain(routes)
        .filter(|(_, client)| client.message_bytes_max > client.backlog_bytes_max)
        .map(|(whose, client)| {
            let size = |bytes: usize| bytesize::ByteSize(bytes as u64);
            let (message, backlog) = (size(client.message_bytes_max), size(client.backlog_bytes_max));
            let time = humantime::format_duration(client.write_timeout);
            format!(
                "{whose}: a message may have {message} and a backlog {backlog}: a larger one goes only to clients for \
                 which nothing else waits, which have to take it within {time}; raise client.backlog where slow \
                 clients are to get it"
            )
        })
        .collect()
}

/// Whether it is a folder, where it is there: else it is made when a plugin asks for it.
fn check_folder(folder: &Path) -> io::Result<()> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
