//! permessage-deflate (RFC 7692) with one client: what is agreed, and what it says and hears then.

use tests::{
    ADMIN, Admin, BINARY, COMPRESSED, CONTINUATION, Compressing, Heard, PING, PONG, Raw, Server,
    Setup, TEXT,
};
use tests::{compile_c, frame, handshake, json_line};

const SHARED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const FULL: &str = "[client]\ncompression = \"full\"\n";

fn server(configuration: &str) -> Server {
    Setup::new()
        .plugins(&["echo", "probe"])
        .configuration(configuration)
        .start()
}

fn compressed(text: &str) -> Heard {
    Heard {
        text: text.to_owned(),
        is_compressed: true,
    }
}

fn plain(text: &str) -> Heard {
    Heard {
        text: text.to_owned(),
        is_compressed: false,
    }
}

/// What is answered to whom; the whole table stands beside the code that decides.
#[test]
fn it_is_agreed_as_the_settings_of_the_route_say() {
    let server = server(
        "[[route]]\npath = \"/off\"\nplugin = \"echo\"\ncompression = \"off\"\n\
         [[route]]\npath = \"/shared\"\nplugin = \"echo\"\n\
         [[route]]\npath = \"/full\"\nplugin = \"echo\"\ncompression = \"full\"\n",
    );
    for (path, offers, agreed) in [
        ("/off", &["permessage-deflate"][..], None),
        ("/shared", &["permessage-deflate"], Some(SHARED)),
        ("/shared", &[], None),
        (
            "/shared",
            &["permessage-deflate; server_max_window_bits=8"],
            None,
        ),
        ("/full", &["permessage-deflate"], Some("permessage-deflate")),
        (
            "/full",
            &[
                "x",
                "permessage-deflate; mystery, permessage-deflate; server_no_context_takeover",
            ],
            Some("permessage-deflate; server_no_context_takeover"),
        ),
    ] {
        let mut client = Compressing::connect(&server, path, offers);
        assert_eq!(client.agreed.as_deref(), agreed, "{path} {offers:?}");
        let text = json_line(1, 1000);
        client.raw.write(frame(TEXT, text.as_bytes()));
        let heard = client.hear();
        assert_eq!(heard.text, text);
        assert_eq!(heard.is_compressed, agreed.is_some(), "{path} {offers:?}");
    }
}

#[test]
fn what_is_said_compressed_is_answered_compressed_in_every_window_and_mode() {
    for configuration in ["", FULL] {
        let server = server(configuration);
        let windows =
            (9..=15).map(|bits| format!("permessage-deflate; server_max_window_bits={bits}"));
        let others = [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits=10",
            "permessage-deflate; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_max_window_bits",
        ];
        for offer in windows.chain(others.map(str::to_owned)) {
            let mut client = Compressing::connect(&server, "/echo", &[&offer]);
            assert!(client.agreed.is_some(), "{offer}");
            for (number, length) in [300, 1000, 40_000, 1000, 65_000, 300]
                .into_iter()
                .enumerate()
            {
                let text = json_line(number, length);
                client.say(&text);
                assert_eq!(client.hear(), compressed(&text), "{offer}");
                client.raw.write(frame(TEXT, text.as_bytes()));
                assert_eq!(client.hear(), compressed(&text), "said plain: {offer}");
                client.say_in_parts(&text, 7);
                assert_eq!(client.hear(), compressed(&text), "said in parts: {offer}");
            }
        }
    }
}

#[test]
fn who_keeps_a_window_is_answered_shorter_when_something_comes_again() {
    let server = server(FULL);
    let mut client = Compressing::as_browser(&server, "/echo");
    let mut lengths = Vec::new();
    for _ in 0..3 {
        client.say(&json_line(7, 2000));
        let (opcode, payload, is_compressed) = client.frame();
        assert!(opcode == TEXT && is_compressed);
        lengths.push(payload.len());
    }
    assert!(
        lengths[0] > 200 && lengths[1] < 40 && lengths[2] < 40,
        "{lengths:?}"
    );
}

/// A client inflates what comes from others into the same window: what its own thread answers must not refer past it.
#[test]
fn own_answers_and_what_others_say_may_come_in_any_order_into_one_window() {
    let server = server(FULL);
    let mut client = Compressing::as_browser(&server, "/probe");
    let mut other = Compressing::as_browser(&server, "/probe");
    for round in 0..40 {
        let (own, said) = (json_line(1, 700), json_line(round, 900));
        client.say(&format!("all say {own}; broadcast {said}; say {own}"));
        other.say(&format!("broadcast {said}"));
        let mut heard: Vec<_> = (0..4).map(|_| client.hear().text).collect();
        heard.sort();
        let mut expected = vec![own.clone(), own, said.clone(), said.clone()];
        expected.sort();
        assert_eq!(heard, expected, "round {round}");
        assert_eq!([other.hear().text, other.hear().text], [said.clone(), said]);
    }
}

