//! The running server: everything that the start makes, from the inside out.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Instant;

use bytesize::ByteSize;
use log::{LevelFilter, debug, error, info, warn};

use crate::admin::{Published, View};
use crate::config::{ServerLimits, Settings, wrong_target};
use crate::connection::Context;
use crate::entrance::door::Service;
use crate::entrance::listeners::{Bound, ListenError, Listeners};
use crate::entrance::passed::{Passed, PassedError};
use crate::hub::Hub;
use crate::life::admin::{self, Admin};
use crate::life::certificates::Certificates;
use crate::life::service_manager::{self, Status};
use crate::life::signals::SignalThread;
use crate::limits::memory::{Ebb, LEDGER, Limit};
use crate::logging::client_rate;
use crate::logging::refusal_log::RefusalLog;
use crate::logging::start_lines::StartLines;
use crate::logging::{LogSettings, Logging, push_visible};
use crate::outbox::drain::Drain;
use crate::plugin::{Folders, Services};
use crate::roster::Roster;
use crate::roster::admission::Admission;
use crate::roster::capacity::{self, Capacity, Machine};
use crate::roster::reaper;
use crate::routes::mounts::Mounts;
use crate::routes::readiness::Readiness;
use crate::routes::table::Site;
use crate::routes::watchdog;
use crate::threads::{Stacks, give_heaps_back};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log cannot be written.
    #[error("log.file (--log-file) {}: {error}", path.display())]
    Log {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The plugins folder cannot be read.
    #[error("plugins (--plugins) {}: {error}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Sockets that systemd has passed cannot be used.
    #[error(transparent)]
    Passed(#[from] PassedError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// `--strict`, and something about the plugins is wrong.
    #[error(
        "--strict: not started, since {0} of the plugins or their options cannot be used (see the lines above)"
    )]
    Strict(usize),
    /// The machine's limits leave no room for a single connection.
    #[error("no room for connections: {0}")]
    NoRoom(Capacity),
    /// A thread or descriptor that the server cannot do without.
    #[error("cannot start: {0}")]
    Machine(#[from] io::Error),
}

impl StartError {
    /// 2 where the arguments, the plugins or a socket unit are wrong, 1 where the machine is.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            StartError::Folder { .. } | StartError::Strict(_) | StartError::Passed(_) => {
                ExitCode::from(2)
            }
            _ => ExitCode::from(1),
        }
    }
}

/// Everything that runs; its fields are what the stop takes apart.
pub struct Server {
    pub(crate) listeners: Listeners,
    pub(crate) context: Arc<Context>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) machine: Arc<Machine>,
    pub(crate) mounts: Mounts,
    pub(crate) settings: Settings,
    pub(crate) reaper: JoinHandle<()>,
    pub(crate) hub: Hub,
    pub(crate) drain: Drain,
    pub(crate) signals: SignalThread,
    pub(crate) admin: Admin,
    pub(crate) ebb: Ebb,
    pub(crate) certificates: Certificates,
}

