//! Detent behind Apache, with the text of `scripts/deploy`.

use tests::deploy::Program;

crate::through::tests_through!(
    Program::Apache,
    [
        echo_answers_text_and_binary,
        what_is_pushed_from_inside_reaches_visitors,
        events_come_one_by_one,
        who_waits_is_answered_by_the_next_message,
        a_visitor_cannot_push,
        the_log_names_the_visitor,
        only_the_routes_lead_to_the_server,
        a_silent_client_outlives_the_patience_of_the_proxy,
        a_reload_takes_the_new_text_and_keeps_who_is_there,
        a_restart_of_the_server_is_told_and_survived,
        #[cfg(feature = "browser")]
        the_board_works_in_a_browser,
    ]
);
