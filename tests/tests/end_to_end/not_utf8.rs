//! A plugin that calls bytes text which are none: the server refuses them, since every client would close
//! for them, and nothing is done.

use tests::{Client, Setup, compile_c};

/// A byte that never occurs, a beginning without its end, an end without its beginning, the long form of
/// a zero, half of a surrogate pair, past the last character, and one behind good text.
const NONE: [&[u8]; 7] = [
    b"\xff",
    b"\xc3",
    b"\x80",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"good so far, then \xe2\x82",
];

#[test]
fn text_that_is_not_utf8_reaches_nobody() {
    let setup = Setup::new();
    compile_c("rude", &setup.plugins_folder());
    let server = setup.start();
    let mut witness = Client::connect(&server, "/rude");
    let mut client = Client::connect(&server, "/rude");
    for bytes in NONE {
        client.send_binary(bytes);
        assert_eq!(client.binary(), b"-1 -1 -1 -1 -1 -1", "{bytes:?}");
    }
    // The same calls with text do what they say, and nothing comes before that.
    client.send_binary("\u{20ac}".as_bytes());
    let mut heard = Vec::new();
    let answer = loop {
        match client.receive() {
            tests::Message::Binary(answer) => break answer,
            message => heard.push(message.to_string()),
        }
    };
    assert_eq!(&answer[..], b"0 0 0 0 0 0");
    while heard.len() < 3 {
        heard.push(client.text());
    }
    assert_eq!(heard, ["\u{20ac}"; 3], "sent, published and broadcast");
    assert_eq!([witness.text(), witness.text()], ["\u{20ac}"; 2]);
}