/// Starts everything, with the sockets that were passed; from here on signals are messages.
///
/// # Errors
/// See [`StartError`]; the process is to end.
pub fn start(settings: &Settings, passed: Passed) -> Result<Server, StartError> {
    // From here on the default action of a signal, to end the process, is replaced.
    let signals = SignalThread::start()?;
    capacity::raise_open_files();
    let stacks = Stacks::new();
    let machine = Arc::new(Machine::look(stacks.clone()));
    let capacity = machine.connections(&settings.limits, 0);
    if capacity.connections == 0 {
        return Err(StartError::NoRoom(capacity));
    }
    check_folder(&settings.plugins)?;
    passed.check(
        settings
            .all_listeners()
            .iter()
            .filter_map(|one| one.listen.passed()),
    )?;
    let bound = Bound::bind(&settings.all_listeners(), &passed)?;
    let bound_admin = admin::bind(None, settings)?;
    let slots = machine.possible(0).connections;
    let slots = usize::try_from(slots).unwrap_or(usize::MAX);
    let roster = Arc::new(Roster::new(slots));
    let drain = Drain::start()?;
    drain.handle().set_leaving_max(capacity::leaving());
    let hub = {
        let roster = roster.clone();
        Hub::start(move |client| roster.leave_hub(client))?
    };
    let refusals = RefusalLog::default();
    let (departed, reaper) = reaper::start(roster.clone(), refusals.clone())?;

    let services = Services {
        roster: roster.clone(),
        hub: hub.handle(),
        folders: Arc::new(Folders {
            config: settings.folder(),
            state: settings.state_dir.clone(),
            makes_state: true,
        }),
    };
    let mounts = mount(settings, machine.clone(), services)?;
    let admission = Arc::new(Admission::new(roster.clone()));
    let readiness = Arc::new(Readiness::new(mounts.sites().clone()));
    let published = Published {
        capacity: capacity.clone(),
        library_loads: mounts.loads(),
        last_reload: None,
        certificates: Vec::new(),
    };
    let (view, orders) = View::new(
        readiness.clone(),
        mounts.sites().clone(),
        roster.clone(),
        published,
    );
    let context = Arc::new(Context {
        sites: mounts.sites().clone(),
        readiness,
        refusals,
        has_told_of_foreign_name: AtomicBool::new(false),
        departed,
    });
    let service = Arc::new(Service {
        roster: roster.clone(),
        drain: drain.handle(),
        admission,
        context: context.clone(),
        stacks,
    });
    let listeners = Listeners::new(service, passed);
    let mut server = Server {
        listeners,
        context,
        roster,
        machine,
        mounts,
        settings: settings.clone(),
        reaper,
        hub,
        drain,
        signals,
        admin: Admin::new(Arc::new(view), orders),
        ebb: Ebb::default(),
        certificates: Certificates::default(),
    };
    server.limit(&settings.limits);
    let for_admin = server.admin.apply(settings, bound_admin)?;
    let listening = server.listeners.add(bound)?;
    let site = server.mounts.sites().current();
    let listening = listening.iter().map(ToString::to_string);
    let listening: Vec<_> = for_admin.into_iter().chain(listening).collect();
    let memory = memory_line(&settings.limits, &server.machine);
    announce(
        &settings.log,
        &site,
        &[format!("capacity: {capacity}"), memory],
        &listening,
    );
    server.certificates.report(&server.listeners, &server.admin);
    service_manager::ready();
    Ok(server)
}

fn check_folder(path: &std::path::Path) -> Result<(), StartError> {
    let folder = |error| StartError::Folder {
        path: path.to_owned(),
        error,
    };
    fs::read_dir(path).map_err(folder).map(drop)
}

fn mount(
    settings: &Settings,
    machine: Arc<Machine>,
    services: Services,
) -> Result<Mounts, StartError> {
    let (mounts, problems) =
        Mounts::start(settings, machine, services).map_err(|error| StartError::Folder {
            path: settings.plugins.clone(),
            error,
        })?;
    for problem in &problems {
        error!("{problem}");
    }
    if settings.is_strict && !problems.is_empty() {
        return Err(StartError::Strict(problems.len()));
    }
    if mounts.sites().current().routes.iter().next().is_none() {
        warn!(
            "no plugin in {} can be used: every path answers 404",
            settings.plugins.display()
        );
    }
    Ok(mounts)
}

/// How much may be held for clients, and of what.
fn memory_line(limits: &ServerLimits, machine: &Machine) -> String {
    let bytes = ByteSize(limits.memory.bytes(machine.memory.bytes));
    match limits.memory {
        Limit::Share(percent) => {
            format!(
                "memory: {bytes} for clients, {percent}% of the {}",
                machine.memory
            )
        }
        Limit::Bytes(_) => format!("memory: {bytes} for clients"),
    }
}

