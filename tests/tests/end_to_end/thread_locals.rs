//! What a plugin keeps in thread-locals is one client's, and ends with it.

use tests::{Raw, Setup, TEXT, frame};

/// Stacks are used again, and so might threads be: none may bring along what a plugin has kept on it.
#[test]
fn a_client_never_sees_what_another_has_left_on_its_thread() {
    let server = Setup::new().plugins(&["probe"]).start();
    for client in 1..=20 {
        let mut raw = Raw::upgrade(&server, "/probe");
        for (word, heard) in [("a", "a"), ("b", "a,b")] {
            raw.write(frame(TEXT, format!("on-this-thread {word}").as_bytes()));
            assert_eq!(answer(&mut raw), heard);
        }
        // Its stack is free a moment later, and who comes then gets it.
        drop(raw);
        server.wait_for_log(&[&format!("closed {client}: ")]);
    }
}

/// Past what the probe says of those who leave.
fn answer(raw: &mut Raw) -> String {
    loop {
        let (_, payload) = raw.frame();
        let text = String::from_utf8_lossy(&payload);
        if !text.ends_with(" has left") {
            return text.into_owned();
        }
    }
}
