//! The command line of those who ask a server at work: `server status`, `clients`, `kick`, `reload`.

use std::path::PathBuf;

use clap::{ArgGroup, Subcommand};

use crate::ids::Anywhere;

/// What a server at work is asked by its admin listener. Exits 0 when it has answered, 1 when it does not do it, 2 for
/// a mistake here, 69 when nobody is reachable.
#[derive(Clone, Debug, Subcommand)]
pub enum Question {
    /// How the server is: connections, memory, routes
    Status {
        /// Which server
        #[command(flatten)]
        way: Way,
        /// As the server answers it
        #[arg(long = "json")]
        is_json: bool,
    },
    /// Who is connected, slow ones first
    Clients {
        /// Which server
        #[command(flatten)]
        way: Way,
        /// Only those on this route
        #[arg(long, value_name = "PATH")]
        route: Option<String>,
        /// Only those of this IP address
        #[arg(long, value_name = "IP")]
        address: Option<String>,
        /// So many at most
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
        /// As the server answers it
        #[arg(long = "json")]
        is_json: bool,
    },
    /// Close one client, or all of an address or a route
    #[command(group = ArgGroup::new("whom").args(["client", "address", "route"]).required(true).multiple(true))]
    Kick {
        /// Which server
        #[command(flatten)]
        way: Way,
        /// Its number, as `clients` and the log have it; 5f3a09c1-17 is on another host
        #[arg(value_parser = a_client)]
        client: Option<String>,
        /// Those on this route
        #[arg(long, value_name = "PATH")]
        route: Option<String>,
        /// Those of this IP address
        #[arg(long, value_name = "IP")]
        address: Option<String>,
        /// What they are told
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Reload settings and plugins as SIGHUP does, and tell how it went
    Reload {
        /// Which server
        #[command(flatten)]
        way: Way,
    },
}

/// How the server is reached: by its settings, or by where its listener is.
#[derive(Clone, Debug, clap::Args)]
pub struct Way {
    /// File with the settings of the server, which say where its admin listener is
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Its admin listener, such as 127.0.0.1:25250 or unix:/run/detent/admin.sock
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,

    /// File with a token that it wants
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl Question {
    /// How the server is reached.
    pub fn way(&self) -> &Way {
        match self {
            Question::Status { way, .. }
            | Question::Clients { way, .. }
            | Question::Kick { way, .. }
            | Question::Reload { way } => way,
        }
    }
}

/// The number of a client, here or on all hosts.
fn a_client(text: &str) -> Result<String, String> {
    let is_one = text.parse::<u64>().is_ok() || text.parse::<Anywhere>().is_ok();
    match is_one {
        true => Ok(text.to_owned()),
        false => Err("a client is a number, such as 17 or 5f3a09c1-17".to_owned()),
    }
}
