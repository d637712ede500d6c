//! Detent behind Nginx, with the text of `scripts/deploy`.

use std::sync::Barrier;
use std::thread;

use tests::Raw;
use tests::deploy::{Front, Program, server_with};

crate::through::tests_through!(
    Program::Nginx,
    [
        echo_answers_text_and_binary,
        what_is_pushed_from_inside_reaches_visitors,
        events_come_one_by_one,
        who_waits_is_answered_by_the_next_message,
        a_visitor_cannot_push,
        the_log_names_the_visitor,
        only_the_routes_lead_to_the_server,
        a_silent_client_outlives_the_patience_of_the_proxy,
        without_pings_the_proxy_gives_a_silent_client_up,
        a_reload_takes_the_new_text_and_keeps_who_is_there,
        a_restart_of_the_server_is_told_and_survived,
        #[cfg(feature = "browser")]
        the_board_works_in_a_browser,
    ]
);

/// Cause: of 100 visitors at once of a full server, 60 were told 502 by the proxy, since the server had closed
/// their connections without a word.
#[test]
fn visitors_of_a_full_server_are_all_told_so_by_the_server() {
    const WHY: &str = "all 1 connections are taken\n";
    let mut server = server_with(&["--max-connections", "1"]);
    let front = Front::start(Program::Nginx, &server);
    let _taken = Raw::upgrade(&server, "/echo");
    for visitors in [60, 100] {
        let at_once = Barrier::new(visitors);
        let (front, at_once) = (&front, &at_once);
        let visit = move |number: usize| {
            at_once.wait();
            // Pages and WebSockets.
            if number.is_multiple_of(2) {
                let (status, answer) = front.get("/chat");
                assert!(answer.contains("Retry-After: "), "{answer}");
                assert!(answer.ends_with(WHY), "{answer}");
                status
            } else {
                let refused = front.visit("/echo", &[]).expect_err("the server is full");
                assert_eq!(refused.body, WHY);
                refused.status
            }
        };
        thread::scope(|scope| {
            let visitors: Vec<_> = (0..visitors)
                .map(|number| scope.spawn(move || visit(number)))
                .collect();
            for visitor in visitors {
                assert_eq!(visitor.join().expect("it is told"), 503);
            }
        });
    }
    server.stop();
    server
        .wait_for_log(&["in all: 161 connections, 160 refused (503: 160), 1 requests (101: 1); "]);
}
