//! Somebody else's servers: small programs of ours on the libraries that this machine can get.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Folders, Kind, Server, copy, free_port, run};
use crate::loads::Ability;
use crate::secured::Identity;
use crate::swarm::Protocol;

/// A peer that is not here, and what to do.
pub struct Missing {
    /// Which.
    pub name: &'static str,
    /// Why, and how to get it.
    pub why: String,
}

const ALL: &[Ability] = &[Ability::Echo, Ability::Chat, Ability::Rooms, Ability::Slow];
/// Of those that can do permessage-deflate and TLS.
const ALL_AND_MORE: &[Ability] = &[
    Ability::Echo,
    Ability::Chat,
    Ability::Rooms,
    Ability::Slow,
    Ability::Compress,
    Ability::SecuredEcho,
    Ability::SecuredChat,
];
/// Where Debian puts the sources of Go packages.
const DEBIAN_GOPATH: &str = "/usr/share/gocode";
/// What `libwebsockets-dev` brings.
const LIBWEBSOCKETS_HEADER: &str = "/usr/include/libwebsockets.h";
/// stream_select refuses descriptors from 1,024 on.
const PHP_CLIENTS_MAX: usize = 1_000;

/// Where Debian puts nginx, and its modules.
const NGINX: &str = "/usr/sbin/nginx";
const NCHAN_MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

struct Peer {
    name: &'static str,
    prepare: fn(&Place) -> Result<Server, String>,
}

const PEERS: [Peer; 9] = [
    Peer {
        name: "bun",
        prepare: bun,
    },
    Peer {
        name: "gorilla",
        prepare: gorilla,
    },
    Peer {
        name: "libwebsockets",
        prepare: libwebsockets,
    },
    Peer {
        name: "ws",
        prepare: ws,
    },
    Peer {
        name: "tokio",
        prepare: tokio,
    },
    Peer {
        name: "php",
        prepare: php,
    },
    Peer {
        name: "nchan",
        prepare: nchan,
    },
    Peer {
        name: "socket-io",
        prepare: socket_io,
    },
    Peer {
        name: "nginx",
        prepare: nginx,
    },
];

/// Peers that no registry has which this script uses.
const NOWHERE: [(&str, &str); 2] = [
    ("uWebSockets.js", "not on npm; Bun has uWebSockets inside"),
    (
        "Ratchet",
        "on Packagist only; php stands for its loop on stream_select",
    ),
];

/// Where a peer's sources are and where it is built.
struct Place<'a> {
    sources: PathBuf,
    built: PathBuf,
    install: bool,
    identity: &'a Identity,
    redis_port: u16,
    /// Where Detent of this tree is, with its plugins.
    detent: PathBuf,
}

pub(super) fn prepare(folders: &Folders, install: bool) -> (Vec<Server>, Vec<Missing>) {
    let (mut servers, mut missing) = (Vec::new(), Vec::new());
    for peer in &PEERS {
        let place = Place {
            sources: folders.root.join("tests/bench/peers").join(peer.name),
            built: folders.work.join("peers").join(peer.name),
            install,
            identity: &folders.identity,
            redis_port: folders.redis_port,
            detent: folders.work.join("detent"),
        };
        match (peer.prepare)(&place) {
            Ok(server) => servers.push(server),
            Err(why) => missing.push(Missing {
                name: peer.name,
                why,
            }),
        }
    }
    missing.extend(NOWHERE.map(|(name, why)| Missing {
        name,
        why: why.to_owned(),
    }));
    (servers, missing)
}

fn peer(name: &str, version: &str, program: PathBuf, argument: Option<PathBuf>) -> Server {
    Server {
        name: name.to_owned(),
        version: version.trim().to_owned(),
        kind: Kind::Peer,
        abilities: ALL,
        clients_max: usize::MAX,
        program: program.into(),
        arguments: argument.into_iter().map(PathBuf::into_os_string).collect(),
        secured: None,
        sharing: None,
        protocol: Protocol::WebSocket,
        filing: None,
    }
}

/// One that compresses, and speaks TLS where its arguments end with a certificate and a key.
fn complete(server: Server, place: &Place) -> Server {
    let mut secured = server.arguments.clone();
    secured.extend([&place.identity.certificate, &place.identity.key].map(Into::into));
    Server {
        abilities: ALL_AND_MORE,
        secured: Some(secured),
        ..server
    }
}

