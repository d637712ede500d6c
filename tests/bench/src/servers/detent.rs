//! Detent as a release binary with its real plugins, of this tree or of another revision.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Filing, Folders, Kind, Server, copy, run};
use crate::loads::Ability;
use crate::say;
use crate::secured::Identity;
use crate::swarm::Protocol;

const ABILITIES: &[Ability] = &[
    Ability::Echo,
    Ability::Chat,
    Ability::Rooms,
    Ability::Slow,
    Ability::Pings,
    Ability::Push,
    Ability::Journals,
    Ability::Compress,
    Ability::SecuredEcho,
    Ability::SecuredChat,
    Ability::Shared,
];
/// Those of revisions in which nothing was shared.
const LONE_ABILITIES: &[Ability] = ABILITIES.split_at(10).0;
/// Those of revisions without TLS.
const PLAIN_ABILITIES: &[Ability] = ABILITIES.split_at(8).0;
/// Those of revisions in which nothing was kept.
const OLD_ABILITIES: &[Ability] = ABILITIES.split_at(5).0;
/// The room's plugin that only newer revisions can build.
const PAST: &str = "past";

/// Detent as it is in this tree.
pub(super) fn here(folders: &Folders) -> Result<Server, String> {
    let own = ["rooms", "slow", PAST].map(|name| folders.built.join(format!("lib{name}.so")));
    make(folders, &folders.root, "detent", &own)
}

/// Detent as it was at `revision`, in a work tree of its own under the target folder. The
/// benchmark's own plugins are built there too, against the plugin API of that revision: as it had them, since today's may use
/// what that one lacks, and today's where it had none.
pub(super) fn at(folders: &Folders, revision: &str) -> Result<Server, String> {
    let git = || {
        let mut git = Command::new("git");
        git.current_dir(&folders.root);
        git
    };
    let commit = format!("{revision}^{{commit}}");
    let short = run(git().args(["rev-parse", "--short", "--verify", &commit]))?;
    let short = short.trim();
    let tree = folders.work.join("against").join(short);
    if !tree.exists() {
        run(git()
            .args(["worktree", "add", "--detach", "--force"])
            .arg(&tree)
            .arg(short))?;
    }
    // As it was, whatever an earlier run has put there.
    run(Command::new("git")
        .current_dir(&tree)
        .args(["checkout", "--quiet", "--force", "HEAD", "--", "."]))?;
    let bench = tree.join("tests/bench");
    if !bench.join("plugins/rooms").exists() {
        fs::create_dir_all(&bench).map_err(|error| format!("{}: {error}", bench.display()))?;
        run(Command::new("cp")
            .current_dir(folders.root.join("tests/bench"))
            .args(["-r", "Cargo.toml", "Cargo.lock", "src", "plugins"])
            .arg(&bench))?;
    }
    let target = tree.join("target/bench");
    let build = |packages: &[&str]| {
        let packages = packages.iter().flat_map(|name| ["--package", name]);
        run(cargo()
            .current_dir(&bench)
            .args(["build", "--release", "--quiet"])
            .args(packages)
            .arg("--target-dir")
            .arg(&target))
    };
    let mut own = vec!["rooms", "slow"];
    build(&own)?;
    match build(&[PAST]) {
        Ok(_) => own.push(PAST),
        Err(_) => say(&format!("{short}: nothing is kept yet")),
    }
    let library = |name: &&str| target.join(format!("release/lib{name}.so"));
    let own: Vec<_> = own.iter().map(library).collect();
    make(folders, &tree, &format!("detent@{short}"), &own)
}

