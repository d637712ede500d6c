//! The run: loads one after the other, servers in turns within each round.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::arguments::Arguments;
use crate::choose;
use crate::instructions;
use crate::loads::{self, Load, Stage};
use crate::metric::{FAULTS, METRICS, PER_SECOND, Sample};
use crate::report::{Machine, Results, Row, ServerInfo, compare, details, number, overview, save};
use crate::say;
use crate::servers::{Folders, Kind, Server};

/// Clients above this make perf's own files too many.
const COUNTED_CLIENTS_MAX: usize = 1_000;
/// Open files that this program needs beside its clients' sockets.
const FILES_RESERVED: u64 = 100;
/// Detent as it is in this tree.
const OWN: &str = "detent";
/// The load whose rate the one at a fixed rate is taken from.
const ROOM: &str = "chat-1000";

/// Everything, from the arguments to the exit code.
///
/// # Errors
/// Something cannot be built or written; a load that fails is in the table instead.
pub fn run() -> Result<ExitCode, String> {
    let arguments = Arguments::parse();
    let loads = choose::loads(&arguments)?;
    if arguments.list {
        for load in loads::all() {
            println!("{:16} {}", load.name(), load.title());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let folders = choose::folders()?;
    let stored_path = folders.root.join("tests/bench/results/latest.json");
    let stored = Results::read(&stored_path);
    let servers = choose::servers(&arguments, &folders)?;
    raise_open_files();
    if arguments.instructions {
        let detent = servers.first().ok_or("no server to count")?;
        return instructions::run(&folders, detent, arguments.save);
    }
    let start = Instant::now();
    let results = Run {
        folders: &folders,
        arguments: &arguments,
        stored: stored.as_ref(),
        servers: &servers,
    }
    .all(&loads);
    say(&format!("took {:.0} s", start.elapsed().as_secs_f64()));

    println!("{}", overview(&results));
    if arguments.details {
        println!("{}", details(&results));
    }
    let stored = stored.filter(|_| !arguments.quick);
    for line in stored.map_or(Vec::new(), |stored| compare(&results, &stored)) {
        println!("{line}");
    }
    let code = judge(&results, &loads);
    if arguments.save {
        let kept = Results::read(&stored_path).filter(|_| !arguments.load.is_empty());
        save(&results.over(kept), &stored_path)?;
        say(&format!("stored as {}", stored_path.display()));
    }
    Ok(code)
}

/// Fails where Detent or a bare server failed, or lost something, and where a count of this tree's Detent is above its
/// bound in each round; times are not judged.
fn judge(results: &Results, loads: &[Box<dyn Load>]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for row in &results.rows {
        let server = results.servers.iter().find(|of| of.name == row.server);
        if server.is_none_or(|server| server.kind == Kind::Peer) {
            continue;
        }
        let faults = row.spread(FAULTS.key).map_or(0.0, |faults| faults.high);
        if row.samples.iter().any(Option::is_none) || faults > 0.0 {
            let why = row
                .problem
                .as_deref()
                .unwrap_or("answers are missing or wrong");
            say(&format!("FAILED: {} on {}: {why}", row.load, row.server));
            code = ExitCode::FAILURE;
        }
    }
    for load in loads {
        let (Some(bound), Some(row)) = (load.most(), results.row(load.name(), OWN)) else {
            continue;
        };
        let least = row.spread(&row.main).map_or(0.0, |spread| spread.low);
        if least > bound.most {
            let (least, most) = (number(least), number(bound.most));
            let (name, what, advice) = (load.name(), load.main().title, bound.advice);
            say(&format!(
                "FAILED: {name}: {least} {what}, at most {most} are meant: {advice}"
            ));
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// The servers inherit it.
fn raise_open_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    // Where that is refused, large loads are left out.
    setrlimit(Resource::Nofile, limit).ok();
}

struct Run<'a> {
    folders: &'a Folders,
    arguments: &'a Arguments,
    stored: Option<&'a Results>,
    servers: &'a [Server],
}

impl Run<'_> {
    fn all(&self, loads: &[Box<dyn Load>]) -> Results {
        let quick = self.arguments.quick;
        let rounds = self.arguments.rounds.unwrap_or(if quick { 2 } else { 3 });
        let seconds = self
            .arguments
            .seconds
            .unwrap_or(if quick { 0.4 } else { 1.0 });
        let mut results = Results {
            machine: Machine::here(),
            rounds: rounds.into(),
            seconds,
            servers: self.servers.iter().map(ServerInfo::from).collect(),
            rows: Vec::new(),
        };
        for (index, load) in loads.iter().enumerate() {
            say(&format!("[{}/{}] {}", index + 1, loads.len(), load.title()));
            let rows = self.load(&**load, &results);
            results.rows.extend(rows);
        }
        results
    }

    fn load(&self, load: &dyn Load, before: &Results) -> Vec<Row> {
        let mut rows: Vec<_> = self
            .servers
            .iter()
            .map(|server| Row {
                load: load.name().to_owned(),
                title: load.title().to_owned(),
                main: load.main().key.to_owned(),
                is_gain: load.main().is_gain,
                server: server.name.clone(),
                samples: Vec::new(),
                problem: self.obstacle(load, server),
            })
            .collect();
        let rounds = before.rounds.min(load.rounds_max());
        for round in 0..rounds {
            for turn in 0..self.servers.len() {
                let place = (round + turn) % self.servers.len();
                let (server, row) = (&self.servers[place], &mut rows[place]);
                if row.problem.is_some() {
                    continue;
                }
                let is_last = round + 1 == rounds;
                let sample = self.once(load, server, before, is_last);
                let told = match &sample {
                    Ok(sample) => shown(load, sample),
                    Err(error) => format!("FAILED: {error}"),
                };
                say(&format!("    round {}, {}: {told}", round + 1, server.name));
                row.problem = sample.as_ref().err().cloned();
                row.samples.push(sample.ok());
            }
        }
        rows
    }

    /// Why this server is not given this load.
    fn obstacle(&self, load: &dyn Load, server: &Server) -> Option<String> {
        if !server.abilities.contains(&load.ability()) {
            return Some("does not do this".to_owned());
        }
        let clients = load.clients();
        if clients > server.clients_max {
            return Some(format!("cannot take {clients} clients"));
        }
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        (clients as u64 + FILES_RESERVED > files)
            .then(|| format!("{clients} clients need more open files than {files} (ulimit -n)"))
    }

    fn once(
        &self,
        load: &dyn Load,
        server: &Server,
        before: &Results,
        is_last: bool,
    ) -> Result<Sample, String> {
        let counts = is_last && !self.arguments.quick && load.clients() <= COUNTED_CLIENTS_MAX;
        let process = match load.ability().is_secured() {
            true => server.start_secured(self.folders)?,
            false => server.start(self.folders)?,
        };
        load.run(&Stage {
            process: &process,
            beside: &[],
            protocol: server.protocol,
            identity: &self.folders.identity,
            abilities: server.abilities,
            another: &|| server.start(self.folders),
            filing: &|| server.start_filing(self.folders),
            sharing: &|| server.start_sharing(self.folders),
            seconds: before.seconds,
            warm_up_seconds: before.seconds / 4.0,
            best_room_rate: best_room_rate(before).or_else(|| best_room_rate(self.stored?)),
            calls_folder: counts.then_some(&*self.folders.work),
        })
    }
}

/// Deliveries a second of the best peer, or of the bare server where there are no peers.
fn best_room_rate(results: &Results) -> Option<f64> {
    let best_of = |kind| {
        let servers = results.servers.iter().filter(|server| server.kind == kind);
        servers
            .filter_map(|server| results.row(ROOM, &server.name)?.spread(PER_SECOND.key))
            .map(|spread| spread.median)
            .max_by(f64::total_cmp)
    };
    best_of(Kind::Peer).or_else(|| best_of(Kind::Bare))
}

fn shown(load: &dyn Load, sample: &Sample) -> String {
    let mut metrics = vec![load.main()];
    metrics.extend(METRICS.into_iter().filter(|metric| *metric != load.main()));
    let values = metrics.iter().filter_map(|metric| {
        let value = sample.get(metric.key)?;
        Some(format!("{} {}", number(*value), metric.title))
    });
    values.take(4).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use super::{OWN, judge};
    use crate::loads;
    use crate::metric::{PAGE_FAULTS, sample};
    use crate::report::{Results, Row, ServerInfo};
    use crate::servers::Kind;

    fn results(server: &str, pages: [f64; 2]) -> Results {
        let info = ServerInfo {
            name: server.to_owned(),
            version: String::new(),
            kind: Kind::Detent,
        };
        let row = Row {
            load: "connect-pages".to_owned(),
            title: String::new(),
            main: PAGE_FAULTS.key.to_owned(),
            is_gain: false,
            server: server.to_owned(),
            samples: pages
                .map(|pages| Some(sample([(PAGE_FAULTS, pages)])))
                .into(),
            problem: None,
        };
        Results {
            servers: vec![info],
            rows: vec![row],
            ..Results::default()
        }
    }

    /// Cause: the frames of a handshake had grown by 104 bytes into a third page of the stack, and nothing said so.
    #[test]
    fn one_page_more_for_each_client_in_each_round_fails_the_run() {
        let loads = loads::all();
        let code = |server, pages| judge(&results(server, pages), &loads);
        assert_eq!(code(OWN, [3.2, 3.3]), ExitCode::SUCCESS);
        assert_eq!(
            code(OWN, [3.2, 9.0]),
            ExitCode::SUCCESS,
            "something else was at work"
        );
        assert_eq!(code(OWN, [4.2, 4.3]), ExitCode::FAILURE);
        assert_eq!(
            code("detent@1234567", [4.2, 4.3]),
            ExitCode::SUCCESS,
            "as it was"
        );
    }
}