impl Place<'_> {
    /// The program's version, or how to get the program.
    fn need(&self, program: &str, version: &str, packages: &[&str]) -> Result<String, String> {
        let ask = || {
            let output = Command::new(program).arg(version).output().ok()?;
            Some(
                String::from_utf8_lossy(&output.stdout)
                    .lines()
                    .next()?
                    .to_owned(),
            )
        };
        if let Some(version) = ask() {
            return Ok(version);
        }
        self.install_packages(packages)?;
        ask().ok_or_else(|| format!("{program} does not run"))
    }

    /// Installs Debian's packages where that was asked for.
    fn install_packages(&self, packages: &[&str]) -> Result<(), String> {
        let packages_text = packages.join(" ");
        if !self.install {
            return Err(format!("apt-get install {packages_text}, or --install"));
        }
        run(Command::new("apt-get").arg("update"))?;
        run(Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages))
        .map(drop)
    }

    /// Copies the sources next to `node_modules`, which npm makes if it may.
    fn npm(&self, package: &str) -> Result<String, String> {
        for file in ["package.json", "server.js"] {
            copy(&self.sources.join(file), &self.built.join(file))?;
        }
        let manifest = self
            .built
            .join("node_modules")
            .join(package)
            .join("package.json");
        if !manifest.exists() {
            if !self.install {
                return Err(format!("npm package {package}: --install fetches it"));
            }
            self.need("npm", "--version", &["npm"])?;
            run(Command::new("npm").current_dir(&self.built).args([
                "install",
                "--no-audit",
                "--no-fund",
            ]))?;
        }
        let text = std::fs::read_to_string(&manifest)
            .map_err(|error| format!("{}: {error}", manifest.display()))?;
        let manifest: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| error.to_string())?;
        Ok(manifest["version"].as_str().unwrap_or("?").to_owned())
    }
}

fn ws(place: &Place) -> Result<Server, String> {
    let node = place.need("node", "--version", &["nodejs"])?;
    let version = format!("ws {}, node {node}", place.npm("ws")?);
    let script = place.built.join("server.js");
    let server = peer("ws", &version, "node".into(), Some(script));
    Ok(complete(server, place))
}

fn bun(place: &Place) -> Result<Server, String> {
    let version = format!("bun {}", place.npm("bun")?);
    let program = place.built.join("node_modules/bun/bin/bun.exe");
    let script = place.built.join("server.js");
    Ok(complete(
        peer("bun", &version, program, Some(script)),
        place,
    ))
}

fn gorilla(place: &Place) -> Result<Server, String> {
    let packages = ["golang-go", "golang-github-gorilla-websocket-dev"];
    let go = place.need("go", "version", &packages)?;
    let library = Path::new(DEBIAN_GOPATH).join("src/github.com/gorilla/websocket");
    if !library.exists() {
        place.install_packages(&packages)?;
    }
    let query = Command::new("dpkg-query")
        .args(["--show", "--showformat=${Version}", packages[1]])
        .output();
    let library = query.map_or_else(
        |_| "?".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    );
    // Debian's sources lie in a GOPATH; the module proxy is not asked.
    run(Command::new("go")
        .current_dir(&place.sources)
        .env("GO111MODULE", "off")
        .env("GOPATH", DEBIAN_GOPATH)
        .args(["build", "-o"])
        .arg(&place.built)
        .arg("main.go"))?;
    let version = format!("gorilla/websocket {library}, {go}");
    let server = peer("gorilla", &version, place.built.clone(), None);
    Ok(complete(server, place))
}

fn libwebsockets(place: &Place) -> Result<Server, String> {
    let packages = ["gcc", "libc6-dev", "libwebsockets-dev"];
    place.need("cc", "--version", &packages)?;
    if !Path::new(LIBWEBSOCKETS_HEADER).exists() {
        place.install_packages(&packages)?;
    }
    if let Some(folder) = place.built.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    run(Command::new("cc")
        .args(["-O2", "-Wall", "-o"])
        .arg(&place.built)
        .arg(place.sources.join("main.c"))
        .arg("-lwebsockets"))?;
    let version = run(Command::new(&place.built).arg("--version"))?;
    let version = format!("libwebsockets {}", version.trim().trim_end_matches('-'));
    Ok(peer("libwebsockets", &version, place.built.clone(), None))
}