fn make(folders: &Folders, tree: &Path, name: &str, own: &[PathBuf]) -> Result<Server, String> {
    let built = build(tree)?;
    let folder = folders.work.join(name);
    let plugins = folder.join("plugins");
    let program = folder.join("server");
    for file in built.iter().chain(own) {
        match file.extension() {
            None => copy(file, &program)?,
            Some(_) => copy(file, &plugins.join(file.file_name().unwrap_or_default()))?,
        }
    }
    let version = run(Command::new(&program).arg("--version"))?;
    let revision = run(Command::new("git").current_dir(tree).args([
        "describe",
        "--always",
        "--dirty",
        "--exclude=*",
    ]))?;
    // The chat logs every message; the peers' rooms do not. The largest message is more than the
    // default allows.
    let arguments = ["--log-level", "warn", "--max-message", "1MiB"];
    let mut arguments: Vec<OsString> = arguments.map(Into::into).into();
    arguments.extend(["--plugins".into(), plugins.into_os_string()]);
    let secures = tree.join("server/src/tls").exists();
    let secured = secures.then(|| secured(folders, &folder)).transpose()?;
    let secured = secured.map(|more| [arguments.clone(), more].concat());
    arguments.extend(["--listen", "127.0.0.1:0"].map(Into::into));
    let shares = tree.join("server/src/engine").exists();
    let sharing = shares.then(|| sharing(folders, &folder)).transpose()?;
    let sharing =
        sharing.map(|more| std::array::from_fn(|_| [arguments.clone(), more.clone()].concat()));
    let keeps = own
        .iter()
        .any(|path| path.ends_with(format!("lib{PAST}.so")));
    Ok(Server {
        name: name.to_owned(),
        version: format!("{} ({})", version.trim(), revision.trim()),
        kind: Kind::Detent,
        abilities: match (keeps, secures, shares) {
            (true, true, true) => ABILITIES,
            (true, true, false) => LONE_ABILITIES,
            (true, false, _) => PLAIN_ABILITIES,
            (false, ..) => OLD_ABILITIES,
        },
        clients_max: usize::MAX,
        program: program.into(),
        arguments,
        secured,
        sharing,
        protocol: Protocol::WebSocket,
        filing: keeps.then(|| filing(&folder)).transpose()?,
    })
}

/// A configuration that has nothing but TLS.
fn secured(folders: &Folders, folder: &Path) -> Result<Vec<OsString>, String> {
    let file = folder.join("tls.toml");
    let Identity {
        certificate, key, ..
    } = &folders.identity;
    let text = format!(
        "listen = []\n\n[[listener]]\naddress = \"127.0.0.1:0\"\ntls = {{ certificate = \"{}\", key = \"{}\" }}\n",
        certificate.display(),
        key.display()
    );
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(vec!["--config".into(), file.into_os_string()])
}

/// A configuration whose topics are those of all hosts.
fn sharing(folders: &Folders, folder: &Path) -> Result<Vec<OsString>, String> {
    let file = folder.join("shared.toml");
    let text = format!(
        "[redis]\nurl = \"redis://127.0.0.1:{}\"\n\n[[route]]\npath = \"/push/{{topic}}\"\nplugin = \"push\"\nshared = true\n",
        folders.redis_port
    );
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(vec!["--config".into(), file.into_os_string()])
}

/// A configuration with rooms in a file, which begins anew with each build.
fn filing(folder: &Path) -> Result<Filing, String> {
    let (file, metrics) = (folder.join("bench.toml"), folder.join("admin.sock"));
    let journal = folder.join("rooms.journal");
    for end in ["", "-wal", "-shm"] {
        let mut name = journal.clone().into_os_string();
        name.push(end);
        // Mostly it is not there.
        fs::remove_file(name).ok();
    }
    let text = format!(
        "[admin]\nlisten = \"unix:{}\"\n\n[[route]]\npath = \"/past\"\nplugin = \"past\"\n\n\
         [[route]]\npath = \"/filed\"\nplugin = \"past\"\n[route.journal]\nfile = \"{}\"\n",
        metrics.display(),
        journal.display()
    );
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Filing {
        arguments: vec!["--config".into(), file.into_os_string()],
        metrics,
    })
}

/// The server's binary and the libraries of echo, chat and push.
fn build(tree: &Path) -> Result<Vec<PathBuf>, String> {
    let messages = run(cargo()
        .current_dir(tree)
        .args([
            "build",
            "--release",
            "--message-format=json-render-diagnostics",
        ])
        .args([
            "--package",
            "server",
            "--package",
            "echo",
            "--package",
            "chat",
            "--package",
            "push",
        ]))?;
    let mut files = Vec::new();
    for line in messages.lines() {
        let Ok(message) = serde_json::from_str::<serde_json::Value>(line) else {
            continue;
        };
        let wanted = ["server", "echo", "chat", "push"].map(Some);
        if !wanted.contains(&message["target"]["name"].as_str()) {
            continue;
        }
        let is_library = message["target"]["crate_types"][0] == "cdylib";
        let library = message["filenames"][0].as_str().filter(|_| is_library);
        files.extend(
            message["executable"]
                .as_str()
                .or(library)
                .map(PathBuf::from),
        );
    }
    if files.len() == 4 {
        Ok(files)
    } else {
        Err(format!(
            "cargo built {files:?}, not a server and three plugins"
        ))
    }
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
