//! Tests a plugin in any language by a script: `detent-test-plugin LIBRARY SCRIPT...`, on the host in memory of the test kit. So
//! an author who writes C tests as one who writes Rust does: stepped, without a server, a port or a sleep.
//!
//! A script is lines, one command each; `#` begins a comment. What a script can say stands in `script.rs`.
#![forbid(unsafe_code)]

mod play;
mod script;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: detent-test-plugin LIBRARY SCRIPT...";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [library, scripts @ ..] = arguments.as_slice() else {
        writeln!(io::stderr(), "{USAGE}").ok();
        return ExitCode::from(2);
    };
    if scripts.is_empty() {
        writeln!(io::stderr(), "{USAGE}").ok();
        return ExitCode::from(2);
    }
    let mut has_failed = false;
    for script in scripts {
        // Who does not listen has the exit code.
        let _told = match test(Path::new(library), script) {
            Ok(commands) => writeln!(io::stdout(), "{script}: ok, {commands} commands").ok(),
            Err(why) => {
                has_failed = true;
                writeln!(io::stderr(), "{why}").ok()
            }
        };
    }
    ExitCode::from(u8::from(has_failed))
}

/// Gives the number of commands.
fn test(library: &Path, name: &str) -> Result<usize, String> {
    let text = std::fs::read_to_string(name).map_err(|error| format!("{name}: {error}"))?;
    let script = script::parse(name, &text)?;
    let route = play::start(library, &script)?;
    for line in &script.lines {
        let at = |why: String| format!("{name}:{}: {why}", line.number);
        route.play(&line.command).map_err(at)?;
    }
    route.end().map_err(|why| format!("{name}: {why}"))?;
    Ok(script.options.len() + script.lines.len())
}