#[test]
fn what_is_short_or_does_not_shrink_or_is_not_worth_it_goes_plain() {
    let server = server("[client]\ncompression_threshold = \"500 B\"\n");
    let mut client = Compressing::as_browser(&server, "/echo");
    let short = json_line(1, 400);
    client.say(&short);
    assert_eq!(client.hear(), plain(&short));
    let noise: Vec<u8> = (0..1000_u64)
        .map(|at| (at.wrapping_mul(6_364_136_223_846_793_005).rotate_left(29) >> 3) as u8 & 0x7f)
        .collect();
    client.raw.write(frame(BINARY, &noise));
    let (opcode, payload, is_compressed) = client.frame();
    assert!(opcode == BINARY);
    if !is_compressed {
        assert_eq!(payload, noise);
    }
    assert!(payload.len() <= noise.len());
    let mut client = Compressing::as_browser(&server, "/probe");
    let text = json_line(2, 1000);
    client.say(&format!("say {text}"));
    assert_eq!(client.hear(), compressed(&text));
    client.say(&format!("say-uncompressed {text}"));
    assert_eq!(client.hear(), plain(&text));
    client.say(&format!("broadcast-uncompressed {text}"));
    assert_eq!(client.hear(), plain(&text));
    client.say(&format!("broadcast {text}"));
    assert_eq!(
        client.hear(),
        compressed(&text),
        "it was said for the call alone"
    );
}

#[test]
fn a_plugin_in_c_says_what_is_not_worth_it() {
    let setup = Setup::new();
    compile_c("uncompressed", &setup.plugins_folder());
    let server = setup.start();
    let mut client = Compressing::as_browser(&server, "/uncompressed");
    let text = json_line(3, 1000);
    client.say(&text);
    assert_eq!(
        [client.hear(), client.hear()],
        [plain(&text), compressed(&text)]
    );
}

#[test]
fn pings_come_between_the_fragments_of_a_compressed_message() {
    let server = server("");
    let mut client = Compressing::as_browser(&server, "/echo");
    let text = json_line(4, 30_000);
    let payload = client.compress(text.as_bytes());
    let parts: Vec<_> = payload.chunks(payload.len() / 5 + 1).collect();
    for (index, part) in parts.iter().enumerate() {
        let opcode = if index == 0 {
            COMPRESSED | TEXT
        } else {
            CONTINUATION
        };
        let mut part = frame(opcode, part);
        if index + 1 < parts.len() {
            part[0] &= 0x7f;
        }
        client.raw.write(part);
        client.raw.write(frame(PING, &[index as u8]));
    }
    let mut pongs = 0;
    loop {
        match client.frame() {
            (PONG, payload, false) => {
                assert_eq!(payload, [pongs]);
                pongs += 1;
            }
            (opcode, ..) => {
                assert_eq!(opcode, TEXT);
                break;
            }
        }
    }
    assert_eq!(
        usize::from(pongs),
        parts.len() - 1,
        "the last comes behind the message"
    );
}

/// Every byte by itself, as a slow line brings it.
#[test]
fn a_compressed_message_that_comes_byte_by_byte_is_one() {
    let server = server("");
    let mut client = Compressing::as_browser(&server, "/echo");
    let text = json_line(5, 600);
    let payload = client.compress(text.as_bytes());
    for byte in frame(COMPRESSED | TEXT, &payload) {
        client.raw.write([byte]);
    }
    assert_eq!(client.hear(), compressed(&text));
}

/// Frames that come with the handshake are compressed as it will be answered.
#[test]
fn what_comes_behind_the_request_is_inflated_too() {
    let server = server("");
    let mut raw = Raw::connect(&server);
    let mut bytes =
        handshake("/echo", &["Sec-WebSocket-Extensions: permessage-deflate"]).into_bytes();
    // RFC 7692 section 7.2.3.1.
    bytes.extend(frame(
        COMPRESSED | TEXT,
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
    ));
    raw.write(bytes);
    assert!(raw.head().contains(SHARED));
    assert_eq!(raw.frame(), (TEXT, b"Hello".to_vec()));
}

/// Cause: mutants survived that did not count what came, or a part of it alone.
#[test]
fn what_comes_compressed_is_counted_as_it_came_and_as_it_was() {
    let server = server(ADMIN);
    let mut client = Compressing::as_browser(&server, "/echo");
    let text = json_line(7, 600);
    let payload = client.compress(text.as_bytes());
    let (first, second) = payload.split_at(payload.len() / 3);
    let mut begun = frame(COMPRESSED | TEXT, first);
    // It is not the last.
    begun[0] &= 0x7f;
    client
        .raw
        .write([begun, frame(CONTINUATION, second)].concat());
    assert_eq!(client.hear().text, text);
    let admin = Admin::of(&server);
    for (name, amount) in [
        ("messages", 1),
        ("message_bytes", text.len()),
        ("bytes", payload.len()),
    ] {
        let metric = format!("detent_compressed_{name}_total{{way=\"in\"}}");
        assert_eq!(admin.metric(&metric), Some(amount as f64), "{name}");
    }
}

#[test]
fn who_is_here_keeps_what_was_agreed_when_the_setting_changes() {
    let server = server(FULL);
    let mut early = Compressing::as_browser(&server, "/echo");
    let text = json_line(6, 1000);
    server.reload_with("[client]\ncompression = \"off\"\n");
    let mut late = Compressing::as_browser(&server, "/echo");
    assert_eq!(late.agreed, None);
    for _ in 0..2 {
        early.say(&text);
        assert_eq!(early.hear(), compressed(&text));
    }
    late.raw.write(frame(TEXT, text.as_bytes()));
    assert_eq!(late.hear(), plain(&text));
    server.reload_with("[client]\ncompression = \"shared\"\ncompression_threshold = \"2 KiB\"\n");
    early.say(&text);
    assert_eq!(
        early.hear(),
        plain(&text),
        "the threshold holds for everyone"
    );
    let long = json_line(7, 3000);
    early.say(&long);
    assert_eq!(early.hear(), compressed(&long));
    assert_eq!(
        Compressing::as_browser(&server, "/echo").agreed.as_deref(),
        Some(SHARED)
    );
}
