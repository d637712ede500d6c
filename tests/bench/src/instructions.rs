//! Instructions of three fixed scenarios, counted by callgrind: exact where times are noise. What the
//! server executes without any client is taken off, and the rest is divided by what was done.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::process::Process;
use crate::report::number;
use crate::script::{Echo, Room, Script, Shape, rest};
use crate::servers::{Folders, Server};
use crate::swarm::{Connecting, Swarm, targets};

/// What `[admin]` may cost: looking at a server is to change nothing.
const ADMIN_SHARE: f64 = 0.01;
/// How often a scenario is played with and without it ...
const ADMIN_PLAYS: usize = 4;
/// ... and how much longer it then is in its long form: what is always timed, the first calls, is a small share of it, as
/// it is of a day.
const LONGER: u64 = 20;
/// Threads meet in another order each time, so that counts differ a little from run to run.
const TOLERANCE_SHARE: f64 = 0.05;
/// Clients that are there at once; callgrind takes 500 threads.
const CLIENTS_AT_ONCE: usize = 100;
/// Between two looks whether clients have gone.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Time for one scenario; the server is some fifty times slower under callgrind.
const TIMEOUT: Duration = Duration::from_secs(120);

/// What is stored: which compiler made the binary, and instructions by scenario.
#[derive(Serialize, Deserialize)]
struct Counts {
    compiler: String,
    instructions: BTreeMap<String, f64>,
}

/// A scenario: its name, and what it does so many times; says how many units that were.
struct Scenario {
    name: &'static str,
    play: fn(&Process, u64) -> Result<f64, String>,
    /// How often.
    times: u64,
}

const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "echo, per message of 64 bytes",
        play: echo,
        times: 2_000,
    },
    Scenario {
        name: "chat to 20, per delivery",
        play: chat,
        times: 200,
    },
    Scenario {
        name: "connect and leave, per client",
        play: connect,
        times: 100,
    },
];

/// Counts, compares with the stored counts, and stores with `save`. Fails where a count grew by more
/// than the tolerance.
///
/// # Errors
/// The server does not run under callgrind, or the file cannot be written.
pub fn run(folders: &Folders, server: &Server, save: bool) -> Result<ExitCode, String> {
    if Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        eprintln!("bench: no instructions counted: valgrind is missing (apt-get install valgrind)");
        return Ok(ExitCode::SUCCESS);
    }
    let path = folders.root.join("tests/bench/instructions/counts.json");
    let stored: Option<Counts> = fs::read_to_string(&path)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok());
    let base = count(folders, server, |_| Ok(1.0))?.0;
    let mut counts = Counts {
        compiler: compiler(),
        instructions: BTreeMap::new(),
    };
    for scenario in &SCENARIOS {
        let play = |process: &Process| (scenario.play)(process, scenario.times);
        let (instructions, units) = count(folders, server, play)?;
        let each = (instructions - base) / units;
        counts.instructions.insert(scenario.name.to_owned(), each);
    }
    let code = compare(&counts, stored.as_ref());
    let admin = admin(folders, server)?;
    if save {
        let text = serde_json::to_string_pretty(&counts).map_err(|error| error.to_string())?;
        fs::write(&path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))?;
        return Ok(admin);
    }
    Ok(if code == ExitCode::SUCCESS {
        admin
    } else {
        code
    })
}

/// Each scenario with times and figures taken, as where there is an admin listener, and without. Fails where that costs
/// more than its share.
fn admin(folders: &Folders, server: &Server) -> Result<ExitCode, String> {
    let file = folders.work.join("admin.toml");
    fs::write(&file, "[admin]\nlisten = \"127.0.0.1:0\"\n")
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let looked_at = server.with_arguments(["--config".into(), file.into()]);
    println!(
        "\n| instructions | without `[admin]` | with it | change |\n| --- | --: | --: | --: |"
    );
    let mut code = ExitCode::SUCCESS;
    for scenario in &SCENARIOS {
        let [mut without, mut with] = [Least::default(); 2];
        for _ in 0..ADMIN_PLAYS {
            without.note(folders, server, scenario)?;
            with.note(folders, &looked_at, scenario)?;
        }
        let (without, with) = (without.each(), with.each());
        let change = with / without - 1.0;
        let mark = if change > ADMIN_SHARE {
            code = ExitCode::FAILURE;
            " TOO MUCH"
        } else {
            ""
        };
        let (name, change) = (scenario.name, change * 100.0);
        let (without, with) = (number(without), number(with));
        println!("| {name} | {without} | {with} | {change:+.1} %{mark} |");
    }
    Ok(code)
}

/// A scenario played short and long again and again, and the least that each took: what the server does by the clock
/// beside it only adds. The difference is what more of the same costs, without the start, which differs by the settings
/// that are read.
#[derive(Clone, Copy)]
struct Least {
    short: (f64, f64),
    long: (f64, f64),
}

impl Default for Least {
    fn default() -> Least {
        let none = (f64::INFINITY, 0.0);
        Least {
            short: none,
            long: none,
        }
    }
}

