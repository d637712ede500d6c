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
