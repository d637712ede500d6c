//! Detent behind HAProxy, with the text of `scripts/deploy`.

use tests::deploy::{Front, Program, VISITOR, server, server_and};

crate::through::tests_through!(
    Program::HaProxy,
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

/// What makes HAProxy tell the client's address.
const HEADER: &str = "    option forwardfor\n";

#[test]
fn the_proxy_protocol_tells_whose_a_connection_is() {
    for send in ["send-proxy", "send-proxy-v2"] {
        let server =
            server_and("\n[[listener]]\naddress = \"127.0.0.1:0\"\nproxy_protocol = true\n");
        let way = server.listener(", by the PROXY protocol");
        let front = Front::start_before(Program::HaProxy, &way, |text| {
            let line = "server detent 127.0.0.1:25252";
            text.put(HEADER, "").put(line, &format!("{line} {send}"))
        });
        let lie = [("X-Forwarded-For", "203.0.113.66")];
        let _visitor = front.visit("/chat", &lie).expect("it is admitted");
        let client = format!("Client 1 has connected from {VISITOR}");
        server.wait_for_log(&["plugin::chat: ", &client]);
        assert_eq!(front.get("/push").0, 426);
        server.wait_for_log(&[&format!(": {VISITOR}:"), "GET /push: 426"]);

        let mut visitor = front.visit("/push", &[]).expect("it is admitted");
        visitor.send("from outside");
        server.wait_for_log(&["plugin::push: client ", " is outside"]);
    }
}

/// Cause: who comes through a proxy on this machine that adds no header was taken for an insider.
#[test]
fn a_visitor_cannot_push_past_a_proxy_that_says_nothing() {
    let server = server();
    let front = Front::start_with(Program::HaProxy, &server, |text| text.put(HEADER, ""));
    let mut visitor = front.visit("/push", &[]).expect("it is admitted");
    visitor.send("from outside");
    server.wait_for_log(&["plugin::push: client 1 is outside"]);
}
