//! The files of `src`, and which of them imports which.

use std::fs;
use std::path::Path;

use crate::homes::homes;
use crate::reader::{Named, Text, read};

/// One file, read.
pub(crate) struct File {
    /// Its module from the crate's root: `["plugin", "host"]` for `plugin/host/mod.rs`.
    pub(crate) module: Vec<String>,
    pub(crate) names: Vec<Named>,
    /// The names of what it defines itself.
    pub(crate) items: Vec<String>,
    /// The modules that it declares and that are files of their own, in its order.
    pub(crate) modules: Vec<String>,
    /// Below `src`, without the ending.
    name: String,
}

impl File {
    /// Of the file `src/NAME.rs`.
    pub(crate) fn new(name: &str, text: &str) -> File {
        let mut module: Vec<_> = name.split('/').map(str::to_owned).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        let read = read(text, &module);
        let Text { names, items } = read.unwrap_or_else(|error| panic!("src/{name}.rs: {error}"));
        File {
            module,
            names,
            items,
            modules: modules(text),
            name: name.to_owned(),
        }
    }

    /// `plugin/host/mod`.
    pub(crate) fn name(&self) -> String {
        self.name.clone()
    }

    /// A line of it, for messages.
    pub(crate) fn place(&self, line: usize) -> String {
        format!("src/{}.rs:{line}", self.name)
    }
}

fn modules(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let (_, name) = line.strip_suffix(';')?.rsplit_once("mod ")?;
        Some(name.to_owned())
    };
    let is_declaration = |line: &&str| line.starts_with("mod ") || line.starts_with("pub");
    text.lines()
        .filter(is_declaration)
        .filter_map(name)
        .collect()
}

/// All files of the server.
pub(crate) fn files() -> Vec<File> {
    files_of("src")
}

/// All files below a folder that is named from the server's.
pub(crate) fn files_of(source: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the source is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let inside = path
                .strip_prefix(&root)
                .expect("a file of the source")
                .with_extension("");
            let text = fs::read_to_string(&path).expect("a text file");
            files.push(File::new(&inside.to_string_lossy(), &text));
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files
}

/// Every way from a file back to itself by imports, as `a -> b -> a`, once each by its first file.
///
/// What a file takes of a module that it is part of, as `super::Outbox`, is no import where that module's own file defines
/// it: one room. Where that file only gives it on, it is one of the file that defines it.
pub(crate) fn circles(files: &[File]) -> Vec<String> {
    let imports: Vec<Vec<usize>> = files.iter().map(|file| imported(files, file)).collect();
    let mut circles = Vec::new();
    for start in 0..files.len() {
        let mut way = vec![start];
        let mut seen = vec![false; files.len()];
        if leads_back(start, &imports, &mut way, &mut seen) {
            let names: Vec<_> = way.iter().map(|&file| files[file].name.as_str()).collect();
            circles.push(format!("{} -> {}", names.join(" -> "), names[0]));
        }
    }
    circles
}

/// Whether the last of `way` leads to its first; each circle is found by the first of its files only.
fn leads_back(at: usize, imports: &[Vec<usize>], way: &mut Vec<usize>, seen: &mut [bool]) -> bool {
    for &next in &imports[at] {
        if next == way[0] {
            return true;
        }
        if next > way[0] && !std::mem::replace(&mut seen[next], true) {
            way.push(next);
            if leads_back(next, imports, way, seen) {
                return true;
            }
            way.pop();
        }
    }
    false
}

/// The files that `file` names something of.
fn imported(files: &[File], file: &File) -> Vec<usize> {
    let mut imported = Vec::new();
    for (_, home) in homes(files, file) {
        if !file.module.starts_with(&files[home].module) && !imported.contains(&home) {
            imported.push(home);
        }
    }
    imported
}
