//! A control group with little memory: the server knows of it, and stays alive in it beside an attacker of each kind.

use std::fs;
use std::path::PathBuf;
use std::process;

use tests::{BINARY, Client, Raw, Server, Setup, frame, need_open_files, wait_until};

const GROUP_MIB: u64 = 512;
const CHATTING: usize = 2_000;
const ROOMS: usize = 100;
const ATTACKERS: usize = 100;

/// A group of the memory controller, of version 1 or 2; removed when dropped, behind its last process.
struct Group(PathBuf);

impl Group {
    #[track_caller]
    fn new() -> Group {
        let root = PathBuf::from("/sys/fs/cgroup");
        let first = root.join("memory");
        let (parent, file) = if first.is_dir() {
            (first, "memory.limit_in_bytes")
        } else {
            (root, "memory.max")
        };
        let group = parent.join(format!("detent-test-{}", process::id()));
        fs::create_dir(&group).expect("root may make a control group with a memory controller");
        let limit = (GROUP_MIB << 20).to_string();
        fs::write(group.join(file), limit).expect("the controller takes a limit");
        Group(group)
    }

    /// What a shell runs to move into it.
    fn enter(&self) -> String {
        format!("echo $$ > {}/cgroup.procs", self.0.display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It is empty when the server has ended; what stays behind shows when the test runs again.
        fs::remove_dir(&self.0).ok();
    }
}

/// In each room one speaks, and all of it hear.
fn chat(clients: &mut [Vec<Client>], round: usize) {
    for (number, room) in clients.iter_mut().enumerate() {
        let text = format!("room {number}, round {round}");
        let speaker = round % room.len();
        room[speaker].send(&text);
        for client in room {
            assert!(client.text().ends_with(&text));
        }
    }
}

/// What each attacker says, again and again.
fn attackers(server: &Server) -> Vec<(Raw, Vec<u8>)> {
    let mut all = Vec::new();
    for number in 0..ATTACKERS {
        let filler = vec![7; 60_000];
        all.push(match number % 3 {
            // Never reads its echoes.
            0 => (Raw::upgrade(server, "/echo"), frame(BINARY, &filler)),
            // Amid a message of 15 MiB.
            1 => {
                let mut raw = Raw::upgrade(server, "/echo");
                let header = [0x82, 0xff, 0, 0, 0, 0, 0, 0xf0, 0, 0, 0, 0, 0, 0];
                raw.write(header);
                (raw, filler)
            }
            // A request with a body of as much.
            _ => {
                let mut raw = Raw::connect(server);
                raw.write("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 15000000\r\n\r\n");
                (raw, filler)
            }
        });
    }
    for (raw, _) in &all {
        raw.0.set_nonblocking(true).expect("a socket");
    }
    all
}

#[test]
#[cfg_attr(not(feature = "root"), ignore = "needs root: --features tests/root")]
fn two_thousand_chat_on_beside_attackers_of_every_kind() {
    need_open_files(2 * (CHATTING + ATTACKERS) as u64 + 200);
    let group = Group::new();
    let rooms: String = (0..ROOMS)
        .map(|room| format!("[[route]]\npath = \"/room/{room}\"\nplugin = \"chat\"\n"))
        .collect();
    let configuration = format!(
        "[log]\nlevel = \"warn\"\n[limits]\nbody = \"64 MiB\"\n[client]\nmessage = \"16 MiB\"\n{rooms}"
    );
    let setup = Setup::new().plugins(&["echo", "chat"]);
    let setup = setup.configuration(&configuration);
    let mut server = setup.after_shell(&group.enter()).start();
    let told =
        format!("memory: 256.0 MiB for clients, 50% of the {GROUP_MIB}.0 MiB of its control group");
    assert!(server.printed().contains(&told), "{:#?}", server.printed());

    let join = |room: usize| {
        let path = format!("/room/{room}");
        (0..CHATTING / ROOMS)
            .map(|_| Client::connect(&server, &path))
            .collect()
    };
    let mut clients: Vec<Vec<Client>> = (0..ROOMS).map(join).collect();
    chat(&mut clients, 0);
    let mut attackers = attackers(&server);
    let mut round = 1;
    wait_until("the largest is closed", || {
        for (raw, bytes) in &mut attackers {
            for _ in 0..20 {
                // Full, or closed by the server.
                std::io::Write::write(&mut raw.0, bytes).ok();
            }
        }
        chat(&mut clients, round);
        round += 1;
        server.count_log(&["memory is short: ", "closed with 1008"]) == 1
    });
    for more in 0..3 {
        chat(&mut clients, round + more);
    }
    assert_eq!(server.count_log(&["on /room/", "closed with"]), 0);
    assert!(server.is_running());
    drop(attackers);
    drop(clients);
    server.stop();
}
