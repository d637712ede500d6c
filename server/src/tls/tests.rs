//! A session against rustls' own client: in any cutting, with any byte changed, and with what a socket does not take.

use proptest::prelude::*;

use super::fuzz::{Partner, session};
use super::{Flushed, Session};
use crate::limits::{TLS_OVERHEAD_BYTES, TLS_RECORD_BYTES};

/// Everything that is sealed.
fn sealed(session: &mut Session) -> Vec<u8> {
    let mut bytes = Vec::new();
    let all = session.flush(|parts| {
        let before = bytes.len();
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        Some(bytes.len() - before)
    });
    assert_eq!(all, Flushed::All);
    bytes
}

/// Gives `bytes` to the session in parts of these lengths, again and again; what could be read of them.
fn give(session: &mut Session, mut bytes: &[u8], lengths: &[usize]) -> Result<Vec<u8>, String> {
    let mut read = Vec::new();
    for length in lengths.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (mut part, rest) = bytes.split_at((*length).clamp(1, bytes.len()));
        bytes = rest;
        while !part.is_empty() {
            let taken = session.take_in(part).map_err(|error| error.to_string())?;
            part = &part[taken..];
            let mut room = [0; 4096];
            loop {
                let count = session.read(&mut room);
                if count == 0 {
                    break;
                }
                read.extend_from_slice(&room[..count]);
            }
        }
    }
    Ok(read)
}

/// A session and its client behind the handshake, which is cut into these lengths.
fn agreed(version: &str, lengths: &[usize]) -> (Box<Session>, Partner) {
    let mut session = session();
    let mut client = Partner::new(version);
    while session.is_handshaking() || client.is_handshaking() {
        let read = give(&mut session, &client.spoken(), lengths).expect("a handshake");
        assert_eq!(read, b"");
        client.hear(&sealed(&mut session)).expect("a handshake");
    }
    let agreement = session.agreement().expect("it is over");
    assert!(!agreement.is_resumed && agreement.version == version);
    (session, client)
}

fn version() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("TLS 1.3"), Just("TLS 1.2")]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_said_is_read_whatever_way_it_comes(
        version in version(),
        sizes in prop::collection::vec(0_usize..40_000, 1..4),
        lengths in prop::collection::vec(1_usize..20_000, 1..6),
    ) {
        let (mut session, mut client) = agreed(version, &lengths);
        for size in sizes {
            let text: Vec<u8> = (0..size).map(|at| (at * 7) as u8).collect();
            client.say(&text);
            let bytes = client.spoken();
            prop_assert_eq!(give(&mut session, &bytes, &lengths), Ok(text.clone()));
            let mut answered = 0;
            let mut heard = Vec::new();
            while answered < text.len() {
                let half = answered + (text.len() - answered) / 2;
                let count = session.seal(&text[answered..half], &text[half..]);
                prop_assert!(count > 0 && count <= TLS_RECORD_BYTES);
                answered += count;
                let record = sealed(&mut session);
                prop_assert!(record.len() <= count + TLS_OVERHEAD_BYTES);
                heard.extend(client.hear(&record).expect("whole records"));
            }
            prop_assert_eq!(heard, text);
        }
        session.say_goodbye();
        client.hear(&sealed(&mut session)).expect("a whole record");
        prop_assert!(client.has_heard_goodbye());
        client.say_goodbye();
        let last = client.spoken();
        prop_assert_eq!(give(&mut session, &last, &lengths), Ok(Vec::new()));
        prop_assert!(session.has_ended() && session.failure().is_none());
    }

    /// Nothing that was changed, left out or put in on the way is read, and nothing panics.
    #[test]
    fn what_was_changed_on_the_way_is_not_read(
        version in version(),
        at in 0_usize..2000,
        change in prop_oneof![
            (1_u8..=255).prop_map(Ok),
            prop::collection::vec(any::<u8>(), 1..100).prop_map(Err),
        ],
        lengths in prop::collection::vec(1_usize..3000, 1..4),
    ) {
        let (mut session, mut client) = agreed(version, &[5000]);
        for word in [&[1; 500][..], &[2; 700], &[3; 600]] {
            client.say(word);
        }
        let mut bytes = client.spoken();
        let at = at % bytes.len();
        match change {
            Ok(bits) => bytes[at] ^= bits,
            Err(noise) => drop(bytes.splice(at..at, noise)),
        }
        let whole: Vec<u8> = [&[1; 500][..], &[2; 700], &[3; 600]].concat();
        match give(&mut session, &bytes, &lengths) {
            // A length that was made larger waits for the rest.
            Ok(read) => prop_assert!(whole.starts_with(&read)),
            Err(_) => {
                prop_assert!(session.failure().is_some());
                // It goes on to fail, and tells the client why.
                prop_assert!(session.take_in(&[0]).is_err());
                prop_assert!(!sealed(&mut session).is_empty());
            }
        }
    }

    /// Whoever comes with noise instead of a handshake gets no session.
    #[test]
    fn noise_is_no_handshake(noise in prop::collection::vec(any::<u8>(), 1..600), keep in 0_usize..400) {
        let mut session = session();
        let hello = Partner::new("TLS 1.3").spoken();
        let bytes = [&hello[..keep.min(hello.len())], &noise].concat();
        let read = give(&mut session, &bytes, &[64]);
        prop_assert!(read.is_err() || session.is_handshaking());
    }
}

/// A record of which a part has left is finished before anything else, and counts as sent meanwhile.
#[test]
fn what_a_socket_does_not_take_is_kept_in_order() {
    let (mut session, mut client) = agreed("TLS 1.3", &[5000]);
    sealed(&mut session);
    assert_eq!(session.seal(&[1; 3000], &[2; 3000]), 6000);
    assert!(!session.is_flushed());
    let mut wire = Vec::new();
    for step in [0, 100, 0, 1] {
        let mut left = step;
        let flushed = session.flush(|parts| {
            let part = &parts[0][..left.min(parts[0].len())];
            left -= part.len();
            wire.extend_from_slice(part);
            Some(part.len())
        });
        assert_eq!(flushed, Flushed::Full);
    }
    assert_eq!(wire.len(), 101);
    wire.extend(sealed(&mut session));
    assert!(session.is_flushed());
    let heard = client.hear(&wire).expect("whole records");
    assert_eq!(heard, [[1; 3000], [2; 3000]].concat());
    assert_eq!(session.flush(|_| None), Flushed::All, "nothing is left");
    session.seal(&[3], &[]);
    assert_eq!(session.flush(|_| None), Flushed::Broken);
    session.fall_silent();
    assert!(session.is_flushed(), "what cannot be sent is forgotten");
}