impl Least {
    fn note(
        &mut self,
        folders: &Folders,
        server: &Server,
        scenario: &Scenario,
    ) -> Result<(), String> {
        let times = scenario.times;
        for (least, times) in [(&mut self.short, times), (&mut self.long, LONGER * times)] {
            let (instructions, units) =
                count(folders, server, |process| (scenario.play)(process, times))?;
            if instructions < least.0 {
                *least = (instructions, units);
            }
        }
        Ok(())
    }

    /// Instructions for each unit more.
    fn each(&self) -> f64 {
        (self.long.0 - self.short.0) / (self.long.1 - self.short.1)
    }
}

fn compare(counts: &Counts, stored: Option<&Counts>) -> ExitCode {
    println!("| instructions | now | stored | change |\n| --- | --: | --: | --: |");
    let mut code = ExitCode::SUCCESS;
    for (name, now) in &counts.instructions {
        let old = stored.and_then(|stored| stored.instructions.get(name));
        let Some(old) = old else {
            println!("| {name} | {} | – | |", number(*now));
            continue;
        };
        let change = now / old - 1.0;
        let mark = if change > TOLERANCE_SHARE {
            code = ExitCode::FAILURE;
            " WORSE"
        } else {
            ""
        };
        let (now, old) = (number(*now), number(*old));
        println!(
            "| {name} | {now} | {old} | {:+.1} %{mark} |",
            change * 100.0
        );
    }
    if let Some(stored) = stored.filter(|stored| stored.compiler != counts.compiler) {
        println!("\nThe stored counts are those of {}.", stored.compiler);
    }
    code
}

/// Instructions of a server's whole life, and the units that `play` says it did.
fn count(
    folders: &Folders,
    server: &Server,
    play: impl FnOnce(&Process) -> Result<f64, String>,
) -> Result<(f64, f64), String> {
    let file = folders.work.join("callgrind.out");
    fs::remove_file(&file).ok();
    let mut option = OsString::from("--callgrind-out-file=");
    option.push(&file);
    let wrapper = ["valgrind".into(), "--tool=callgrind".into(), option];
    let process = server.start_under(folders, &wrapper)?;
    let units = play(&process)?;
    drop(process);
    Ok((total(&file)?, units))
}

/// The last line of callgrind's file tells the sum.
fn total(file: &Path) -> Result<f64, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    text.lines()
        .rev()
        .find_map(|line| line.strip_prefix("totals:"))
        .and_then(|rest| rest.trim().parse().ok())
        .ok_or_else(|| format!("{}: no totals", file.display()))
}

fn echo(process: &Process, messages: u64) -> Result<f64, String> {
    let mut swarm = Swarm::new(process.address())?;
    swarm.connect(&targets("/echo", 1), Connecting::default())?;
    converse(&mut swarm, &mut Echo::closed(0..1, 64, 1), messages)
}

fn chat(process: &Process, messages: u64) -> Result<f64, String> {
    let shape = Shape {
        rooms: 1,
        members: 20,
        speakers: 1,
        deaf: 0,
        bytes: 64,
    };
    let mut swarm = Swarm::new(process.address())?;
    swarm.connect(&targets("/chat", shape.members), Connecting::default())?;
    let deliveries = messages * shape.members as u64;
    converse(&mut swarm, &mut Room::closed(shape), deliveries)
}

fn connect(process: &Process, clients: u64) -> Result<f64, String> {
    let one_by_one = Connecting {
        at_once: 1,
        ..Connecting::default()
    };
    let before = threads(process)?;
    for at in (0..clients).step_by(CLIENTS_AT_ONCE) {
        let mut swarm = Swarm::new(process.address())?;
        let count = CLIENTS_AT_ONCE.min((clients - at) as usize);
        swarm.connect(&targets("/echo", count), one_by_one)?;
        drop(swarm);
        // Whom the stop finds here ends in another way, and they would be others each time.
        let deadline = Instant::now() + TIMEOUT;
        while threads(process)? > before {
            if Instant::now() >= deadline {
                return Err("clients that have left are still there".to_owned());
            }
            sleep(LOOK_AGAIN);
        }
    }
    Ok(clients as f64)
}

fn threads(process: &Process) -> Result<usize, String> {
    let folder = format!("/proc/{}/task", process.id());
    let entries = fs::read_dir(&folder).map_err(|error| format!("{folder}: {error}"))?;
    Ok(entries.count())
}

/// Plays a closed loop until so much was heard; says how much.
fn converse(swarm: &mut Swarm, script: &mut impl Script, wanted: u64) -> Result<f64, String> {
    let deadline = Instant::now() + TIMEOUT;
    swarm.say(|outgoing| script.begin(outgoing));
    while script.tally().heard_in_all < wanted {
        swarm.poll(deadline, script)?;
        if Instant::now() >= deadline || swarm.ended() > 0 {
            let fault = swarm.first_fault().unwrap_or("too slow");
            return Err(format!("not all was heard: {fault}"));
        }
    }
    rest(swarm, script)?;
    Ok(script.tally().heard_in_all as f64)
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(
        |_| "an unknown compiler".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