fn tokio(place: &Place) -> Result<Server, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo)
        .current_dir(&place.sources)
        .args(["build", "--release", "--locked", "--quiet", "--target-dir"])
        .arg(&place.built))?;
    let lock = std::fs::read_to_string(place.sources.join("Cargo.lock")).unwrap_or_default();
    let version_of = |name: &str| {
        let entry = lock.split("[[package]]").find(|entry| {
            let mut lines = entry.trim().lines();
            lines.next() == Some(&format!("name = \"{name}\""))
        });
        let version = entry.and_then(|entry| entry.split('"').nth(3));
        format!("{name} {}", version.unwrap_or("?"))
    };
    let version = format!(
        "{}, {}",
        version_of("tokio-tungstenite"),
        version_of("tokio")
    );
    let program = place.built.join("release/bench-tokio");
    Ok(peer("tokio", &version, program, None))
}

fn php(place: &Place) -> Result<Server, String> {
    let php = place.need("php", "--version", &["php-cli"])?;
    let php = php.split(" (").next().unwrap_or_default().to_owned();
    let script = place.sources.join("server.php");
    let version = format!("{php}, stream_select, no library");
    Ok(Server {
        clients_max: PHP_CLIENTS_MAX,
        ..peer("php", &version, "php".into(), Some(script))
    })
}

/// nginx itself publishes, keeps and hands out: there is no program of ours, only a configuration.
fn nchan(place: &Place) -> Result<Server, String> {
    let packages = ["nginx", "libnginx-mod-nchan", "curl"];
    if !Path::new(NCHAN_MODULE).exists() {
        place.install_packages(&packages)?;
    }
    let version = run(Command::new("dpkg-query")
        .args(["--show", "--showformat=${Package} ${Version}, "])
        .args(&packages[..2]))?;
    let script = place.sources.join("start.sh");
    let arguments = |folder: &str| -> Result<Vec<OsString>, String> {
        Ok(vec![
            place.built.join(folder).into_os_string(),
            free_port()?.to_string().into(),
            NCHAN_MODULE.into(),
        ])
    };
    let sharing = |folder: &str| -> Result<Vec<OsString>, String> {
        let mut arguments = arguments(folder)?;
        arguments.push(place.redis_port.to_string().into());
        Ok(arguments)
    };
    Ok(Server {
        abilities: &[Ability::Push, Ability::Shared],
        arguments: arguments("alone")?,
        sharing: Some([sharing("first")?, sharing("second")?]),
        ..peer("nchan", version.trim_end_matches(", "), script, None)
    })
}

/// Node with socket.io and what its makers have for several hosts: its adapter on streams of Redis.
fn socket_io(place: &Place) -> Result<Server, String> {
    let node = place.need("node", "--version", &["nodejs"])?;
    let adapter = place.npm("@socket.io/redis-streams-adapter")?;
    let version = format!("socket.io with redis-streams-adapter {adapter}, node {node}");
    let script = place.built.join("server.js");
    let sharing = [
        script.clone().into_os_string(),
        place.redis_port.to_string().into(),
    ];
    Ok(Server {
        abilities: &[Ability::Shared],
        sharing: Some(std::array::from_fn(|_| sharing.to_vec())),
        protocol: Protocol::SocketIo,
        ..peer("socket-io", &version, "node".into(), Some(script))
    })
}

/// TLS as most people have it: nginx speaks it, and Detent stands behind, plain. Both count.
fn nginx(place: &Place) -> Result<Server, String> {
    let packages = ["nginx"];
    if !Path::new(NGINX).exists() {
        place.install_packages(&packages)?;
    }
    let version = run(Command::new("dpkg-query")
        .args(["--show", "--showformat=${Package} ${Version}"])
        .args(packages))?;
    let version = format!("{}, one worker, before Detent", version.trim());
    let script = place.sources.join("start.sh");
    let secured = [
        place.built.clone().into_os_string(),
        free_port()?.to_string().into(),
        place.identity.certificate.clone().into(),
        place.identity.key.clone().into(),
        place.detent.join("server").into(),
        place.detent.join("plugins").into(),
    ];
    Ok(Server {
        abilities: &[Ability::SecuredEcho, Ability::SecuredChat],
        secured: Some(secured.into()),
        ..peer("nginx", &version, script, None)
    })
}
