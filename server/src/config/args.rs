//! The command line (clap) and the settings that come out of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Parser;
use log::LevelFilter;

use super::options::PluginOptions;
use crate::http::origin::AllowedOrigins;
use crate::limits::{
    BACKLOG_BYTES_DEFAULT, HANDSHAKE_DEFAULT, MESSAGE_BYTES_DEFAULT, PING_INTERVAL_DEFAULT,
    PONG_TIMEOUT_DEFAULT, STOP_TIMEOUT_DEFAULT,
};

const EXAMPLE: &str = "\
Example:
  server --plugins plugins/ --listen 127.0.0.1:25252 --allow-origin https://example.org

Sizes are written as 65536 or 64KiB, times as 25s or 1500ms.
SIGHUP opens the log file anew; SIGINT and SIGTERM stop, a second one at once.";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "server",
    version,
    about = "Detent, a WebSocket server whose routes are plugins",
    after_help = EXAMPLE
)]
pub struct Args {
    /// Folder with the plugin libraries (*.so)
    #[arg(long, value_name = "DIR")]
    plugins: PathBuf,

    /// Address and port to listen on, may be repeated; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:25252")]
    listen: Vec<SocketAddr>,

    /// Origin whose pages may connect beside the server's own, may be repeated; * for any
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,

    /// Option for a plugin, may be repeated, such as chat.exclude_sender=true
    #[arg(long, value_name = "PLUGIN.KEY=VALUE")]
    set: Vec<String>,

    /// Largest message a client may send; a larger one closes it with 1009
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(MESSAGE_BYTES_DEFAULT))]
    max_message: ByteSize,

    /// Bytes that may wait for a slow client; more closes it with 1008
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(BACKLOG_BYTES_DEFAULT))]
    max_backlog: ByteSize,

    /// Connections at once; more are answered 503 [default: what the machine's limits allow]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: Option<u32>,

    /// Time for a whole request head and body
    #[arg(long, value_name = "TIME", default_value_t = HANDSHAKE_DEFAULT.into())]
    handshake_timeout: humantime::Duration,

    /// Silence after which a client is pinged; 0s for never
    #[arg(long, value_name = "TIME", default_value_t = PING_INTERVAL_DEFAULT.into())]
    ping_interval: humantime::Duration,

    /// Time to answer a ping; a client that does not has vanished
    #[arg(long, value_name = "TIME", default_value_t = PONG_TIMEOUT_DEFAULT.into())]
    pong_timeout: humantime::Duration,

    /// Time from the first signal to the end, whatever still runs
    #[arg(long, value_name = "TIME", default_value_t = STOP_TIMEOUT_DEFAULT.into())]
    stop_timeout: humantime::Duration,

    /// What is logged: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,

    /// File to log to instead of stderr
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,

    /// Do not start where a plugin cannot be used
    #[arg(long)]
    strict: bool,
}

/// Everything that was asked for, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of the plugin libraries.
    pub plugins: PathBuf,
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// Options for plugins.
    pub options: PluginOptions,
    /// Connections at once; none for what the machine allows.
    pub connections_max: Option<u32>,
    /// What is logged.
    pub log_level: LevelFilter,
    /// Where to; none for stderr.
    pub log_file: Option<PathBuf>,
    /// A plugin that cannot be used ends the start.
    pub is_strict: bool,
    /// Time from the first signal to the end.
    pub stop_timeout: Duration,
    /// What holds for each connection.
    pub connection: ConnectionSettings,
}

/// What holds for each connection.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// Origins beside the own.
    pub origins: AllowedOrigins,
    /// Bytes of one message.
    pub message_bytes_max: usize,
    /// Bytes that may wait for a client.
    pub backlog_bytes_max: usize,
    /// Time for a request.
    pub handshake_timeout: Duration,
    /// Silence before a ping; none for no pings.
    pub ping_interval: Option<Duration>,
    /// Time for its answer.
    pub pong_timeout: Duration,
}

impl Args {
    /// Checks what clap cannot and turns arguments into settings.
    ///
    /// # Errors
    /// A sentence that names the option, what is wrong, and what it should be.
    pub fn into_settings(self) -> Result<Settings, String> {
        let origins = AllowedOrigins::parse(self.allow_origin.iter().map(String::as_str))
            .map_err(|error| format!("--allow-origin: {error}"))?;
        let options = PluginOptions::parse(self.set.iter().map(String::as_str))
            .map_err(|error| format!("--set: {error}"))?;
        let ping_interval = Duration::from(self.ping_interval);
        Ok(Settings {
            plugins: self.plugins,
            listen: self.listen,
            options,
            connections_max: self.max_connections,
            log_level: self.log_level,
            log_file: self.log_file,
            is_strict: self.strict,
            stop_timeout: time("--stop-timeout", self.stop_timeout)?,
            connection: ConnectionSettings {
                origins,
                message_bytes_max: size("--max-message", self.max_message, 1)?,
                backlog_bytes_max: size("--max-backlog", self.max_backlog, 1024)?,
                handshake_timeout: time("--handshake-timeout", self.handshake_timeout)?,
                ping_interval: (!ping_interval.is_zero()).then_some(ping_interval),
                pong_timeout: time("--pong-timeout", self.pong_timeout)?,
            },
        })
    }
}

fn size(option: &str, size: ByteSize, least: u64) -> Result<usize, String> {
    let most = ByteSize::gib(1).as_u64();
    if !(least..=most).contains(&size.as_u64()) {
        return Err(format!(
            "{option}: {size} is not between {} and {}",
            ByteSize(least),
            ByteSize(most)
        ));
    }
    usize::try_from(size.as_u64()).map_err(|error| format!("{option}: {error}"))
}

fn time(option: &str, time: humantime::Duration) -> Result<Duration, String> {
    let (least, most) = (Duration::from_millis(1), Duration::from_secs(24 * 60 * 60));
    let duration = Duration::from(time);
    if !(least..=most).contains(&duration) {
        return Err(format!("{option}: {time} is not between 1ms and 1day"));
    }
    Ok(duration)
}
