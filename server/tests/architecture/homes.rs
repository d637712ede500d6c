//! Where what a file names is at home: past the modules between, which only give it on.
//!
//! `pub use deflate::Compressor;` in `compression/mod` lets `compression/pool` write `super::Compressor`, and is no less an
//! import of `compression/deflate` than `super::deflate::Compressor` would be.

use crate::reader::{EVERYTHING, Import, Named, Reach};
use crate::source::File;

/// What `file` names, with the files that it leads to by their places in `files`; nothing that leads out of the crate.
///
/// As far as a file that `file` is no part of: what that one gives on is an import of its own. From one that it is part of, on
/// to the file that defines it.
pub(crate) fn homes<'a>(files: &[File], file: &'a File) -> Vec<(&'a Named, usize)> {
    let imports: Vec<_> = file.names.iter().filter_map(imported).collect();
    let mut all = Vec::new();
    for named in &file.names {
        let mut homes = Vec::new();
        let mut paths = from_the_root(file, &imports, named);
        if named.import.is_none() && named.path.len() == 1 {
            // A single name is no module's, which would be of no use alone, but a variable's.
            paths.retain(|path| holder(files, path).is_some_and(|(_, rest)| !rest.is_empty()));
        }
        for path in paths {
            follow(files, file, &path, &mut Vec::new(), &mut homes);
        }
        all.extend(homes.into_iter().map(|home| (named, home)));
    }
    all
}

fn imported(named: &Named) -> Option<(&Named, &Import)> {
    Some((named, named.import.as_ref()?))
}

/// The paths from the crate's root that `named` may stand for, without `crate`.
fn from_the_root(file: &File, imports: &[(&Named, &Import)], named: &Named) -> Vec<Vec<String>> {
    if let Some(path) = straight(file, &named.path) {
        return vec![path];
    }
    // By the name of an import, or of everything that one brings.
    let mut paths = Vec::new();
    for (other, import) in imports {
        let Some(path) = straight(file, &other.path) else {
            continue;
        };
        if import.name == EVERYTHING {
            paths.push([&path[..], &named.path].concat());
        } else if import.name == named.path[0] {
            paths.push([&path[..], &named.path[1..]].concat());
        }
    }
    paths
}

/// One that begins at the root, or with a module of the file: `use file::Fetches` beside `mod file;`.
fn straight(file: &File, path: &[String]) -> Option<Vec<String>> {
    let mut path = match &path[0] {
        first if first == "crate" => path[1..].to_vec(),
        first if file.modules.contains(first) => [&file.module[..], path].concat(),
        _ => return None,
    };
    // `use table::{self, Given}`.
    path.retain(|step| step != "self");
    Some(path)
}

/// `passed` holds what has been asked on the way, which may lead round.
fn follow(
    files: &[File],
    file: &File,
    path: &[String],
    passed: &mut Vec<Vec<String>>,
    homes: &mut Vec<usize>,
) {
    let Some((index, rest)) = holder(files, path) else {
        return;
    };
    let other = &files[index];
    let is_passed = passed.iter().any(|of| of == path);
    let is_part = file.module.starts_with(&other.module);
    let (Some(name), false, true) = (rest.first(), is_passed, is_part) else {
        return add(homes, index);
    };
    passed.push(path.to_vec());
    let given: Vec<_> = given_on(other, name, Reach::Below).collect();
    let mut ways: Vec<_> = straight_of(other, &given)
        .map(|path| [&path[..], &rest[1..]].concat())
        .collect();
    if given.is_empty() && !other.items.contains(name) {
        let all: Vec<_> = given_on(other, EVERYTHING, Reach::Below).collect();
        let with_it = straight_of(other, &all).filter(|path| defines(files, path, name));
        ways.extend(with_it.map(|path| [&path[..], rest].concat()));
    }
    if ways.is_empty() {
        add(homes, index);
    }
    for way in ways {
        follow(files, file, &way, passed, homes);
    }
}

/// Where the imports of a file lead, without those that lead out of the crate.
fn straight_of<'a>(file: &'a File, imports: &'a [&Named]) -> impl Iterator<Item = Vec<String>> {
    imports
        .iter()
        .filter_map(|named| straight(file, &named.path))
}

fn add(homes: &mut Vec<usize>, index: usize) {
    if !homes.contains(&index) {
        homes.push(index);
    }
}

/// The file whose module is the longest part of the path, and what of the path is left.
fn holder<'a>(files: &[File], path: &'a [String]) -> Option<(usize, &'a [String])> {
    let holds = files.iter().enumerate();
    let holds = holds.filter(|(_, file)| path.starts_with(&file.module));
    let (index, file) = holds.max_by_key(|(_, file)| file.module.len())?;
    Some((index, &path[file.module.len()..]))
}

/// What a file's module gives on by that name, as far as that at least.
fn given_on<'a>(file: &'a File, name: &'a str, reach: Reach) -> impl Iterator<Item = &'a Named> {
    file.names.iter().filter(move |named| {
        let import = named.import.as_ref();
        import.is_some_and(|import| import.name == name && import.reach >= reach)
    })
}

/// Whether the module at `path` itself defines something of that name, or gives it on to all.
fn defines(files: &[File], path: &[String], name: &String) -> bool {
    let Some((index, [])) = holder(files, path) else {
        return false;
    };
    let other = &files[index];
    let mut given = given_on(other, name, Reach::Others);
    other.items.contains(name) || given.next().is_some()
}
