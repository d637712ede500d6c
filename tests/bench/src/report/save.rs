//! A run as files: what later runs compare themselves with, and what people read.

use std::fs;
use std::path::Path;

use super::{Results, Theme, chart, details, overview};

/// Writes the run at `path`, and beside it the table (`.md`) and the drawings (`.light.svg`, `.dark.svg`).
///
/// # Errors
/// A file cannot be written.
pub fn save(results: &Results, path: &Path) -> Result<(), String> {
    results.write(path)?;
    let machine = &results.machine;
    let mut text = format!(
        "# How fast\n\n{}, {} GiB, {}, {}. Medians of {} rounds of {} s in which the servers took turns; load \
         and servers shared the machine (load average {} at the start). In brackets: the ratio to the bare server, \
         or to bare threads where the bare server does not do it. `!`: something was lost, doubled or cut off.\n\n",
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        machine.date,
        results.rounds,
        results.seconds,
        machine.load_average,
    );
    for server in &results.servers {
        text += &format!("- {}: {}\n", server.name, server.version);
    }
    text += &format!(
        "\n{}\n## Everything\n{}",
        overview(results),
        details(results)
    );
    let files = [
        ("md", text),
        ("light.svg", chart(results, Theme::LIGHT)),
        ("dark.svg", chart(results, Theme::DARK)),
    ];
    for (extension, text) in files {
        let path = path.with_extension(extension);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
