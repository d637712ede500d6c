//! Thousands of clients come, hear, and leave, and nothing of them stays.

use tests::{Raw, Setup, TEXT, frame, need_open_files, wait_until};

const CLIENTS: usize = 5_000;
/// main, log, signals, drain, hub, reaper, accept.
const THREADS_WITHOUT_CLIENTS: usize = 7;

#[test]
fn five_thousand_come_hear_one_broadcast_and_leave_nothing_behind() {
    need_open_files(CLIENTS as u64 + 500);
    let setup = Setup::new()
        .plugins(&["chat", "echo"])
        .arguments(&["--log-level", "warn"]);
    let server = setup.start();
    let (threads, open_files) = (server.threads(), server.open_files());
    assert_eq!(threads, THREADS_WITHOUT_CLIENTS);

    for round in 0..2 {
        let mut clients: Vec<_> = (0..CLIENTS)
            .map(|_| Raw::upgrade(&server, "/chat"))
            .collect();
        assert_eq!(server.threads(), threads + CLIENTS);
        let speaker = round * CLIENTS + 1;
        clients[0].write(frame(TEXT, b"all here?"));
        let expected = format!("Client {speaker}: all here?").into_bytes();
        for client in &mut clients {
            assert_eq!(client.frame(), (TEXT, expected.clone()));
        }
        // Half of them by the book, half just gone.
        for client in clients.iter_mut().step_by(2) {
            client.write(frame(tests::CLOSE, &1000_u16.to_be_bytes()));
        }
        for client in clients.iter_mut().step_by(2) {
            assert_eq!(client.close_frame().0, 1000);
        }
        drop(clients);
        wait_until("the threads are back", || server.threads() == threads);
        wait_until("the open files are back", || {
            server.open_files() == open_files
        });
    }
}
