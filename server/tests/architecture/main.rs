//! Holds the invariants of `src/lib.rs` that the compiler does not: who imports whom, who may name
//! which library, and who may be `unsafe`. Tests are held to them as all other code is.

mod homes;
mod reader;
mod source;

use homes::homes;
use reader::Named;
use source::{File, files};

/// Rooms inside a room, from the top down.
const INSIDE: &[(&str, &[&str])] = &[("plugin", &["fuzz", "instance", "library", "host"])];

/// Libraries that stand for a concern, each with the rooms and files that may name it.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("clap", &["main", "config"]),
    ("flate2", &["compression"]),
    ("httparse", &["http"]),
    ("libc", &["threads"]),
    ("libloading", &["plugin/library/loader"]),
    (
        "nix",
        &["config/accounts", "entrance/listening", "entrance/passed"],
    ),
    ("object", &["plugin/library/library_file"]),
    ("plugin_api", &["plugin"]),
    ("prometheus_client", &["admin/metrics"]),
    ("redis", &["engine"]),
    ("rustls", &["tls"]),
    ("sd_notify", &["entrance/passed", "life/service_manager"]),
    ("rusqlite", &["journal/store"]),
    ("signal_hook", &["life/signals"]),
    ("simplelog", &["logging/line", "logging/style"]),
    ("socket2", &["entrance", "outbox"]),
    ("toml", &["config"]),
    ("tungstenite", &["caller", "connection", "http/upgrade"]),
    ("x509_parser", &["tls"]),
];

/// The files that may be `unsafe`, each by itself: in a file with modules of its own it would hold for
/// those too.
const UNSAFE: &[&str] = &[
    "entrance/passed",
    "plugin/fuzz/host_calls",
    "plugin/fuzz/world",
    "plugin/host/body_file_table",
    "plugin/host/client_view_table",
    "plugin/host/compression_table",
    "plugin/host/host_http",
    "plugin/host/host_table",
    "plugin/host/journal_table",
    "plugin/host/job",
    "plugin/host/hosts_table",
    "plugin/host/label_table",
    "plugin/host/members_table",
    "plugin/host/reading_table",
    "plugin/host/log_table",
    "plugin/host/metrics_table",
    "plugin/host/sink",
    "plugin/host/turns",
    "plugin/instance/callbacks",
    "plugin/instance/gaps",
    "plugin/instance/hand_over",
    "plugin/instance/lifecycle",
    "plugin/instance/turns",
    "plugin/instance/route/tests/counting",
    "plugin/library/entry",
    "plugin/library/extension",
    "plugin/library/loader",
    "plugin/library/options",
    "threads/crash/handler",
    "threads/crash/stack",
    "threads/crash/system",
    "threads/heap",
    "threads/own_stack",
    "threads/schedule",
    "threads/spawn",
    "threads/stacks",
];

/// Rooms that `lib.rs` may have.
const ROOMS_MOST: usize = 23;

/// The sources, from the server's folder, in which no two files may import each other.
const SOURCES: [&str; 10] = [
    "src",
    "../plugin-api/src",
    "../plugins/auth/src",
    "../plugins/board/src",
    "../plugins/chat/src",
    "../plugins/echo/src",
    "../plugins/exec/src",
    "../plugins/files/src",
    "../plugins/forward/src",
    "../plugins/push/src",
];

/// The modules that `lib.rs` declares, from the top down: the rooms, and the tests of the whole above them.
fn rooms(files: &[File]) -> Vec<String> {
    let root = files.iter().find(|file| file.name() == "lib");
    root.expect("src/lib.rs is there").modules.clone()
}

/// Complains of each path by which a module of `order`, all of them in `parent`, leads to one that
/// stands above it.
fn check_order(files: &[File], parent: &[&str], order: &[String]) -> Vec<String> {
    let floor = |path: &[String]| {
        let inside = path.strip_prefix(
            &parent
                .iter()
                .map(|&step| step.to_owned())
                .collect::<Vec<_>>()[..],
        );
        let room = inside?.first()?;
        order.iter().position(|of| of == room)
    };
    let mut problems = Vec::new();
    for file in files {
        let Some(own) = floor(&file.module) else {
            continue;
        };
        let is_above = |path: &[String]| floor(path).is_some_and(|other| other < own);
        let mut add = |named: &Named, of: String| {
            let (place, room, path) = (file.place(named.line), &order[own], named.path.join("::"));
            let path = path.trim_start_matches("crate::");
            problems.push(format!(
                "{place}: {room} names {path}{of}, which stands above it"
            ));
        };
        let is_told = |named: &Named| named.path[0] == "crate" && is_above(&named.path[1..]);
        for named in file.names.iter().filter(|named| is_told(named)) {
            add(named, String::new());
        }
        // By way of what a module that the file is part of gives on.
        for (named, home) in homes(files, file) {
            if is_above(&files[home].module) && !is_told(named) {
                add(named, format!(" of {}", files[home].name()));
            }
        }
    }
    problems
}

