//! Who comes back: by a ticket of `openssl s_client`'s, which keeps what it was given in a file.

use std::fs;

use crate::openssl::page;
use crate::start;

#[test]
fn who_comes_back_shows_a_ticket_and_may_say_nothing_before_the_handshake_is_over() {
    let (mut server, _) = start(&["echo"], "");
    let file = server.folder().join("ticket");
    let ticket = file.to_str().expect("a plain name");
    let word = server.folder().join("word");
    fs::write(&word, "GET / HTTP/1.1\r\n").expect("ours");
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let told = page(&server, &[version, "-sess_out", ticket]);
        told.has(&format!("New, {name}"));
        let reused = format!("Reused, {name}");
        page(&server, &[version, "-sess_in", ticket]).has(&reused);
        server.reload();
        page(&server, &[version, "-sess_in", ticket]).has(&reused);
    }
    // The file has a ticket of TLS 1.3 now.
    let early = ["-tls1_3", "-sess_in", ticket, "-early_data"];
    let told = page(
        &server,
        &[&early[..], &[word.to_str().expect("a plain name")]].concat(),
    );
    told.has("Early data was not sent");
    told.has("Max Early Data: 0");
    told.has("no route here");
    // Their keys live in the process alone.
    server.stop();
    server.start_again();
    page(&server, &["-tls1_3", "-sess_in", ticket]).has("New, TLSv1.3");
}

/// Hours go by for the server alone: a ticket opens as long as its key is the present or the one before.
#[cfg(feature = "faketime")]
#[test]
fn the_keys_of_tickets_change_every_six_hours() {
    use tests::Setup;
    use tests::secure::{Authority, LISTENER};

    let authority = Authority::new();
    let setup = Setup::new();
    authority
        .sign(&["localhost"], 90)
        .write(setup.folder(), "own");
    authority.write(setup.folder());
    let clock = setup.folder().join("clock");
    let is = |time: &str| fs::write(&clock, time).expect("ours");
    is("+0");
    let preload = format!(
        "export LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1) FAKETIME_TIMESTAMP_FILE={} \
         FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1",
        clock.display()
    );
    let server = setup.configuration(LISTENER).after_shell(&preload).start();
    let ticket = server.folder().join("ticket");
    let ticket = ticket.to_str().expect("a plain name");
    page(&server, &["-tls1_2", "-sess_out", ticket]).has("New, TLSv1.2");
    for (time, kind) in [("+1h", "Reused"), ("+7h", "Reused"), ("+14h", "New")] {
        is(time);
        page(&server, &["-tls1_2", "-sess_in", ticket]).has(&format!("{kind}, TLSv1.2"));
    }
}
