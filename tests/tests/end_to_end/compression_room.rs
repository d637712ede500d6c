//! Rooms of members that are written to in different ways: each hears every message once, in one order, as it may.

use tests::{
    CLOSE, Client, Compressing, Events, Heard, PATIENT, Server, Setup, TEXT, frame, json_line,
};

/// What is heard next, past what the plugin says of those who leave.
#[track_caller]
fn heard(client: &mut Compressing) -> Heard {
    loop {
        let heard = client.hear();
        if !heard.text.contains("has left") {
            return heard;
        }
    }
}

const ROUTES: &str = "default_routes = false\n\
    [[route]]\npath = \"/probe\"\nplugin = \"probe\"\nevent_stream = true\n\
    [[route]]\npath = \"/full\"\nplugin = \"probe\"\ncompression = \"full\"\n";

fn members(server: &Server) -> Vec<Compressing> {
    let browser = "permessage-deflate; client_max_window_bits";
    let mut offers = vec![vec![browser], vec![browser], vec![]];
    let windows = (9..15).map(|bits| format!("permessage-deflate; server_max_window_bits={bits}"));
    let windows: Vec<_> = windows.collect();
    offers.extend(windows.iter().map(|offer| vec![offer.as_str()]));
    offers
        .iter()
        .map(|offers| Compressing::connect(server, "/probe", offers))
        .collect()
}

#[test]
fn each_member_hears_everything_once_and_in_one_order_whatever_its_window() {
    let server = Setup::new()
        .plugins(&["probe"])
        .configuration(ROUTES)
        .start();
    let mut members = members(&server);
    let mut events = Events::open(&server, "/probe", &[]);
    assert_eq!(
        events.text(),
        "EventStream None",
        "what the plugin greets with"
    );
    let mut expected = Vec::new();
    // Lengths below the threshold, within one window and beyond it, many at once so that they become runs.
    for burst in 0..20 {
        let mut orders = Vec::new();
        for at in 0..8 {
            let length = [100, 300, 600, 1500, 3000, 5000, 40, 700][at];
            let text = json_line(burst * 8 + at, length);
            orders.push(format!("broadcast {text}"));
            expected.push(text);
        }
        let speaker = burst % members.len();
        let orders = format!("all {}", orders.join("; "));
        members[speaker].raw.write(frame(TEXT, orders.as_bytes()));
        for (index, member) in members.iter_mut().enumerate() {
            for text in &expected[expected.len() - 8..] {
                let heard = heard(member);
                assert_eq!(heard.text, *text, "member {index}");
                let may_be = member.agreed.is_some() && text.len() >= 256;
                assert_eq!(
                    heard.is_compressed,
                    may_be,
                    "member {index}: {} bytes",
                    text.len()
                );
            }
        }
        for text in &expected[expected.len() - 8..] {
            assert_eq!(events.text(), *text);
        }
    }
}

#[test]
fn who_is_left_out_and_who_is_sent_to_alone_get_theirs_in_order() {
    let server = Setup::new()
        .plugins(&["probe"])
        .configuration(ROUTES)
        .start();
    let mut members = members(&server);
    let ids: Vec<String> = members
        .iter_mut()
        .map(|member| {
            member.raw.write(frame(TEXT, b"id"));
            member.hear().text
        })
        .collect();
    for round in 0..30 {
        let (speaker, other) = (round % members.len(), (round * 5 + 1) % members.len());
        let [one, two, three] = [1, 2, 3].map(|part| json_line(round * 3 + part, 400 + 300 * part));
        let alone = json_line(round + 1000, 500);
        let orders = format!(
            "all broadcast {one}; broadcast-except {} {two}; broadcast {three}",
            ids[other]
        );
        members[speaker].raw.write(frame(TEXT, orders.as_bytes()));
        for (index, member) in members.iter_mut().enumerate() {
            let mut texts = vec![&one, &two, &three];
            if index == other {
                texts.remove(1);
            }
            for text in texts {
                assert_eq!(heard(member).text, *text, "round {round}, member {index}");
            }
        }
        // Through the hub, behind a broadcast.
        let orders = format!("all broadcast {one}; send-to {} {alone}", ids[other]);
        let from = &mut members[(other + 1) % ids.len()];
        from.raw.write(frame(TEXT, orders.as_bytes()));
        for (index, member) in members.iter_mut().enumerate() {
            assert_eq!(heard(member).text, one);
            if index == other {
                let heard = heard(member);
                assert_eq!(heard.text, alone);
                assert_eq!(heard.is_compressed, member.agreed.is_some());
            }
        }
    }
}

