//! The files of `src`, and which of them imports which.

use std::fs;
use std::path::Path;

use crate::reader::{Named, names};

/// One file, read.
pub(crate) struct File {
    /// Its module from the crate's root: `["plugin", "host"]` for `plugin/host/mod.rs`.
    pub(crate) module: Vec<String>,
    pub(crate) names: Vec<Named>,
    /// Below `src`, without the ending.
    name: String,
    text: String,
}

impl File {
    /// Of the file `src/NAME.rs`.
    pub(crate) fn new(name: &str, text: &str) -> File {
        let mut module: Vec<_> = name.split('/').map(str::to_owned).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        let names = names(text, &module).unwrap_or_else(|error| panic!("src/{name}.rs: {error}"));
        File {
            module,
            names,
            name: name.to_owned(),
            text: text.to_owned(),
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

    /// The modules that it declares and that are files of their own, in its order.
    pub(crate) fn modules(&self) -> Vec<String> {
        let name = |line: &str| {
            let (_, name) = line.strip_suffix(';')?.rsplit_once("mod ")?;
            Some(name.to_owned())
        };
        let is_declaration = |line: &&str| line.starts_with("mod ") || line.starts_with("pub");
        self.text
            .lines()
            .filter(is_declaration)
            .filter_map(name)
            .collect()
    }
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
/// What a file takes from a module that it is part of, as `super::Outbox`, is no import: one room.
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
    let modules = file.modules();
    for named in &file.names {
        let path = match &named.path[0] {
            first if first == "crate" => named.path[1..].to_vec(),
            // `use file::Fetches` beside `mod file;`: from here on, not from the root.
            first if modules.contains(first) => [&file.module[..], &named.path[..]].concat(),
            _ => continue,
        };
        // The file whose module is the longest part of the path.
        let holds = |other: &&(usize, &File)| path.starts_with(&other.1.module);
        let others = files.iter().enumerate();
        let Some((index, other)) = others
            .filter(|other| holds(&other))
            .max_by_key(|other| other.1.module.len())
        else {
            continue;
        };
        if !file.module.starts_with(&other.module) && !imported.contains(&index) {
            imported.push(index);
        }
    }
    imported
}
