//! Every public item has an example, which runs as a doc test: types, traits, functions and constants of an author's face. The
//! layout of the ABI is `detent.h`'s, which has its own.

use std::fs;
use std::path::{Path, PathBuf};

/// What is behind the face: the layout, the calls through it, and what `export!` makes.
const NOT_SHOWN: [&str; 9] = [
    "abi",
    "abi.rs",
    "bin",
    "calls",
    "calls.rs",
    "glue",
    "declaration.rs",
    "export.rs",
    "reading.rs",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("it has one").to_string_lossy();
        if NOT_SHOWN.contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found
}

/// The public items of a file that have no example, each by its line.
fn without_example(source: &str) -> Vec<&str> {
    let kinds = ["struct ", "enum ", "trait ", "fn ", "const ", "type "];
    let lines: Vec<&str> = source.lines().collect();
    let is_item = |line: &str| {
        let item = line.strip_prefix("pub ");
        item.is_some_and(|item| kinds.iter().any(|kind| item.starts_with(kind)))
    };
    let mut missing = Vec::new();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| is_item(line)) {
        // Up to the item before.
        let above = lines[..index].iter().rev();
        let mut docs = above.take_while(|line| !line.is_empty());
        let has_example = docs.any(|line| {
            line.starts_with("/// ```")
                || line.contains("doc(hidden)")
                || line.contains("include_str!")
        });
        if !has_example {
            missing.push(*line);
        }
    }
    missing
}

#[test]
fn every_public_item_has_an_example() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&folder);
    assert!(files.len() > 20, "the sources are found");
    for file in files {
        let source = fs::read_to_string(&file).expect("a source");
        let missing = without_example(&source);
        assert!(missing.is_empty(), "{}: {missing:#?}", file.display());
    }
}

#[test]
fn an_item_without_one_is_seen() {
    let source = "/// Says.\n#[derive(Debug)]\npub struct A;\n/// ```\n/// ```\npub fn b() {}\npub(crate) fn c() {}\n";
    assert_eq!(without_example(source), ["pub struct A;"]);
}
