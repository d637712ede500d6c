//! The command line (clap): which options there are. What they say is checked with the file, so that
//! all that is wrong is told at once.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use super::ask_args::Question;

const EXAMPLE: &str = "\
Example:
  server --plugins plugins/ --listen 127.0.0.1:25252 --allow-origin https://example.org
  server --config detent.toml --check
  server push http://127.0.0.1:25252/push/news 'it rains'
  server clients --config detent.toml --route /chat

Sizes are written as 65536 or 64KiB, times as 25s or 1500ms. What is given here wins over the file.
SIGHUP reads the file and the plugins anew; SIGINT and SIGTERM stop, a second one at once.";

/// The command line. What an option takes is text here and checked by `Settings::load`.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "server",
    version,
    about = "Detent, a WebSocket server whose routes are plugins",
    after_help = EXAMPLE,
    args_conflicts_with_subcommands = true
)]
pub struct Args {
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,

    /// File with the settings (TOML); scripts/detent.toml has all of them
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Check the settings and the plugins folder, tell every problem, and exit 0 or 2
    #[arg(long)]
    pub check: bool,

    /// Folder with the plugin libraries (*.so); required unless the file names it
    #[arg(long, value_name = "DIR")]
    pub plugins: Option<PathBuf>,

    /// Address and port to listen on, may be repeated; localhost:8080 and :8080 are IPv4 and IPv6 at
    /// once, port 0 takes a free one; unix:PATH is a unix socket, systemd:NAME what systemd passes
    /// [default: 127.0.0.1:25252]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,

    /// Origin whose pages may connect beside the server's own, may be repeated; * for any
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,

    /// Option for a plugin, may be repeated, such as chat.exclude_sender=true
    #[arg(long, value_name = "PLUGIN.KEY=VALUE")]
    pub set: Vec<String>,

    /// Largest message a client may send; a larger one closes it with 1009 [default: 64KiB]
    #[arg(long, value_name = "SIZE")]
    max_message: Option<String>,

    /// Bytes that may wait for a slow client; more closes it with 1008 [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    max_backlog: Option<String>,

    /// Connections at once; more are answered 503 [default: what the machine's limits allow]
    #[arg(long, value_name = "N")]
    max_connections: Option<String>,

    /// Time for a whole request head and body [default: 10s]
    #[arg(long, value_name = "TIME")]
    handshake_timeout: Option<String>,

    /// Silence after which a client is pinged; 0s for never [default: 25s]
    #[arg(long, value_name = "TIME")]
    ping_interval: Option<String>,

    /// Time to answer a ping; a client that does not has vanished [default: 10s]
    #[arg(long, value_name = "TIME")]
    pong_timeout: Option<String>,

    /// Time from the first signal to the end, whatever still runs [default: 10s]
    #[arg(long, value_name = "TIME")]
    stop_timeout: Option<String>,

    /// What is logged: off, error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,

    /// File to log to instead of stderr
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// How a log line is written: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// A plugin that cannot be used ends the start with exit code 2
    #[arg(long)]
    pub strict: bool,

    /// For who develops a plugin: swap a library in when it has changed and is whole, as on SIGHUP
    #[arg(long, conflicts_with = "check")]
    pub watch: bool,
}

/// What this program does beside serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Send to everyone who listens: a text, a file, or each line of standard input.
    /// Exits 0 when it is taken, 1 when it is refused, 2 for a mistake here, 69 when nobody is reachable
    Push(PushArgs),
    /// Print what is said, a message a line, and come back where the connection ends.
    /// Exits 1 when it is refused, 2 for a mistake here, 69 when nobody is reachable at first
    Listen(ListenArgs),
    /// Ask a server at work.
    #[command(flatten)]
    Ask(Question),
}

/// What to send, and where.
#[derive(Clone, Debug, clap::Args)]
pub struct PushArgs {
    /// Such as http://127.0.0.1:25252/push/news, or ws:// to send by a WebSocket
    pub url: String,

    /// The text; without it and without --file each line of standard input is sent
    pub message: Option<String>,

    /// Send this file as one message, - for all of standard input
    #[arg(long, value_name = "FILE", conflicts_with = "message")]
    pub file: Option<PathBuf>,

    /// Wait until the server's disk has each message, as ?durable in the URL does; by http:// only
    #[arg(long)]
    pub durable: bool,

    /// Who sends; DETENT_TOKEN in the environment says it without showing it to others on this machine
    #[arg(long)]
    pub token: Option<String>,
}

/// Where to listen.
#[derive(Clone, Debug, clap::Args)]
pub struct ListenArgs {
    /// Such as http://127.0.0.1:25252/push/news for an event stream, or ws:// for a WebSocket
    pub url: String,

    /// From where on: a position, a number for so many of the last messages, or all that is kept; what is missed while
    /// the connection is away comes too
    #[arg(long, value_name = "POSITION")]
    pub since: Option<String>,

    /// Who listens; DETENT_TOKEN in the environment says it without showing it to others on this machine
    #[arg(long)]
    pub token: Option<String>,
}

impl Args {
    /// Those that name this file of settings and nothing else, for who only reads it: where plugins lie is of no
    /// interest then.
    pub fn of_file(file: &Path) -> Args {
        let mut args = Args::parse_from(["server", "--plugins", "."]);
        args.config = Some(file.to_owned());
        args
    }

    /// What the options that take text were given, by option; empty where it was not given.
    pub(super) fn texts(&self, flag: &str) -> Vec<&str> {
        let one = match flag {
            "--listen" => return self.listen.iter().map(String::as_str).collect(),
            "--allow-origin" => return self.allow_origin.iter().map(String::as_str).collect(),
            "--max-message" => &self.max_message,
            "--max-backlog" => &self.max_backlog,
            "--max-connections" => &self.max_connections,
            "--handshake-timeout" => &self.handshake_timeout,
            "--ping-interval" => &self.ping_interval,
            "--pong-timeout" => &self.pong_timeout,
            "--stop-timeout" => &self.stop_timeout,
            "--log-level" => &self.log_level,
            "--log-format" => &self.log_format,
            // Paths and switches are no text: whoever reads them takes the fields.
            _ => &None,
        };
        one.as_deref().into_iter().collect()
    }
}