/// `/`-separated: whether `file` is `room` or in it.
fn is_in(file: &str, room: &str) -> bool {
    let rest = file.strip_prefix(room);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[test]
fn a_module_imports_only_modules_below_it() {
    let files = files();
    let mut problems = check_order(&files, &[], &rooms(&files));
    for (room, inside) in INSIDE {
        let inside: Vec<_> = inside.iter().map(|&name| name.to_owned()).collect();
        problems.extend(check_order(&files, &[room], &inside));
        let file = files
            .iter()
            .find(|file| file.name() == format!("{room}/mod"));
        let mut modules = file.expect("the room is there").modules.clone();
        let mut named = inside;
        modules.sort();
        named.sort();
        assert_eq!(modules, named, "every room inside {room} has its place");
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn there_are_no_more_rooms_than_a_person_keeps_apart() {
    let files = files();
    let mut rooms = rooms(&files);
    // The tests of the whole are declared as the rooms are.
    rooms.retain(|room| room != "tests");
    assert!(
        rooms.len() <= ROOMS_MOST,
        "{} rooms: {rooms:?}",
        rooms.len()
    );
    let text = include_str!("../../src/lib.rs").lines();
    let told: Vec<_> = text
        .filter_map(|line| Some(line.strip_prefix("//! | [`")?.split_once('`')?.0))
        .collect();
    assert_eq!(
        told, rooms,
        "the table of lib.rs has each, from the top down"
    );
}

#[test]
fn no_two_files_import_each_other() {
    for source in SOURCES {
        let files = source::files_of(source);
        assert!(!files.is_empty(), "{source} has files");
        let circles = source::circles(&files);
        assert!(circles.is_empty(), "in {source}: {}", circles.join("\n"));
    }
}

#[test]
fn only_their_rooms_name_the_libraries() {
    let files = files();
    for (library, rooms) in LIBRARIES {
        let mut is_used = false;
        for file in &files {
            let Some(named) = file.names.iter().find(|named| named.is_of(library)) else {
                continue;
            };
            is_used = true;
            let may = rooms.iter().any(|room| is_in(&file.name(), room));
            assert!(may, "{} names {library}", file.place(named.line));
        }
        assert!(is_used, "nobody names {library}: take it off the list");
    }
}

#[test]
fn only_the_files_that_need_it_are_unsafe() {
    for file in files() {
        let allowed = file
            .names
            .iter()
            .find(|named| named.path == ["unsafe_code"]);
        let is_listed = UNSAFE.contains(&file.name().as_str());
        let Some(allowed) = allowed else {
            assert!(
                !is_listed,
                "{} needs no unsafe: take it off the list",
                file.name()
            );
            continue;
        };
        let place = file.place(allowed.line);
        assert!(is_listed, "{place}: unsafe is not for this file");
        let is_used = file.names.iter().any(|named| named.path == ["unsafe"]);
        assert!(is_used, "{place}: nothing here is unsafe");
        let children = &file.modules;
        assert!(
            children.is_empty(),
            "{place}: covers the files {children:?} too"
        );
    }
}

#[test]
fn an_import_of_a_room_above_is_found() {
    let rooms = ["life", "hub", "ids"].map(str::to_owned);
    let of = |name: &str, text: &str| File::new(name, text);
    let illegal =
        "#[cfg(test)]\nfn f() {}\nuse crate::{\n    ids::ClientId,\n    life::server,\n};";
    let problems = check_order(&[of("hub/run", illegal)], &[], &rooms);
    assert_eq!(
        problems,
        ["src/hub/run.rs:5: hub names life::server, which stands above it"]
    );
    let legal = "use crate::{\n    ids::ClientId,\n    hub::Event,\n};";
    assert!(check_order(&[of("hub/run", legal)], &[], &rooms).is_empty());

    let inside = ["instance", "library", "host"].map(str::to_owned);
    let upward = [of(
        "plugin/host/timers",
        "use super::super::library::Library;",
    )];
    assert_eq!(check_order(&upward, &["plugin"], &inside).len(), 1);
    let downward = [of(
        "plugin/instance/route",
        "use crate::plugin::host::RouteHost;",
    )];
    assert!(check_order(&downward, &["plugin"], &inside).is_empty());
    let given_on = [
        File::new("plugin/host/timers", "use crate::plugin::Library;"),
        File::new("plugin/library/mod", "pub struct Library;"),
        File::new("plugin/mod", "mod library;\npub use library::Library;"),
    ];
    assert_eq!(
        check_order(&given_on, &["plugin"], &inside),
        [
            "src/plugin/host/timers.rs:1: host names plugin::Library of plugin/library/mod, which stands above it"
        ]
    );
}

#[test]
fn files_that_import_each_other_are_found() {
    let files = [
        File::new("config/keys", "use super::settings::Settings;"),
        File::new(
            "config/mod",
            "mod keys; mod table; mod settings; pub use keys::Key;",
        ),
        File::new(
            "config/settings",
            "use super::Args; use crate::config::table::{\n    Given,\n};",
        ),
        File::new("config/table", "fn f() { super::keys::flag() }"),
    ];
    assert_eq!(
        source::circles(&files),
        ["config/keys -> config/settings -> config/table -> config/keys"]
    );
}

/// What `hub/past/file` had and `hub/event` held passed by way of `use file::FromFile` in the room between them.
#[test]
fn a_circle_through_what_a_room_gives_on_from_its_own_file_is_found() {
    let files = [
        File::new("hub/event", "use super::past::FromFile;"),
        File::new(
            "hub/past/file",
            "use super::Past; use crate::hub::event::Event;",
        ),
        File::new("hub/past/mod", "mod file;\npub(super) use file::FromFile;"),
    ];
    assert_eq!(
        source::circles(&files),
        ["hub/event -> hub/past/mod -> hub/past/file -> hub/event"]
    );
}

/// Of a room in which `deflate` uses `pool`, with what `pool` and the room's own file say.
fn circles_of(pool: &str, room: &str) -> Vec<String> {
    let room = format!("mod deflate;\nmod pool;\n{room}");
    let deflate = "use super::pool::POOL; pub struct Compressor;";
    source::circles(&[
        File::new("compression/deflate", deflate),
        File::new("compression/mod", &room),
        File::new("compression/pool", pool),
    ])
}

/// Cause: three circles stood, in which a file had of its own room what that only gives on.
#[test]
fn a_circle_through_what_the_own_room_only_gives_on_is_found() {
    for (pool, room) in [
        ("use super::Compressor;", "pub use deflate::Compressor;"),
        ("use super::Compressor;", "pub use deflate::*;"),
        (
            "fn f() { super::Compressor::new() }",
            "use deflate::Compressor;",
        ),
        (
            "use super::*; fn f() -> Compressor {}",
            "use deflate::Compressor;",
        ),
        ("use super::small::Compressor;", "use deflate as small;"),
        (
            "use crate::compression::Small;",
            "pub use self::deflate::Compressor as Small;",
        ),
        (
            "use super::super::compression; fn f() { compression::Compressor::new() }",
            "use deflate::Compressor;",
        ),
    ] {
        let circle = ["compression/deflate -> compression/pool -> compression/deflate"];
        assert_eq!(circles_of(pool, room), circle, "{pool} {room}");
    }
    let root = [
        File::new("client", "use crate::Host;"),
        File::new("host", "use crate::client::Client; pub struct Host;"),
        File::new("lib", "mod client;\nmod host;\npub use host::Host;"),
    ];
    assert_eq!(source::circles(&root), ["client -> host -> client"]);
}

#[test]
fn what_the_own_room_defines_or_takes_from_elsewhere_is_no_import() {
    for (pool, room) in [
        ("use super::Compressor;", "pub struct Compressor;"),
        ("use super::Compressor;", "pub use flate2::Compressor;"),
        (
            "use super::Compressor;",
            "pub use deflate::*; pub struct Compressor;",
        ),
        (
            "use super::Compressor;",
            "fn f() { use deflate::Compressor; }",
        ),
        // Round in a circle: nobody defines it.
        (
            "use super::Compressor;",
            "use super::compression::Compressor;",
        ),
        ("use super::*; fn f(deflate: u8) { deflate.count() }", ""),
    ] {
        assert_eq!(circles_of(pool, room), [""; 0], "{pool} {room}");
    }
}
