//! Arguments, settings, check, run or ask one that runs, exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use server::config::{Args, Command, Question, Settings};

/// Exit code where the arguments, the file or the plugins are wrong.
const EXIT_WRONG: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(command) = &args.command {
        let done = match command {
            Command::Push(args) => server::caller::push(args),
            Command::Listen(args) => server::caller::listen(args),
            Command::Ask(question) => return ask(question),
        };
        return done.map_or_else(
            |error| {
                complain(&format_args!("error: {error}"));
                ExitCode::from(error.exit_code())
            },
            |()| ExitCode::SUCCESS,
        );
    }
    let settings = match Settings::load(&args) {
        Ok(settings) => settings,
        Err(problems) => {
            complain(&problems);
            return ExitCode::from(EXIT_WRONG);
        }
    };
    if args.check {
        return check(&args, &settings);
    }
    server::life::run::run(&args, &settings).unwrap_or_else(|error| {
        complain(&format_args!("error: {error}"));
        error.exit_code()
    })
}

/// Asks a server that runs.
fn ask(question: &Question) -> ExitCode {
    match server::caller::remote::run(question) {
        Ok(text) => {
            // Whoever reads along may have seen enough.
            writeln!(io::stdout(), "{}", text.trim_end()).ok();
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format_args!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

fn check(args: &Args, settings: &Settings) -> ExitCode {
    for note in server::life::check::notes(settings) {
        complain(&format_args!("note: {note}"));
    }
    let problems = server::life::check::check(settings);
    for problem in &problems {
        complain(problem);
    }
    if !problems.is_empty() {
        return ExitCode::from(EXIT_WRONG);
    }
    let what = args.config.as_ref().map(|file| file.display().to_string());
    report(&what.unwrap_or_else(|| "the command line".to_owned()));
    ExitCode::SUCCESS
}

#[allow(clippy::print_stdout)] // it is what `--check` was asked for
fn report(what: &str) {
    println!("{what}: ok");
}

#[allow(clippy::print_stderr)] // there may be no log to tell it
fn complain(text: &dyn std::fmt::Display) {
    eprintln!("{text}");
}