/// Tells on stdout and in the log what is there, once where both end in the same place; the listeners
/// last, since who reads along may connect from then on.
fn announce(log: &LogSettings, site: &Site, bounds: &[String], listening: &[String]) {
    let mut lines = vec![format!("detent {}", env!("CARGO_PKG_VERSION"))];
    for mounted in site.routes.mounted() {
        let library = mounted.route.library();
        let paths: Vec<_> = mounted.paths().collect();
        let (paths, name, version) = (paths.join(", "), &library.name, &library.version);
        lines.push(format!(
            "route {paths}: {name} {version} ({})",
            library.file.display()
        ));
    }
    lines.extend_from_slice(bounds);
    lines.push(format!("inside: {}", site.rules.inside));
    lines.extend_from_slice(listening);
    let start_lines = StartLines::of(log);
    if start_lines.are_logged() {
        for line in &lines {
            info!("{line}");
        }
    }
    if !start_lines.are_printed() {
        return;
    }
    let mut text = String::new();
    for line in &lines {
        line.chars().for_each(|of| push_visible(&mut text, of));
        text.push('\n');
    }
    let mut stdout = io::stdout().lock();
    // Nobody may be there to read it, and the log has it too.
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .ok();
}

impl Server {
    /// Once a second: ends what can end, gives memory back, and tells of callbacks that run for long and of lines that
    /// were left out.
    pub(crate) fn tick(&mut self) {
        self.roster.clock.advance();
        self.mounts.sweep();
        self.admin.sweep();
        self.certificates
            .look(Instant::now(), &mut self.listeners, &self.admin);
        watchdog::look(&self.roster, &self.mounts.all());
        if self
            .ebb
            .is_over(Instant::now(), LEDGER.sum(), LEDGER.take_highest())
        {
            let start = Instant::now();
            give_heaps_back();
            debug!(
                "memory: gave back what was free in the heaps in {:?}",
                start.elapsed()
            );
        }
        self.context.refusals.report_left_out();
        client_rate::report_left_out();
    }

    /// Lines of `target`, or of all without one, are written up to `level` until the next reload.
    ///
    /// # Errors
    /// Why nothing can log under this target.
    pub(crate) fn set_log_level(
        &mut self,
        logging: &Logging,
        target: Option<String>,
        level: LevelFilter,
    ) -> Result<String, String> {
        let log = &mut self.settings.log;
        let word = level.to_string().to_ascii_lowercase();
        let told = match target {
            None => {
                log.level = level;
                format!("log level {word} until the next reload")
            }
            Some(target) => {
                if let Some(wrong) = wrong_target(&target) {
                    return Err(format!("{target} is {wrong}"));
                }
                let told = format!("log level {word} of {target} until the next reload");
                log.levels.insert(target, level);
                told
            }
        };
        logging.apply(log, None);
        self.mounts.tell_log_levels();
        Ok(told)
    }

    /// The server is about to stop: who asks for its health is told so, everything else goes on for now.
    pub(crate) fn announce_stop(&self) {
        self.context.readiness.begin_stop();
        let delay = self.settings.stop_delay;
        if !delay.is_zero() {
            service_manager::stopping();
            let delay = humantime::format_duration(delay);
            info!(
                "stopping in {delay} (stop_delay): until then everything goes on, but for the answer to who asks for the health"
            );
        }
    }

    /// Tells the service manager how many are here.
    pub(crate) fn notify_manager(&self, status: &mut Status) {
        let site = self.mounts.sites().current();
        let clients = site.routes.iter().map(|route| route.client_count()).sum();
        status.notify(clients, site.routes.iter().count());
    }

    /// Limits of the whole server hold from now on.
    pub(crate) fn limit(&self, limits: &ServerLimits) {
        let loads = self.mounts.loads();
        let possible = self.machine.connections(limits, loads);
        let promised = self.machine.connections(limits, 0);
        if possible != promised {
            warn!(
                "no more than {possible}, since {loads} libraries were loaded; restart the server"
            );
        }
        LEDGER.set_limit(limits.memory.bytes(self.machine.memory.bytes));
        self.roster.set_limit(possible.connections as usize);
        self.admin.publish(|published| {
            published.capacity = possible;
            published.library_loads = loads;
        });
        self.listeners.service().admission.set_limits(limits);
        self.hub.handle().set_queue_bytes(limits.route_queue_bytes);
    }
}
