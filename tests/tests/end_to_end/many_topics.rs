//! How many topics a client may be a member of, and what the log says of one that wants more.

use std::ops::Range;

use tests::{Client, Setup};

const TOPICS_MAX: usize = 1024;

/// How many members topics have once the client is one of `joined`.
fn members(client: &mut Client, joined: Range<usize>, asked: [usize; 2]) -> [String; 2] {
    for number in joined {
        client.send(&format!("join {number}"));
    }
    asked.map(|number| {
        client.send(&format!("members {number}"));
        client.text()
    })
}

/// Cause: mutants survived in which the log was silent about it, or told of each join that went well.
#[test]
fn one_that_wants_more_topics_than_it_may_have_stands_in_the_log_once() {
    let mut server = Setup::new().plugins(&["probe"]).start();
    let mut client = Client::connect(&server, "/probe");
    let (last, more) = (TOPICS_MAX - 1, TOPICS_MAX + 1);
    assert_eq!(members(&mut client, 0..TOPICS_MAX, [0, last]), ["1", "1"]);
    let line = ["client 1 is a member of 1024 topics, as many as it may be"];
    server.assert_logged(0, &line);
    let wanted = TOPICS_MAX..TOPICS_MAX + 2;
    assert_eq!(members(&mut client, wanted, [TOPICS_MAX, more]), ["0", "0"]);
    server.stop();
    server.assert_logged(1, &line);
}
