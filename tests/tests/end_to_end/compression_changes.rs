//! Rooms of members that are written to in different ways, while their plugin's code and the settings change.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use tests::{Compressing, Events, Server, Setup, TEXT, frame, json_line, wait_until};

/// How often code and settings change.
fn changes() -> usize {
    match std::env::var_os("DETENT_LONG") {
        Some(_) => 200,
        None => 12,
    }
}

const SPEAKERS: usize = 2;

fn routes(settings: &str) -> String {
    format!(
        "default_routes = false\n[[route]]\npath = \"/probe\"\nplugin = \"probe\"\nevent_stream = true\n{settings}"
    )
}

/// What is said of who leaves is no word of the speakers'.
fn is_said(text: &str) -> bool {
    !text.contains("has left") && !text.starts_with("EventStream")
}

/// All that a member hears up to the end.
fn listen(member: &mut Compressing) -> (Vec<String>, usize) {
    let (mut texts, mut compressed) = (Vec::new(), 0);
    loop {
        let heard = member.hear();
        if heard.text == "the end" {
            return (texts, compressed);
        }
        compressed += usize::from(heard.is_compressed);
        texts.extend(Some(heard.text).filter(|text| is_said(text)));
    }
}

fn listen_to_events(events: &mut Events) -> Vec<String> {
    let texts = std::iter::from_fn(|| Some(events.text()).filter(|text| text != "the end"));
    texts.filter(|text| is_said(text)).collect()
}

/// Says numbered texts, each when it has heard the one before, until it is to stop; gives how many that were.
fn speak(server: &Server, speaker: usize, said: &AtomicUsize, stops: &AtomicBool) -> usize {
    let mut client = Compressing::as_browser(server, "/probe");
    let mut count = 0;
    while !stops.load(Ordering::Acquire) {
        let begin = format!("{speaker} {count} ");
        let length = [300, 40, 900, 6000][count % 4];
        client.say(&format!("broadcast {begin}{}", json_line(count, length)));
        while !client.hear().text.starts_with(&begin) {}
        count += 1;
        said.fetch_add(1, Ordering::AcqRel);
    }
    count
}

/// Every member hears every text once, all in one order, whatever it has agreed to, and still compressed who has.
#[test]
fn members_of_all_kinds_hear_the_same_while_code_and_settings_change() {
    let setup = Setup::new().plugins(&["probe"]);
    let server = setup.configuration(&routes("")).start();
    let library = std::fs::read(server.plugin_file("libprobe.so")).expect("it is there");
    let mut offers = vec![
        "permessage-deflate; client_max_window_bits".to_owned(),
        "x".to_owned(),
    ];
    offers.extend((9..15).map(|bits| format!("permessage-deflate; server_max_window_bits={bits}")));
    let mut members: Vec<_> = offers
        .iter()
        .map(|offer| Compressing::connect(&server, "/probe", &[offer]))
        .collect();
    let mut events = Events::open(&server, "/probe", &[]);
    let (said, stops) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (said, stops) = (&said, &stops);
    let server = &server;
    thread::scope(|scope| {
        let heard: Vec<_> = members
            .iter_mut()
            .map(|member| {
                let has_agreed = member.agreed.is_some();
                (has_agreed, scope.spawn(|| listen(member)))
            })
            .collect();
        let of_events = scope.spawn(|| listen_to_events(&mut events));
        let speakers: Vec<_> = (0..SPEAKERS)
            .map(|speaker| scope.spawn(move || speak(server, speaker, said, stops)))
            .collect();
        for change in 0..changes() {
            let settings = [
                "compression = \"off\"\n",
                "compression = \"full\"\ncompression_level = 1\n",
                "compression = \"shared\"\ncompression_threshold = \"500 B\"\n",
                "",
            ];
            if change % 2 == 0 {
                // Bytes behind the end are no part of the library, and make it another one.
                let version = (change as u64).to_be_bytes();
                server.put_plugin("libprobe.so", &[&library[..], &version].concat());
            }
            let report = server.reload_with(&routes(settings[change % settings.len()]));
            assert!(!report.contains("refused"), "{report}");
            let before = said.load(Ordering::Acquire);
            wait_until("they speak on", || {
                said.load(Ordering::Acquire) > before + 8
            });
        }
        stops.store(true, Ordering::Release);
        let counts: Vec<_> = speakers
            .into_iter()
            .map(|speaker| speaker.join().expect("it heard what it said"))
            .collect();
        let mut last = Compressing::as_browser(server, "/probe");
        last.raw.write(frame(TEXT, b"broadcast the end"));
        let all = of_events.join().expect("the stream goes on");
        for (speaker, count) in counts.iter().enumerate() {
            let begin = format!("{speaker} ");
            let own = all.iter().filter(|text| text.starts_with(&begin));
            let numbers: Vec<usize> = own
                .filter_map(|text| text.split(' ').nth(1)?.parse().ok())
                .collect();
            assert_eq!(
                numbers,
                (0..*count).collect::<Vec<_>>(),
                "speaker {speaker}"
            );
        }
        for (index, (has_agreed, heard)) in heard.into_iter().enumerate() {
            let (texts, compressed) = heard.join().expect("its connection goes on");
            assert!(texts == all, "member {index} hears what all hear");
            // Three of four are long enough, and two while the threshold is higher.
            assert_eq!(
                compressed > all.len() / 3,
                has_agreed,
                "{compressed} of {}",
                all.len()
            );
        }
    });
}
