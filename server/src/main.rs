//! Arguments, settings, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use server::config::Args;

fn main() -> ExitCode {
    let args = Args::parse();
    let settings = match args.into_settings() {
        Ok(settings) => settings,
        Err(error) => return fail(&error, ExitCode::from(2)),
    };
    server::run::run(&settings).unwrap_or_else(|error| fail(&error, error.exit_code()))
}

#[allow(clippy::print_stderr)] // there may be no log to tell it
fn fail(error: &dyn std::fmt::Display, code: ExitCode) -> ExitCode {
    eprintln!("error: {error}");
    code
}
