//! The command line.

use clap::Parser;

/// What was asked for.
#[derive(Debug, Parser)]
#[command(
    name = "scripts/bench",
    about = "Measures Detent against two bare servers and its peers"
)]
pub struct Arguments {
    /// An answer within two minutes: few loads, short windows, two rounds
    #[arg(long)]
    pub quick: bool,

    /// Measure the peers that this machine has, and name those that it has not
    #[arg(long)]
    pub peers: bool,

    /// Fetch what peers need: Debian's packages as root, npm packages into the target folder
    #[arg(long, requires = "peers")]
    pub install: bool,

    /// Only loads of these names, may be repeated; see --list
    #[arg(long, value_name = "NAME")]
    pub load: Vec<String>,

    /// Only servers of these names, may be repeated
    #[arg(long, value_name = "NAME")]
    pub server: Vec<String>,

    /// Rounds in which the servers take turns [default: 3, --quick: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: Option<u16>,

    /// Length of a timed window [default: 1, --quick: 0.4]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub seconds: Option<f64>,

    /// Measure Detent of another revision too, may be repeated
    #[arg(long, value_name = "REVISION")]
    pub against: Vec<String>,

    /// Store this run in tests/bench/results, as what later runs compare themselves with; with --load
    /// the other stored loads stay
    #[arg(long, conflicts_with_all = ["server", "quick"])]
    pub save: bool,

    /// Show everything that was measured, not only the table
    #[arg(long)]
    pub details: bool,

    /// Count instructions of three scenarios under valgrind instead, and compare with the stored
    /// counts (with --save: store them)
    #[arg(long)]
    pub instructions: bool,

    /// List loads and end
    #[arg(long)]
    pub list: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.05..=600.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("not between 0.05 and 600".to_owned())
    }
}