/// Whoever keeps a window gets the same bytes as all others, and what others are told does not depend on it.
#[test]
fn who_keeps_a_window_hears_what_all_hear() {
    let server = Setup::new()
        .plugins(&["probe"])
        .configuration(ROUTES)
        .start();
    let mut members: Vec<_> = (0..5)
        .map(|_| Compressing::as_browser(&server, "/full"))
        .collect();
    for number in 0..50 {
        let text = json_line(number % 7, 900);
        let speaker = &mut members[number % 5];
        speaker.say(&format!("all say {text}; broadcast {text}"));
        assert_eq!(speaker.hear().text, text);
        let payloads: Vec<_> = members
            .iter_mut()
            .map(|member| {
                let heard = member.hear();
                assert!(heard.is_compressed);
                heard.text
            })
            .collect();
        assert!(payloads.iter().all(|heard| *heard == text));
    }
}

/// A slow member and one who speaks until the log says `word` of it; gives how much was said.
fn speak_until(server: &Server, word: &str) -> (Compressing, Client, usize) {
    let slow = Compressing::as_browser(server, "/chat");
    let mut speaker = Client::connect(server, "/chat");
    let mut spoken = 0;
    while server.count_log(&["is too slow: ", word]) == 0 {
        assert!(spoken < 100_000, "never too slow:\n{}", server.log());
        for _ in 0..50 {
            // One by one: it must not be too slow for its own flood.
            speaker.send(&json_line(spoken, 16_000));
            spoken += 1;
            speaker.text();
        }
    }
    (slow, speaker, spoken)
}

fn chat(policy: &str) -> Server {
    let configuration =
        format!("[client]\n{PATIENT}backlog = \"64 KiB\"\nslow_client = \"{policy}\"\n");
    let setup = Setup::new().plugins(&["chat"]);
    setup.configuration(&configuration).start()
}

/// Cause: on a busy machine its messages, which compress to little, took so long to fill its socket that it had taken
/// none for `write_timeout`.
#[test]
fn a_slow_member_gets_whole_compressed_frames_and_then_why() {
    let server = chat("close");
    let (mut slow, _speaker, spoken) = speak_until(&server, "closed with 1008");
    for number in 0.. {
        let (opcode, payload, is_compressed) = slow.frame();
        if opcode == CLOSE {
            assert_eq!(payload[..2], 1008_u16.to_be_bytes());
            assert!(0 < number && number < spoken, "{number} of {spoken}");
            return;
        }
        assert!(is_compressed, "message {number}");
    }
}

#[test]
fn a_slow_member_whose_messages_are_dropped_gets_the_others_whole() {
    let server = chat("drop");
    let (mut slow, mut speaker, spoken) = speak_until(&server, "are dropped");
    let texts: Vec<String> = (0..spoken)
        .map(|number| json_line(number, 16_000))
        .collect();
    let mut expected = texts.iter();
    let mut heard = 0;
    // What fits comes whole and in order, whatever was left out between.
    loop {
        let text = slow.hear().text;
        // The first of what fits again says that all before it has left.
        if text.ends_with("again") {
            break;
        }
        assert!(
            expected.any(|of| text.ends_with(of)),
            "message {heard} came as it was said"
        );
        heard += 1;
        speaker.send("again");
        speaker.text();
    }
    assert!(0 < heard && heard < spoken, "{heard} of {spoken}");
}

#[test]
fn new_code_changes_nothing_in_what_was_agreed() {
    let server = chat("close");
    let library = std::fs::read(server.plugin_file("libchat.so")).expect("it is there");
    let mut members: Vec<_> = [
        "permessage-deflate",
        "permessage-deflate; server_max_window_bits=9",
        "x",
    ]
    .iter()
    .map(|offer| Compressing::connect(&server, "/chat", &[offer]))
    .collect();
    for version in 0..4_u8 {
        for speaker in 0..members.len() {
            let text = json_line(version.into(), 800);
            members[speaker].raw.write(frame(TEXT, text.as_bytes()));
            for (index, member) in members.iter_mut().enumerate() {
                let heard = member.hear();
                assert!(heard.text.ends_with(&text), "{}", heard.text);
                assert_eq!(
                    heard.is_compressed,
                    index < 2,
                    "version {version}, member {index}"
                );
            }
        }
        // Bytes behind the end are no part of the library, and make it another one.
        server.put_plugin("libchat.so", &[&library[..], &[version; 16]].concat());
        let report = server.reload();
        assert!(report.contains("code of route /chat"), "{report}");
    }
}
