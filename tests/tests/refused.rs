//! What is wrong with a plugin is said by the compiler, where the mistake is made: each file of `tests/refused` does
//! not compile, for the reason that stands here.
//!
//! The exact words of a compiler change from version to version, so that only the sentence that helps is looked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Name of the file, and what the compiler says of it.
const REFUSED: [(&str, &str); 11] = [
    (
        "path_with_a_space",
        "the path of a plugin has no spaces, no `?`, no `#`, and nothing that is not ASCII",
    ),
    (
        "path_with_an_open_brace",
        "a parameter in the path of a plugin ends with `}`: `/room/{name}`",
    ),
    (
        "path_without_a_slash",
        "the path of a plugin begins with `/`",
    ),
    (
        "two_exports_of_one_type",
        "the name `OnePluginForEachLibrary` is defined multiple times",
    ),
    (
        "two_exports_of_two_types",
        "the name `OnePluginForEachLibrary` is defined multiple times",
    ),
    (
        "two_exports_in_two_modules",
        "the name `OnePluginForEachLibrary` is defined multiple times",
    ),
    (
        "two_exports_of_one_type_in_two_modules",
        "the name `OnePluginForEachLibrary` is defined multiple times",
    ),
    (
        "no_plugin",
        "`Hall` is no plugin: implement `plugin_api::Plugin` for it",
    ),
    (
        "not_sync",
        "`Cell<u32>` cannot be shared between threads safely",
    ),
    (
        "session_not_send",
        "`Rc<u32>` cannot be sent between threads safely",
    ),
    (
        "not_exported",
        "`Hall` is not exported: `plugin_api::export!(Hall, path = \"/...\");`",
    ),
];

fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in the workspace")
}

/// A package with each of the files as a program of its own.
fn package(folder: &Path) {
    let programs = folder.join("src/bin");
    fs::create_dir_all(&programs).expect("the folder can be written");
    for (name, _) in REFUSED {
        let file = format!("{name}.rs");
        let from = root().join("tests/refused").join(&file);
        fs::copy(from, programs.join(file)).expect("each has its file");
    }
    let manifest = format!(
        "[package]\nname = \"refused\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nplugin-api = {{ path = {:?}, features = [\"testing\"] }}\n",
        root().join("plugin-api"),
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("the folder can be written");
}

#[test]
fn each_mistake_is_told_where_it_is_made() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    package(folder.path());
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-plugin");
    let output = Command::new(cargo)
        .current_dir(folder.path())
        .args(["check", "--offline", "--keep-going", "--quiet", "--bins"])
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("cargo can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    // Each message of the compiler ends with an empty line.
    let messages: Vec<&str> = said.split("\n\n").collect();
    for (name, sentence) in REFUSED {
        let place = format!("src/bin/{name}.rs:");
        let is_told = messages
            .iter()
            .any(|message| message.contains(sentence) && message.contains(&place));
        assert!(is_told, "{name}: nothing about {sentence:?} in:\n{said}");
    }
}

#[test]
fn each_file_has_its_sentence() {
    let files = fs::read_dir(root().join("tests/refused")).expect("it can be read");
    let paths = files.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths
        .filter_map(|path| Some(path.file_stem()?.into()))
        .collect();
    let mut listed: Vec<PathBuf> = REFUSED.map(|(name, _)| name.into()).to_vec();
    files.sort();
    listed.sort();
    assert_eq!(files, listed);
}
