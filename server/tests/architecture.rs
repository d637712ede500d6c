//! Holds the invariants of `src/lib.rs` that the compiler does not: who imports whom, and who may
//! name which library.

use std::fs;
use std::path::{Path, PathBuf};

/// The files of `src`, each with the module of `lib.rs` that it belongs to.
fn files() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the source is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(&root).expect("a file of the source");
                let first = inside.iter().next().expect("a name").to_string_lossy();
                files.push((first.trim_end_matches(".rs").to_owned(), path));
            }
        }
    }
    files
}

/// The lines of a file that are code, up to its unit tests.
fn code(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a text file");
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
    lines.filter(is_code).map(str::to_owned).collect()
}

/// Modules in the order of `lib.rs`.
fn modules() -> Vec<String> {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let name = |line: &String| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    code(&lib).iter().filter_map(name).collect()
}

#[test]
fn a_module_imports_only_modules_below_it() {
    let modules = modules();
    let floor = |name: &str| modules.iter().position(|of| of == name);
    assert!(modules.len() > 10, "lib.rs lists the modules");
    for (module, path) in files() {
        let Some(own) = floor(&module) else { continue };
        for line in code(&path) {
            // Also `use crate::{a, b};`, which names its modules in one line.
            let named = line.split("crate::").skip(1).flat_map(|rest| {
                let rest = rest.trim_start_matches('{');
                rest.split(|character: char| !character.is_alphanumeric() && character != '_')
                    .take(if line.contains("crate::{") {
                        usize::MAX
                    } else {
                        1
                    })
            });
            for name in named {
                let is_below = floor(name).is_none_or(|other| other >= own);
                assert!(
                    is_below,
                    "{}: {module} imports {name}, which stands above it",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn only_their_rooms_name_the_libraries() {
    for (library, rooms) in [
        ("tungstenite", ["connection", "http"].as_slice()),
        ("libloading", &["plugin"]),
        ("signal_hook", &["life"]),
        ("plugin_api", &["plugin"]),
        ("allow(unsafe_code)", &["plugin", "threads"]),
        ("clap", &["config", "main"]),
        ("httparse", &["http"]),
    ] {
        for (module, path) in files() {
            let is_named = code(&path).iter().any(|line| line.contains(library));
            let may = rooms.contains(&module.as_str());
            assert!(!is_named || may, "{} names {library}", path.display());
        }
    }
}
